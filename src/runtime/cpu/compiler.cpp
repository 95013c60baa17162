// Finding the system's compiler: compile.h.
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <mutex>
#include <sstream>

#include "runtime/cpu/compile.h"
#include "runtime/cpu/cpu_info.h"
#include "runtime/process.h"
#include "support/env.h"
#include "support/error.h"

namespace flashlight::runtime::cpu {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

/** The command with its program as a path; empty if there is no such program. */
std::vector<std::string> resolve(const std::string& command) {
  std::vector<std::string> words = words_of(command);
  if (words.empty()) return {};
  words[0] = find_program(words[0]);
  if (words[0].empty()) return {};
  return words;
}

std::vector<std::string> find_command() {
  const std::string asked = read_env().cxx;
  if (!asked.empty()) {
    auto command = resolve(asked);
    if (command.empty())
      throw CompileError("FLASHLIGHT_CXX=" + asked + " is not a program that can be run");
    return command;
  }
  const char* cxx = std::getenv("CXX");
  for (const std::string& candidate : {std::string(cxx == nullptr ? "" : cxx), std::string("c++"),
                                       std::string("g++"), std::string("clang++")}) {
    if (auto command = resolve(candidate); !command.empty()) return command;
  }
  throw CompileError(
      "no C++ compiler was found: tried $FLASHLIGHT_CXX, $CXX, c++, g++ and clang++ on $PATH. "
      "Install one (Debian: apt install g++) or set FLASHLIGHT_CXX");
}

/** Which build of which program: changes when a compiler is upgraded in place. Every word counts
 * that is a program itself, so that "ccache g++" follows g++. */
Hash128 identity_of(const std::vector<std::string>& command) {
  Hash128 hash = hash_bytes("compiler");
  for (const std::string& word : command) {
    hash = combine(hash, word);
    struct stat facts;
    const std::string path = find_program(word);
    if (path.empty() || stat(path.c_str(), &facts) != 0) continue;
    hash = combine(hash, static_cast<uint64_t>(facts.st_size));
    hash = combine(hash, static_cast<uint64_t>(facts.st_mtim.tv_sec));
    hash = combine(hash, static_cast<uint64_t>(facts.st_mtim.tv_nsec));
  }
  return hash;
}

std::string ask_version(std::vector<std::string> command) {
  command.push_back("--version");
  const ProcessResult result = run_process(command, std::chrono::seconds(20));
  if (!result.ok() || result.output.empty()) {
    throw CompileError("the C++ compiler " + command[0] + " cannot be run" +
                           (result.timed_out ? ": it did not end" : ""),
                       result.output);
  }
  return result.output.substr(0, result.output.find('\n'));
}

std::string read_version(const fs::path& entry) {
  std::ifstream in(entry / "version");
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

Compiler find_compiler(Cache& cache) {
  static std::mutex mutex;
  static auto* known = new std::map<Hash128, std::string>;  // leaked, see module.h
  Compiler compiler{find_command(), "", false};
  const Hash128 identity = identity_of(compiler.command);
  std::lock_guard lock(mutex);
  std::string& version = (*known)[identity];
  if (version.empty()) {
    version = read_version(cache.get(identity, [&](const fs::path& folder) {
      std::ofstream(folder / "version") << ask_version(compiler.command) << "\n";
    }));
  }
  compiler.version = version;
  compiler.clang = version.find("clang") != std::string::npos;
  return compiler;
}

std::vector<std::string> compile_command(const Compiler& compiler, const std::string& isa) {
  std::vector<std::string> command = compiler.command;
  for (const char* flag :
       {"-std=c++20", "-O2", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
        "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-fPIC", "-shared", "-Wno-psabi"}) {
    command.push_back(flag);
  }
  // Else function-local statics of templates are shared between all loaded kernels
  // (STB_GNU_UNIQUE).
  if (!compiler.clang) command.push_back("-fno-gnu-unique");
  for (const std::string& flag : isa_flags(isa)) command.push_back(flag);
  return command;
}

}  // namespace flashlight::runtime::cpu
