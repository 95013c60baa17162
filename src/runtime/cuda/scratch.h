// Device memory that a launch needs beside its tensors.
#pragma once
#include <cstddef>

namespace flashlight::runtime::cuda {

/** Two ints that are 0 and that no other launch uses at the same time: those of the stream, whose
 *  launches follow each other; a captured launch gets a pair of its own, as graphs may run side by
 *  side (of one device, the 61441st shares the first one's, and so does the 4097th stream).
 *  Allocates nothing after the first call for a device. Throws CompileError. */
void* launch_counter(int device, void* stream);

/** Takes the memory for counters, so that launch_counter() needs none while a stream is captured.
 */
void reserve_counters(int device);

/** Memory in the order of a stream, given back when what was launched before has run. */
class StreamMemory {
 public:
  StreamMemory(size_t bytes, void* stream);  // throws CompileError
  ~StreamMemory();
  StreamMemory(const StreamMemory&) = delete;
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  void* stream_;
};

}  // namespace flashlight::runtime::cuda
