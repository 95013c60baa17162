#pragma once
#include "codegen/source.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cpu {

/// C++ text of a kernel over the headers of codegen/cpu/device, for any ISA whose vectors divide
/// schedule.panel. Needs: verify(kernel) holds. Read tests/unit/codegen/cpu/emit_test.cpp.
Source emit(const tile::Kernel& kernel);

}  // namespace flashlight::codegen::cpu
