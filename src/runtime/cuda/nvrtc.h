// CUDA C++ text -> a cubin from the disk cache, by NVRTC in this process. Needs neither a GPU nor
// a driver nor the CUDA toolkit. Read tests/unit/runtime/cuda/nvrtc_test.cpp.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cache.h"
#include "runtime/cuda/resources.h"

namespace flashlight::runtime::cuda {

/** A translation unit and the headers it includes, by file name. */
struct Source {
  std::string text;
  std::map<std::string_view, std::string_view> headers;
  std::string arch;                  // of a real machine: "sm_80", "sm_90a"
  std::vector<std::string> options;  // beside compile_options(arch)
};

struct CompileOptions {
  bool* built = nullptr;  // set where NVRTC ran; left alone on a cache hit
};

struct Cubin {
  std::string image;  // the binary
  std::string path;   // where it lies; the text (kernel.cu) and the log lie beside it
  std::string log;    // of NVRTC and ptxas
  Resources resources;
};

/** The library that compiles. */
struct NvrtcFacts {
  std::string path;
  int major = 0, minor = 0;
};

/** Folders that are searched for NVRTC before the system's own: the Python door names those of
 *  NVIDIA's wheels. */
void set_nvrtc_folders(std::vector<std::string> folders);

/** What FLASHLIGHT_NVRTC names; else one that this process has (PyTorch's), else of the folders
 *  above, of the loader's path, of /usr/local/cuda*. Throws CompileError that says where it looked.
 *  Looked for once for each value of FLASHLIGHT_NVRTC and the folders. */
NvrtcFacts find_nvrtc();

/** Every flag but those of the source itself. */
std::vector<std::string> compile_options(const std::string& arch);

/** From `cache`, or compiled into it. An entry is keyed by all that NVRTC sees and its version.
 *  Throws CompileError with the log. Any thread may call it. */
Cubin compile(const Source& source, Cache& cache, const CompileOptions& options = {});

}  // namespace flashlight::runtime::cuda
