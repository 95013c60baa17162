// Memory of tensors for kernels under test: guarded, and read and written in any dtype.
#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "ir/program.h"

namespace flashlight::test {

/// A tensor whose last byte is followed by a page that may not be touched. Output: its page is
/// filled with a mark first, so that writes before it show.
class Memory {
 public:
  Memory(std::vector<int64_t> strides, size_t bytes)
      : strides(std::move(strides)), size_((bytes + 64 + kPage - 1) / kPage * kPage) {
    start_ = static_cast<char*>(
        mmap(nullptr, size_ + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(start_ + size_, kPage, PROT_NONE);
    std::memset(start_, 0xff, size_);
    data = start_ + size_ - bytes;
  }
  ~Memory() {
    if (start_) munmap(start_, size_ + kPage);
  }
  Memory(Memory&& other) noexcept
      : strides(std::move(other.strides)),
        data(other.data),
        start_(other.start_),
        size_(other.size_) {
    other.start_ = nullptr;
  }
  bool marked_before() const {
    return std::all_of(start_, data, [](char c) { return c == '\xff'; });
  }

  std::vector<int64_t> strides;
  char* data = nullptr;

 private:
  static constexpr size_t kPage = 4096;
  char* start_ = nullptr;
  size_t size_ = 0;
};

inline uint16_t to_bf16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  return static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

inline void put(char* p, ir::DType type, double x) {
  const auto as = [&](auto value) { std::memcpy(p, &value, sizeof value); };
  switch (type) {
    case ir::DType::F32:
      return as(static_cast<float>(x));
    case ir::DType::F64:
      return as(x);
    case ir::DType::I64:
      return as(static_cast<int64_t>(x));
    case ir::DType::I32:
      return as(static_cast<int32_t>(x));
    case ir::DType::BF16:
      return as(to_bf16(static_cast<float>(x)));
    case ir::DType::F16:
      return as(static_cast<_Float16>(x));
    default:
      return as(static_cast<uint8_t>(x));
  }
}

inline double get(const char* p, ir::DType type) {
  const auto as = [&](auto value) {
    std::memcpy(&value, p, sizeof value);
    return static_cast<double>(value);
  };
  switch (type) {
    case ir::DType::F32:
      return as(float());
    case ir::DType::F64:
      return as(double());
    case ir::DType::I64:
      return as(int64_t());
    case ir::DType::I32:
      return as(int32_t());
    case ir::DType::BF16: {
      uint16_t h;
      std::memcpy(&h, p, 2);
      const uint32_t u = static_cast<uint32_t>(h) << 16;
      float f;
      std::memcpy(&f, &u, 4);
      return f;
    }
    case ir::DType::F16:
      return as(_Float16());
    default:
      return as(uint8_t());
  }
}

}  // namespace flashlight::test
