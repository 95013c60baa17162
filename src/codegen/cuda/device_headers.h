#pragma once

#include <map>
#include <string_view>

namespace flashlight::codegen::cuda {

/** The text of every header in codegen/cuda/device, by file name ("ptx.cuh"): what generated CUDA
 *  kernels include. Embedded at build by tools/embed.py. */
const std::map<std::string_view, std::string_view>& device_headers();

}  // namespace flashlight::codegen::cuda
