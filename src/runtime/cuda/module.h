// A kernel on one GPU, and its launch. Nothing here waits for the GPU.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/cuda/nvrtc.h"

namespace flashlight::runtime::cuda {

struct Launch {
  int64_t ctas = 0;
  void* stream = nullptr;  // CUstream; null: the default stream
  const void* params = nullptr;
  size_t param_bytes = 0;  // readable; at least what the kernel takes
};

/** An entry of a cubin, loaded into the context that is current on `device`. Stays loaded until
 *  the process ends: its code may still run when the last handle is gone. */
class LoadedKernel {
 public:
  /** `threads` and dynamic `shared_bytes` of a CTA. Throws CompileError that names the cause: a
   *  driver too old for the cubin, too much shared memory, no memory, no such entry. Allowed while
   *  a stream of this thread is captured. */
  LoadedKernel(const Cubin& cubin, const std::string& entry, int device, int threads,
               int shared_bytes);

  /** Needs the same device to be current (ContextGuard). A launch of no CTAs does nothing.
   *  Throws CompileError. */
  void launch(const Launch& launch) const;

  int device() const { return device_; }
  int64_t largest_grid() const { return (int64_t(1) << 31) - 1; }

 private:
  void* function_ = nullptr;
  int device_ = 0, threads_ = 0, shared_bytes_ = 0;
  size_t param_bytes_ = 0;  // that the kernel takes; 0: the driver does not tell
};

}  // namespace flashlight::runtime::cuda
