#pragma once
#include "codegen/cuda/source.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

/// CUDA C++ text of a kernel over the headers of codegen/cuda/device, by the path that
/// kernel.schedule names. Throws Refused where that path cannot hold the kernel (too much shared
/// memory, say): the caller takes the next candidate. Read tests/unit/codegen/cuda.
Source emit(const tile::Kernel& kernel, const tile::Target& target);

}  // namespace flashlight::codegen::cuda
