#include "runtime/cpu/cpu_info.h"

#include <algorithm>
#include <fstream>

#include "support/env.h"
#include "support/error.h"

namespace flashlight::runtime::cpu {
namespace {

bool known(const std::string& isa) {
  return std::find(known_isas().begin(), known_isas().end(), isa) != known_isas().end();
}

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

/** "48K" or "2M" to bytes; 0 if it is neither. */
int64_t parse_size(const std::string& text) {
  int64_t value = 0;
  size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; i++)
    value = value * 10 + (text[i] - '0');
  const char unit = i < text.size() ? text[i] : ' ';
  return value * (unit == 'K' ? 1 << 10 : unit == 'M' ? 1 << 20 : unit == 'G' ? 1 << 30 : 1);
}

}  // namespace

const std::vector<std::string>& known_isas() {
  static const std::vector<std::string> kIsas = {"generic", "avx2", "avx512"};
  return kIsas;
}

bool isa_supported(const std::string& isa) {
  if (isa == "generic") return true;
#if defined(__x86_64__)
  // The builtin also asks whether the operating system saves the registers.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == "avx2") return avx2;
  if (isa == "avx512") {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  }
#endif
  return false;
}

std::string host_isa() {
  const std::string asked = read_env().isa;
  if (!asked.empty()) {
    if (!known(asked))
      throw CompileError("FLASHLIGHT_ISA=" + asked + ": known are generic, avx2, avx512");
    if (!isa_supported(asked))
      throw CompileError("FLASHLIGHT_ISA=" + asked + ": this machine cannot run it");
    return asked;
  }
  const auto& isas = known_isas();
  return *std::find_if(isas.rbegin(), isas.rend(), isa_supported);
}

std::vector<std::string> isa_flags(const std::string& isa) {
  FLASHLIGHT_CHECK(known(isa), "unknown instruction set " + isa);
  std::vector<std::string> flags;
  if (isa != "generic") flags = {"-mavx2", "-mfma", "-mf16c"};
  if (isa == "avx512") {
    for (const char* flag :
         {"-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mprefer-vector-width=512"}) {
      flags.push_back(flag);
    }
  }
  return flags;
}

VectorUnit vector_unit(const std::string& isa) {
  if (isa == "avx512") return {64, 32};
  if (isa == "avx2") return {32, 16};
#if defined(__aarch64__)
  return {16, 32};
#else
  return {16, 16};
#endif
}

CacheSizes cache_sizes() {
  CacheSizes sizes;
  const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index";
  for (int i = 0; i < 8; i++) {
    const std::string base = folder + std::to_string(i) + "/";
    const std::string type = first_line(base + "type");
    const int64_t bytes = parse_size(first_line(base + "size"));
    if (type == "Instruction" || bytes <= 0) continue;
    const std::string level = first_line(base + "level");
    if (level == "1") sizes.l1 = bytes;
    if (level == "2") sizes.l2 = bytes;
    if (level == "3") sizes.l3 = bytes;
  }
  return sizes;
}

}  // namespace flashlight::runtime::cpu
