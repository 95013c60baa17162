#include "runtime/cuda/scratch.h"

#include <array>
#include <map>
#include <mutex>

#include "runtime/cuda/driver.h"
#include "runtime/cuda/driver_library.h"
#include "support/error.h"

namespace flashlight::runtime::cuda {
namespace {

constexpr size_t kPair = 8;         // bytes of one counter
constexpr size_t kStreams = 4096;   // pairs for streams; the rest is dealt to captured launches
constexpr size_t kPairs = 1 << 16;  // of a device

using Address = unsigned long long;

/// The counters of one device. Never given back: kernels may run until the process ends.
struct Pool {
  Address base = 0;
  std::map<void*, size_t> of_stream;
  size_t captured = 0;
};

std::mutex& mutex() {
  static auto* const m = new std::mutex;
  return *m;
}

/// With the mutex held.
Pool& pool(int device) {
  static auto* const pools = new std::map<int, Pool>;
  Pool& p = (*pools)[device];
  if (p.base) return p;
  const DriverLibrary& driver = driver_library();
  if (!driver.memory_allocate || !driver.memory_set)
    throw CompileError("the NVIDIA driver has no functions for device memory");
  Address base = 0;
  check(driver, driver.memory_allocate(&base, kPairs * kPair), "no device memory for counters");
  check(driver, driver.memory_set(base, 0, kPairs * kPair), "counters of the device");
  p.base = base;
  return p;
}

}  // namespace

void reserve_counters(int device) {
  const std::lock_guard lock(mutex());
  pool(device);
}

void* launch_counter(int device, void* stream) {
  const bool captured = is_captured(stream);
  const std::lock_guard lock(mutex());
  Pool& p = pool(device);
  size_t pair = 0;
  if (captured) {
    pair = kStreams + p.captured++ % (kPairs - kStreams);
  } else {
    const auto [it, fresh] = p.of_stream.try_emplace(stream, p.of_stream.size() % kStreams);
    pair = it->second;
  }
  return reinterpret_cast<void*>(p.base + pair * kPair);
}

StreamMemory::StreamMemory(size_t bytes, void* stream) : stream_(stream) {
  if (bytes == 0) return;
  const DriverLibrary& driver = driver_library();
  if (!driver.memory_allocate_async || !driver.memory_free_async)
    throw CompileError("the NVIDIA driver has no memory in the order of a stream");
  Address address = 0;
  check(driver, driver.memory_allocate_async(&address, bytes, stream),
        "no device memory for a workspace");
  data_ = reinterpret_cast<void*>(address);
}

StreamMemory::~StreamMemory() {
  if (data_) driver_library().memory_free_async(reinterpret_cast<Address>(data_), stream_);
}

}  // namespace flashlight::runtime::cuda
