// A driver without a GPU: libcuda.so.1 of these tests. It writes down what it is asked to do.
#pragma once
#include <cstddef>
#include <cstdint>

namespace flashlight::test {

struct FakeDriver {
  int launches = 0, encodes = 0, loads = 0;
  int load_status = 0;  // what the next loads return
  unsigned grid = 0, threads = 0, shared = 0;
  void* stream = nullptr;
  size_t param_bytes = 64;  // that every kernel takes
  unsigned char params[4096] = {};
  int capturing = 0;    // status of every stream
  double clock_ms = 0;  // each launch takes milliseconds:
  double (*cost_ms)(unsigned threads, unsigned shared) = nullptr;
  // Of the last tensor map.
  unsigned rank = 0;
  int type = 0, swizzle = 0;
  uint64_t sizes[5] = {}, strides[4] = {};
  uint32_t box[5] = {};
};

}  // namespace flashlight::test

/** The state of the one fake driver. Device 0 is a Hopper GPU, device 1 is too old. */
extern "C" flashlight::test::FakeDriver* fake_driver();
