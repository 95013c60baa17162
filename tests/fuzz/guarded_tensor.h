// Memory of one tensor in any layout, between pages that may not be touched. Whatever is no element
// (gaps, slack) is poison, and must still be poison after the call.
#pragma once
#include <sys/mman.h>

#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <stdexcept>

#include "ir/interpret.h"
#include "tile/schedule.h"
#include "unit/codegen/cpu/kernel_run.h"  // put, get: elements as bytes

namespace flashlight::fuzz {

using Random = std::mt19937_64;
inline int64_t pick(Random& rng, int64_t n) {
  return static_cast<int64_t>(rng() % static_cast<uint64_t>(n));
}
inline bool chance(Random& rng, double p) { return static_cast<double>(rng() >> 11) * 0x1p-53 < p; }

/// How a tensor lies in memory whatever its sizes.
struct Layout {
  std::vector<int> order;       // dimensions from outer to inner
  std::vector<int64_t> gap;     // elements left free after each dimension
  std::vector<bool> broadcast;  // stride 0
  int64_t step = 1;             // stride of the innermost dimension
  bool at_end = false;          // ends at the page that may not be touched; else it starts there
  bool known = true;            // the kernel is made for this layout; else for any strides

  std::vector<int64_t> strides(const std::vector<int64_t>& shape) const {
    std::vector<int64_t> out(shape.size(), 0);
    int64_t next = step;
    for (size_t k = order.size(); k-- > 0;) {
      const auto d = static_cast<size_t>(order[k]);
      if (broadcast[d]) continue;
      out[d] = next;
      next = next * std::max<int64_t>(1, shape[d]) + gap[d];
    }
    return out;
  }

  std::vector<tile::StrideClass> classes(const std::vector<ir::Expr>& shape) const {
    std::vector<tile::StrideClass> out(shape.size(), tile::StrideClass::Any);
    for (size_t d = 0; known && d < out.size(); ++d) {
      if (broadcast[d] || ir::is_const(shape[d], 1)) out[d] = tile::StrideClass::Zero;
    }
    // The innermost dimension that has a stride.
    for (size_t k = order.size(); known && step == 1 && k-- > 0;) {
      const auto d = static_cast<size_t>(order[k]);
      if (broadcast[d]) continue;
      if (out[d] == tile::StrideClass::Any) out[d] = tile::StrideClass::One;
      break;
    }
    return out;
  }
};

inline Layout random_layout(Random& rng, size_t rank, bool is_input) {
  Layout l;
  l.order.resize(rank), l.gap.resize(rank), l.broadcast.resize(rank);
  std::iota(l.order.begin(), l.order.end(), 0);
  if (chance(rng, 0.3)) std::shuffle(l.order.begin(), l.order.end(), rng);
  if (chance(rng, 0.3))
    for (int64_t& g : l.gap) g = pick(rng, 4);
  if (is_input && chance(rng, 0.15) && rank > 0)
    l.broadcast[static_cast<size_t>(pick(rng, static_cast<int64_t>(rank)))] = true;
  if (chance(rng, 0.1)) l.step = 2 + pick(rng, 2);
  l.at_end = chance(rng, 0.6);
  l.known = !chance(rng, 0.2);
  return l;
}

template <class F>
void each_element(const std::vector<int64_t>& shape, const F& f) {
  std::vector<int64_t> at(shape.size(), 0);
  int64_t n = 1;
  for (int64_t s : shape) n *= s;
  for (int64_t e = 0; e < n; ++e) {
    f(at, static_cast<size_t>(e));
    for (size_t d = shape.size(); d-- > 0 && ++at[d] == shape[d];) at[d] = 0;
  }
}

/// Equal values along broadcast dimensions.
inline void repeat_broadcast(ir::Array& a, const Layout& layout) {
  each_element(a.shape, [&](std::vector<int64_t> at, size_t e) {
    for (size_t d = 0; d < at.size(); ++d)
      if (layout.broadcast[d]) at[d] = 0;
    a.data[e] = a.at(at);
  });
}

class GuardedTensor {
 public:
  GuardedTensor(std::string name, ir::DType dtype, std::vector<int64_t> shape, const Layout& layout)
      : name_(std::move(name)),
        dtype_(dtype),
        shape_(std::move(shape)),
        strides_(layout.strides(shape_)) {
    size_t last = 0;
    for (size_t d = 0; d < shape_.size(); ++d)
      last += static_cast<size_t>(strides_[d] * std::max<int64_t>(0, shape_[d] - 1));
    const size_t bytes = (last + 1) * item();
    usable_ = (bytes + kPage - 1) / kPage * kPage;
    map_ = static_cast<char*>(
        mmap(nullptr, usable_ + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (map_ == MAP_FAILED || mprotect(map_ + kPage, usable_, PROT_READ | PROT_WRITE) != 0)
      throw std::runtime_error("no memory for the test");
    std::memset(map_ + kPage, 0xff, usable_);
    data_ = map_ + kPage + (layout.at_end ? usable_ - bytes : 0);
    snapshot_.assign(map_ + kPage, map_ + kPage + usable_);
  }
  GuardedTensor(const GuardedTensor&) = delete;
  ~GuardedTensor() { munmap(map_, usable_ + 2 * kPage); }

  void* data() const { return data_; }
  const int64_t* strides() const { return strides_.data(); }

  void write(const ir::Array& a) {
    each_element(shape_,
                 [&](const auto& at, size_t e) { test::put(element(at), dtype_, a.data[e]); });
    snapshot_.assign(map_ + kPage, map_ + kPage + usable_);
  }

  /// The elements; takes them out of what check() compares.
  ir::Array read() {
    ir::Array out = ir::make_array(shape_);
    each_element(shape_, [&](const auto& at, size_t e) {
      out.data[e] = test::get(element(at), dtype_);
      std::memset(element(at), 0xff, item());
    });
    return out;
  }

  /// Throws if anything but the elements that were read changed.
  void check() const {
    for (size_t b = 0; b < usable_; ++b)
      if (map_[kPage + b] != snapshot_[b])
        throw std::runtime_error(name_ + ": written at byte " +
                                 std::to_string(map_ + kPage + b - data_) +
                                 " of its data, where no element is");
  }

 private:
  static constexpr size_t kPage = 4096;

  size_t item() const { return static_cast<size_t>(ir::dtype_size(dtype_)); }
  char* element(const std::vector<int64_t>& at) const {
    int64_t offset = 0;
    for (size_t d = 0; d < at.size(); ++d) offset += at[d] * strides_[d];
    return data_ + offset * static_cast<int64_t>(item());
  }

  std::string name_;
  ir::DType dtype_;
  std::vector<int64_t> shape_, strides_;
  size_t usable_ = 0;
  char* map_ = nullptr;
  char* data_ = nullptr;
  std::vector<char> snapshot_;
};

}  // namespace flashlight::fuzz
