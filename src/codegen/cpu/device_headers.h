#pragma once

#include <map>
#include <string_view>

namespace flashlight::codegen::cpu {

/** The text of every header in codegen/cpu/device, by file name ("simd.h"): what generated kernels
 *  include. Embedded at build by tools/embed.py, so that an installed library needs no source tree.
 */
const std::map<std::string_view, std::string_view>& device_headers();

}  // namespace flashlight::codegen::cpu
