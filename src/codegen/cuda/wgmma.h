#pragma once
#include <string>

namespace flashlight::codegen::cuda {

/// The specialization Wgmma<n, Type> of hopper.cuh, to be put before a kernel that uses it (the
/// emulator has its own). `type`: "bf16", "f16" or "tf32" (which has no n-major forms). n: a
/// multiple of 8, 8 .. 256. Throws InternalError on others.
std::string wgmma_text(int n, const std::string& type);

}  // namespace flashlight::codegen::cuda
