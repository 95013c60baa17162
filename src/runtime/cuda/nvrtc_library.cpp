#include "runtime/cuda/nvrtc_library.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/cuda/nvrtc.h"
#include "support/env.h"
#include "support/error.h"

namespace flashlight::runtime::cuda {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNames[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
constexpr const char* kPrefix = "libnvrtc";
constexpr const char* kBuiltins = "libnvrtc-builtins";
constexpr const char* kToolkits = "/usr/local";

std::mutex mutex;  // of what follows

std::vector<std::string>& folders() {
  static auto* const all = new std::vector<std::string>;  // leaked, see module.h
  return *all;
}

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.rfind(prefix, 0) == 0;
}

/** NVRTC opens its builtins by name when it first compiles. In a wheel they are on nobody's search
 *  path, but a library that is loaded already is found by its name. */
void load_builtins(const fs::path& beside) {
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(beside, ignored)) {
    const std::string name = item.path().filename().string();
    if (starts_with(name, kBuiltins) && name.find(".alt.") == std::string::npos)
      open_library(item.path().string());
  }
}

std::unique_ptr<NvrtcLibrary> load(const std::string& path) {
  auto out = std::make_unique<NvrtcLibrary>();
  out->library = open_library(path);
  const Library& from = out->library;
  if (!from || !from.get("nvrtcGetErrorString", out->error_text) ||
      !from.get("nvrtcVersion", out->version) || !from.get("nvrtcCreateProgram", out->create) ||
      !from.get("nvrtcDestroyProgram", out->destroy) ||
      !from.get("nvrtcCompileProgram", out->compile) ||
      !from.get("nvrtcGetProgramLogSize", out->log_size) ||
      !from.get("nvrtcGetProgramLog", out->log) ||
      !from.get("nvrtcGetCUBINSize", out->cubin_size) || !from.get("nvrtcGetCUBIN", out->cubin) ||
      out->version(&out->major, &out->minor) != 0)
    return nullptr;
  std::error_code unknown;
  const auto bytes = fs::file_size(from.path, unknown);
  if (!unknown) out->bytes = size_t(bytes);
  load_builtins(fs::path(from.path).parent_path());
  return out;
}

std::unique_ptr<NvrtcLibrary> load_from(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : kNames)
    if (fs::exists(folder / name, ignored))
      if (auto found = load((folder / name).string())) return found;
  return nullptr;
}

/** /usr/local/cuda-13.0/lib64 and its kin, the newest first. */
std::vector<std::string> toolkits() {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(kToolkits, ignored))
    if (starts_with(item.path().filename().string(), "cuda"))
      out.push_back((item.path() / "lib64").string());
  std::sort(out.rbegin(), out.rend());
  return out;
}

std::unique_ptr<NvrtcLibrary> search() {
  if (const std::string asked = read_env().nvrtc; !asked.empty()) {
    auto found = fs::is_directory(asked) ? load_from(asked) : load(asked);
    if (!found)
      throw CompileError("FLASHLIGHT_NVRTC=" + asked + " is not NVRTC's library or its folder");
    return found;
  }
  for (const std::string& path : loaded_libraries(kPrefix))
    if (path.find(kBuiltins) == std::string::npos)
      if (auto found = load(path)) return found;
  std::string looked;
  for (const std::string& folder : folders()) {
    if (auto found = load_from(folder)) return found;
    looked += folder + ", ";
  }
  for (const char* name : kNames)
    if (auto found = load(name)) return found;
  for (const std::string& folder : toolkits()) {
    if (auto found = load_from(folder)) return found;
    looked += folder + ", ";
  }
  throw CompileError(
      "NVRTC, which compiles kernels for NVIDIA GPUs, was not found. Looked for libnvrtc.so.13, "
      "libnvrtc.so.12 and libnvrtc.so among the libraries of this process, in " +
      looked +
      "on the loader's path and in /usr/local/cuda*/lib64. Install it (pip install "
      "nvidia-cuda-nvrtc) or set FLASHLIGHT_NVRTC");
}

}  // namespace

void set_nvrtc_folders(std::vector<std::string> wanted) {
  const std::lock_guard lock(mutex);
  folders() = std::move(wanted);
}

const NvrtcLibrary& nvrtc_library() {
  static auto* const known = new std::map<std::string, std::unique_ptr<NvrtcLibrary>>;
  const std::lock_guard lock(mutex);
  std::string key = read_env().nvrtc;
  for (const std::string& folder : folders()) key += "\n" + folder;
  std::unique_ptr<NvrtcLibrary>& found = (*known)[key];
  if (!found) found = search();
  return *found;
}

NvrtcFacts find_nvrtc() {
  const NvrtcLibrary& found = nvrtc_library();
  return {found.library.path, found.major, found.minor};
}

}  // namespace flashlight::runtime::cuda
