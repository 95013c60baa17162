// How long work in a stream takes on the GPU.
#pragma once
#include <functional>

namespace flashlight::runtime::cuda {

/** Milliseconds between two events in a stream of the current context. Waits for the GPU. */
class Timer {
 public:
  explicit Timer(void* stream);  // throws CompileError
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /** `work` only launches. Throws CompileError: what went wrong on the GPU shows here. */
  double milliseconds(const std::function<void()>& work);

 private:
  void* stream_;
  void* events_[2] = {};
};

}  // namespace flashlight::runtime::cuda
