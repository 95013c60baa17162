#include "runtime/cpu/compile.h"

#include "runtime/cpu/load.h"
#include "runtime/file.h"
#include "runtime/process.h"
#include "support/env.h"
#include "support/error.h"

namespace flashlight::runtime::cpu {
namespace fs = std::filesystem;
namespace {

constexpr const char* kObject = "kernel.so";
constexpr const char* kText = "kernel.cpp";

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Hash128 key_of(const Source& source, const Compiler& compiler,
               const std::vector<std::string>& command) {
  Hash128 key = combine(hash_bytes(source.text), compiler.version);
  for (const std::string& word : command) key = combine(key, word);
  for (const auto& [name, text] : source.headers) key = combine(combine(key, name), text);
  return key;
}

/** Leaves kernel.so, and kernel.cpp for a reader, in `folder`. */
void build(const fs::path& folder, const Source& source, std::vector<std::string> command,
           const CompileOptions& options) {
  const fs::path include = folder / "include";
  fs::create_directory(include);
  for (const auto& [name, text] : source.headers) write_file(include / name, text);
  write_file(folder / kText, source.text);
  for (const std::string& word : {"-I" + include.string(), (folder / kText).string(),
                                  std::string("-o"), (folder / kObject).string()}) {
    command.push_back(word);
  }
  const ProcessResult result = run_process(command, options.timeout);
  if (!result.ok() || !fs::exists(folder / kObject)) {
    const std::string how =
        !result.started     ? "could not be started"
        : result.timed_out  ? "did not end in " + std::to_string(options.timeout.count()) + " ms"
        : result.status < 0 ? "was killed"
                            : "failed with status " + std::to_string(result.status);
    throw CompileError("the C++ compiler " + how + ": " + join(command), result.output);
  }
  fs::remove_all(include);
}

}  // namespace

std::shared_ptr<const Module> compile(const Source& source, Cache& cache,
                                      const CompileOptions& options) {
  const Compiler compiler = find_compiler(cache);
  const std::vector<std::string> command = compile_command(compiler, source.isa);
  if (debug_wants("source")) debug_print("source", source.text);
  const fs::path entry = cache.get(key_of(source, compiler, command), [&](const fs::path& folder) {
    build(folder, source, command, options);
    if (options.built) *options.built = true;
  });
  return load((entry / kObject).string());
}

}  // namespace flashlight::runtime::cpu
