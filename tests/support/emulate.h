// Runs what the CUDA emitter made on the CPU: the text, compiled over the emulator of
// codegen/cuda/device/emulate.cuh.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "codegen/cuda/source.h"
#include "ir/interpret.h"
#include "tile/kernel.h"

namespace flashlight::test {

/// A tensor as a launch sees it; strides in elements.
struct DeviceTensor {
  void* data = nullptr;
  std::vector<int64_t> shape, strides;
  ir::DType dtype = ir::DType::F32;
};

struct EmulateOptions {
  uint32_t seed = 0;         // another order of warps and of asynchronous completions
  int multiprocessors = 3;   // of the machine that persistent kernels believe in
  std::map<std::string, std::vector<int>> order;  // tensor -> dimensions from outer to inner
};

/// Launches the kernel on tensors (inputs, then outputs) with the values of its symbols. Throws
/// InternalError with what the emulator found (a deadlock, an address out of range ...), or
/// CompileError. One launch at a time in a process.
void emulate(const codegen::cuda::Source& source, const std::vector<DeviceTensor>& tensors,
             const std::vector<ir::SymbolInfo>& symbols, const EmulateOptions& options = {});

/// The same on arrays, which become tensors of the kernel's dtypes between guarded pages; outputs
/// start as NaN. Row major unless options.order says otherwise.
std::vector<ir::Array> emulate(const codegen::cuda::Source& source, const tile::Kernel& kernel,
                               const std::vector<ir::Array>& inputs, const ir::Bindings& symbols,
                               const EmulateOptions& options = {});

}  // namespace flashlight::test
