// NVIDIA GPUs of this machine, by the driver that is found at run time: a machine without one loads
// the same binary. Read tests/unit/runtime/cuda/driver_test.cpp.
#pragma once
#include <cstdint>
#include <string>

namespace flashlight::runtime::cuda {

constexpr int kLeastCapability = 80;

struct Device {
  int ordinal = 0;
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  int shared_bytes = 0;  // that a CTA may ask for

  int capability() const { return 10 * major + minor; }
  /** What kernels are compiled for: "sm_80", "sm_90a" (with the features of that machine alone). */
  std::string arch() const;
};

/** The device of this number, as PyTorch counts. Throws CompileError: no driver, no such device. */
const Device& device(int ordinal);

/** Why kernels cannot run on this device; empty if they can. Asks the driver, and nothing that
 *  takes memory on the device. */
std::string device_problem(int ordinal);

/** Whether what goes into this stream is recorded for a graph instead of run. */
bool is_captured(void* stream);

/** While it lives, a context of this device is current in the thread: the current one where it is
 *  one, else the primary context, which is PyTorch's. Throws CompileError. */
class ContextGuard {
 public:
  explicit ContextGuard(int ordinal);
  ~ContextGuard();
  ContextGuard(const ContextGuard&) = delete;
  ContextGuard& operator=(const ContextGuard&) = delete;

 private:
  void* before_ = nullptr;
  bool changed_ = false;
};

}  // namespace flashlight::runtime::cuda
