#pragma once
#include <string>

namespace flashlight::codegen::cuda {

/// A specialization of scores_hopper or values_hopper of warpgroup.cuh, to be put before a kernel
/// that calls it: all its wgmma in one block of instructions, which NVRTC compiles in a fifth less
/// time than one block each (the emulator has its own). `type`: "Bf16" or "F16"; n, v: multiples of
/// 8, 8 .. 256; k: a multiple of 16. Throws InternalError on others.
std::string scores_text(const std::string& type, int n, int k, int rows_a, bool started);
std::string values_text(const std::string& type, int n, int v);

}  // namespace flashlight::codegen::cuda
