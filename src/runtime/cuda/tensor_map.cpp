#include "runtime/cuda/tensor_map.h"

#include <mutex>
#include <vector>

#include "runtime/cuda/driver_library.h"
#include "support/error.h"

namespace flashlight::runtime::cuda {
namespace {

constexpr int64_t kGranule = 16;  // bytes: alignment of addresses, strides and rows of boxes
constexpr int64_t kLargestStride = int64_t(1) << 40, kLargestSize = int64_t(1) << 32;
constexpr int kLargestBox = 256;
constexpr size_t kRecent = 256;

/** Stride in bytes; one of an axis of length 1 means nothing and may be any legal number. */
int64_t stride_bytes(const MapLayout& l, int d) {
  if (l.sizes[d] != 1) return l.strides[d] * l.element_bytes;
  return (l.sizes[0] * l.element_bytes + kGranule - 1) / kGranule * kGranule;
}

size_t hash(const MapLayout& l) {
  uint64_t h = reinterpret_cast<uintptr_t>(l.address);
  const auto add = [&](uint64_t x) { h = (h ^ x) * 0x9e3779b97f4a7c15u, h ^= h >> 29; };
  add(uint64_t(l.element_bytes) << 16 | uint64_t(l.rank) << 8 | uint64_t(l.swizzle));
  for (int d = 0; d < l.rank; ++d)
    add(uint64_t(l.sizes[d])), add(uint64_t(l.strides[d])), add(uint64_t(l.box[d]));
  return size_t(h);
}

/** Elements are bits to the copy engine: unsigned integers of their size. */
int type_of(int bytes) { return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 4; }

int swizzle_of(int bytes) { return bytes == 128 ? 3 : bytes == 64 ? 2 : bytes == 32 ? 1 : 0; }

void encode_now(const MapLayout& l, TensorMap& out) {
  if (const std::string problem = map_problem(l); !problem.empty())
    throw CompileError("the copy engine cannot read a tensor: " + problem);
  const DriverLibrary& driver = driver_library();
  if (driver.encode_tiled == nullptr)
    throw CompileError("the NVIDIA driver has no cuTensorMapEncodeTiled");
  uint64_t sizes[kMapRank], strides[kMapRank];
  uint32_t box[kMapRank], steps[kMapRank];
  for (int d = 0; d < l.rank; ++d) {
    sizes[d] = uint64_t(l.sizes[d]), box[d] = uint32_t(l.box[d]), steps[d] = 1;
    if (d > 0) strides[d - 1] = uint64_t(stride_bytes(l, d));
  }
  constexpr int kNoInterleave = 0, kPromote256 = 3, kZeros = 0;
  check(driver,
        driver.encode_tiled(&out, type_of(l.element_bytes), unsigned(l.rank),
                            const_cast<void*>(l.address), sizes, strides, box, steps, kNoInterleave,
                            swizzle_of(l.swizzle), kPromote256, kZeros),
        "a tensor map cannot be made");
}

struct Recent {
  MapLayout layout;  // rank 0: empty
  TensorMap map;
};

}  // namespace

std::string map_problem(const MapLayout& l) {
  if (l.rank < 1 || l.rank > kMapRank) return "it has " + std::to_string(l.rank) + " dimensions";
  if (reinterpret_cast<uintptr_t>(l.address) % kGranule != 0)
    return "its address is no multiple of 16 bytes";
  if (l.strides[0] != 1 && l.sizes[0] != 1) return "its innermost dimension is not contiguous";
  for (int d = 0; d < l.rank; ++d) {
    if (l.sizes[d] < 1 || l.sizes[d] > kLargestSize) return "a dimension is empty or too long";
    if (l.box[d] < 1 || l.box[d] > kLargestBox) return "a box is longer than 256";
    const int64_t stride = d == 0 ? 0 : stride_bytes(l, d);
    if (stride % kGranule != 0) return "a stride is no multiple of 16 bytes";
    if (stride < 0 || stride >= kLargestStride) return "a stride is negative or too large";
  }
  const int row = l.box[0] * l.element_bytes;
  if (row % kGranule != 0) return "a row of a box is no multiple of 16 bytes";
  if (l.swizzle != 0 && row > l.swizzle) return "a row of a box is longer than its swizzle";
  return "";
}

void encode(const MapLayout& layout, TensorMap& out) {
  static std::mutex mutex;
  static auto* const recent = new std::vector<Recent>(kRecent);  // leaked, see module.h
  Recent& slot = (*recent)[hash(layout) % kRecent];
  {
    const std::lock_guard lock(mutex);
    if (slot.layout == layout) {
      out = slot.map;
      return;
    }
  }
  encode_now(layout, out);
  const std::lock_guard lock(mutex);
  slot = {layout, out};
}

}  // namespace flashlight::runtime::cuda
