#include "support/env.h"

#include <cstdio>
#include <cstdlib>

namespace flashlight {
namespace {

std::string read(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

}  // namespace

Env read_env() {
#define FLASHLIGHT_ENV_READ(field, type, name, fallback, help) .field = read(name, fallback),
  return Env{FLASHLIGHT_ENV_TABLE(FLASHLIGHT_ENV_READ)};
#undef FLASHLIGHT_ENV_READ
}

const std::vector<EnvRow>& env_rows() {
#define FLASHLIGHT_ENV_ROW(field, type, name, fallback, help) {name, fallback, help},
  static const std::vector<EnvRow> kRows = {FLASHLIGHT_ENV_TABLE(FLASHLIGHT_ENV_ROW)};
#undef FLASHLIGHT_ENV_ROW
  return kRows;
}

bool debug_wants(std::string_view topic) {
  const std::string asked = read_env().debug;
  std::string_view rest = asked;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    if (word == topic || word == "all") return true;
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  return false;
}

void debug_print(std::string_view topic, std::string_view text) {
  if (!debug_wants(topic)) return;
  // One call, so that the text of two threads does not interleave.
  std::string out = "[flashlight] " + std::string(topic) + "\n";
  out += text;
  if (out.back() != '\n') out += '\n';
  std::fwrite(out.data(), 1, out.size(), stderr);
}

}  // namespace flashlight
