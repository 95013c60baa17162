#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cache.h"
#include "runtime/module.h"

namespace flashlight::runtime::cpu {

/** A translation unit and the headers it includes, by file name. */
struct Source {
  std::string text;
  std::map<std::string_view, std::string_view> headers;
  std::string isa;  // of cpu_info.h
};

struct CompileOptions {
  std::chrono::milliseconds timeout = std::chrono::minutes(2);
  bool* built = nullptr;  // set where the compiler ran; left alone on a cache hit
};

/** The compiler that FLASHLIGHT_CXX names, else $CXX, else the first of c++, g++, clang++ on $PATH.
 */
struct Compiler {
  std::vector<std::string>
      command;          // the program's path, then words that belong to it ("ccache g++")
  std::string version;  // the first line of --version
  bool clang = false;
};

/** Finds it; asks for its version once per (path, size, time of change), remembered in `cache`.
 *  Throws CompileError, naming what was tried, when there is none. */
Compiler find_compiler(Cache& cache);

/** The whole command line but for input and output. */
std::vector<std::string> compile_command(const Compiler& compiler, const std::string& isa);

/** The loaded kernel: from `cache`, or compiled into it. With an intact entry no process is
 * started. Throws CompileError with the compiler's log. Any thread may call it. */
std::shared_ptr<const Module> compile(const Source& source, Cache& cache,
                                      const CompileOptions& options = {});

}  // namespace flashlight::runtime::cpu
