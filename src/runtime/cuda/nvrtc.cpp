#include "runtime/cuda/nvrtc.h"

#include "runtime/cuda/nvrtc_library.h"
#include "runtime/file.h"
#include "support/env.h"
#include "support/error.h"

namespace flashlight::runtime::cuda {
namespace fs = std::filesystem;
namespace {

constexpr const char* kImage = "kernel.cubin";
constexpr const char* kText = "kernel.cu";
constexpr const char* kLog = "kernel.log";

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> options_of(const Source& source) {
  std::vector<std::string> out = compile_options(source.arch);
  out.insert(out.end(), source.options.begin(), source.options.end());
  return out;
}

Hash128 key_of(const Source& source, const NvrtcLibrary& nvrtc,
               const std::vector<std::string>& options) {
  Hash128 key = combine(hash_bytes("nvrtc"), source.text);
  for (const uint64_t part : {uint64_t(nvrtc.major), uint64_t(nvrtc.minor), uint64_t(nvrtc.bytes)})
    key = combine(key, part);
  for (const std::string& option : options) key = combine(key, option);
  for (const auto& [name, text] : source.headers) key = combine(combine(key, name), text);
  return key;
}

/** One program of NVRTC. */
class Program {
 public:
  Program(const NvrtcLibrary& nvrtc, const Source& source) : nvrtc_(nvrtc) {
    for (const auto& [name, text] : source.headers)
      owned_.emplace_back(name), owned_.emplace_back(text);
    std::vector<const char*> names, texts;
    for (size_t i = 0; i < owned_.size(); i += 2)
      names.push_back(owned_[i].c_str()), texts.push_back(owned_[i + 1].c_str());
    const int status = nvrtc_.create(&program_, source.text.c_str(), kText, int(names.size()),
                                     texts.data(), names.data());
    if (status != 0) throw CompileError(std::string("NVRTC: ") + nvrtc_.error_text(status));
  }
  ~Program() { nvrtc_.destroy(&program_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void compile(const std::vector<std::string>& options) {
    std::vector<const char*> words;
    for (const std::string& option : options) words.push_back(option.c_str());
    const int status = nvrtc_.compile(program_, int(words.size()), words.data());
    if (status == 0) return;
    throw CompileError("NVRTC " + std::to_string(nvrtc_.major) + "." +
                           std::to_string(nvrtc_.minor) + " (" + nvrtc_.library.path +
                           ") failed with " + nvrtc_.error_text(status) + ": " + join(options),
                       log());
  }
  std::string log() const { return text(nvrtc_.log_size, nvrtc_.log, /*terminated=*/1); }
  std::string cubin() const { return text(nvrtc_.cubin_size, nvrtc_.cubin, 0); }

 private:
  std::string text(int (*size_of)(NvrtcLibrary::Program, size_t*),
                   int (*copy)(NvrtcLibrary::Program, char*), size_t terminated) const {
    size_t size = 0;
    if (size_of(program_, &size) != 0 || size <= terminated) return "";
    std::string out(size, '\0');
    if (copy(program_, out.data()) != 0) return "";
    out.resize(size - terminated);
    return out;
  }

  const NvrtcLibrary& nvrtc_;
  std::vector<std::string> owned_;  // names and texts of headers: NVRTC reads them when it compiles
  NvrtcLibrary::Program program_ = nullptr;
};

/** Leaves the cubin, and text and log for a reader, in `folder`. */
void build(const fs::path& folder, const Source& source, const NvrtcLibrary& nvrtc,
           const std::vector<std::string>& options) {
  Program program(nvrtc, source);
  program.compile(options);
  const std::string image = program.cubin();
  if (image.empty()) throw CompileError("NVRTC made no binary: " + join(options), program.log());
  write_file(folder / kImage, image);
  write_file(folder / kText, source.text);
  write_file(folder / kLog, program.log());
}

}  // namespace

std::vector<std::string> compile_options(const std::string& arch) {
  // -v: the log tells registers and spills. Functions are device code unless they say otherwise, so
  // that headers may have plain constexpr helpers.
  return {"--gpu-architecture=" + arch, "-std=c++20", "--device-as-default-execution-space",
          "--ptxas-options=-v"};
}

Cubin compile(const Source& source, Cache& cache, const CompileOptions& options) {
  const NvrtcLibrary& nvrtc = nvrtc_library();
  const std::vector<std::string> flags = options_of(source);
  if (debug_wants("source")) debug_print("source", source.text);
  const fs::path entry = cache.get(key_of(source, nvrtc, flags), [&](const fs::path& folder) {
    build(folder, source, nvrtc, flags);
    if (options.built) *options.built = true;
  });
  Cubin out{read_file(entry / kImage), (entry / kImage).string(), read_file(entry / kLog), {}};
  out.resources = parse_resources(out.log);
  return out;
}

}  // namespace flashlight::runtime::cuda
