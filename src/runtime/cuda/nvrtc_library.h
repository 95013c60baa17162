// NVRTC's C functions, found at run time: we declare them ourselves, so that no toolkit is needed.
#pragma once
#include <cstddef>
#include <string>

#include "runtime/cuda/library.h"

namespace flashlight::runtime::cuda {

struct NvrtcLibrary {
  Library library;
  int major = 0, minor = 0;
  size_t bytes = 0;  // of the file: tells apart builds of one version

  using Program = void*;
  const char* (*error_text)(int) = nullptr;
  int (*version)(int*, int*) = nullptr;
  int (*create)(Program*, const char* text, const char* name, int headers, const char* const* texts,
                const char* const* names) = nullptr;
  int (*destroy)(Program*) = nullptr;
  int (*compile)(Program, int count, const char* const* options) = nullptr;
  int (*log_size)(Program, size_t*) = nullptr;
  int (*log)(Program, char*) = nullptr;
  int (*cubin_size)(Program, size_t*) = nullptr;
  int (*cubin)(Program, char*) = nullptr;
};

/** See find_nvrtc(). The reference stays valid for ever. */
const NvrtcLibrary& nvrtc_library();

}  // namespace flashlight::runtime::cuda
