#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/** Every environment variable that we read, one row each: field, type, name, default, help.
 *  Nothing else in the library calls getenv for a FLASHLIGHT_ name. */
#define FLASHLIGHT_ENV_TABLE(ROW)                                                               \
  ROW(debug, std::string, "FLASHLIGHT_DEBUG", "",                                               \
      "comma-separated topics to print to stderr: passes, source, time, cache; or all")         \
  ROW(cache_dir, std::string, "FLASHLIGHT_CACHE_DIR", "",                                       \
      "folder of compiled kernels; default: $XDG_CACHE_HOME/flashlight or ~/.cache/flashlight") \
  ROW(cxx, std::string, "FLASHLIGHT_CXX", "",                                                   \
      "C++ compiler for kernels; default: $CXX, then the first of c++, g++, clang++ found")     \
  ROW(isa, std::string, "FLASHLIGHT_ISA", "",                                                   \
      "instruction set of CPU kernels: avx2 or avx512; default: the best this machine has")     \
  ROW(nvrtc, std::string, "FLASHLIGHT_NVRTC", "",                                               \
      "NVRTC's library or the folder it is in; default: PyTorch's, then the system's")

namespace flashlight {

/** The environment as typed values; the fields are the table's rows. */
struct Env {
#define FLASHLIGHT_ENV_FIELD(field, type, name, fallback, help) type field;
  FLASHLIGHT_ENV_TABLE(FLASHLIGHT_ENV_FIELD)
#undef FLASHLIGHT_ENV_FIELD
};

/** One row of the table, for printing. */
struct EnvRow {
  const char* name;
  const char* fallback;
  const char* help;
};

/** Reads the environment now: no caching, so a host may set a variable between two compiles. */
Env read_env();

const std::vector<EnvRow>& env_rows();

/** Whether FLASHLIGHT_DEBUG asks for `topic`; ask before building a costly text. */
bool debug_wants(std::string_view topic);

/** The only place that prints: `text` to stderr, under a line that names the topic, and only when
 *  FLASHLIGHT_DEBUG asks for that topic. */
void debug_print(std::string_view topic, std::string_view text);

}  // namespace flashlight
