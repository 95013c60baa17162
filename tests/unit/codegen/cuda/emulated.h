// Small kernels written by hand, in the style of the emitter, on the emulator.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support/emulate.h"
#include "support/error.h"
#include "support/typed_memory.h"

namespace flashlight::test {

/// A dense row-major tensor and its values as the kernel sees them (rounded to the dtype).
class HostTensor {
 public:
  HostTensor(std::vector<int64_t> shape, ir::DType dtype) : shape_(std::move(shape)), dtype_(dtype) {
    int64_t n = 1;
    strides_.resize(shape_.size());
    for (size_t d = shape_.size(); d-- > 0;) strides_[d] = n, n *= shape_[d];
    const size_t bytes = static_cast<size_t>(n) * static_cast<size_t>(ir::dtype_size(dtype));
    memory_.assign(bytes / sizeof(Block) + 1, Block{});
    std::memset(memory_.data(), 0xff, bytes);
    size_ = n;
  }
  static HostTensor random(std::vector<int64_t> shape, ir::DType dtype, unsigned seed) {
    HostTensor t(std::move(shape), dtype);
    std::mt19937 engine(seed);
    std::normal_distribution<double> normal;
    for (int64_t e = 0; e < t.size_; e++) put(t.at(e), dtype, normal(engine));
    return t;
  }
  template <class Value>
  void fill(const Value& value) {  // value(row, column)
    for (int64_t e = 0; e < size_; e++) put(at(e), dtype_, value(e / columns(), e % columns()));
  }
  double operator()(int64_t row, int64_t column) const { return value(row * strides_[0] + column); }
  double value(int64_t e) const { return get(const_cast<HostTensor*>(this)->at(e), dtype_); }
  DeviceTensor device() { return {memory_.data(), shape_, strides_, dtype_}; }
  int64_t rows() const { return shape_[0]; }
  int64_t columns() const { return shape_[1]; }

 private:
  struct alignas(128) Block {
    char bytes[128];
  };
  char* at(int64_t e) {
    return reinterpret_cast<char*>(memory_.data()) + e * ir::dtype_size(dtype_);
  }
  std::vector<int64_t> shape_, strides_;
  ir::DType dtype_;
  std::vector<Block> memory_;
  int64_t size_ = 0;
};

/// One element of a b^T (a[m, k], b[n, k]), or of a b (b[k, n]) where `b_rows`.
inline double dot(const HostTensor& a, const HostTensor& b, bool b_rows, int64_t i, int64_t j) {
  double sum = 0;
  for (int64_t k = 0; k < a.columns(); k++) sum += a(i, k) * (b_rows ? b(k, j) : b(j, k));
  return sum;
}

/// Largest difference of c from that product; NaN where c has one.
inline double product_error(const HostTensor& a, const HostTensor& b, const HostTensor& c,
                            bool b_rows) {
  double worst = 0;
  for (int64_t i = 0; i < c.rows(); i++)
    for (int64_t j = 0; j < c.columns(); j++) {
      const double e = std::fabs(c(i, j) - dot(a, b, b_rows, i, j));
      if (std::isnan(e)) return e;
      worst = std::max(worst, e);
    }
  return worst;
}

/// A kernel of `threads` threads a CTA, `units` CTAs.
inline codegen::cuda::Source kernel_of(std::string text, int threads, int shared_bytes,
                                       int64_t units = 1) {
  codegen::cuda::Source source;
  source.entry = "kernel";
  source.text = std::move(text);
  source.threads = threads;
  source.shared_bytes = shared_bytes;
  source.units = ir::constant(units);
  return source;
}

/// What the emulator says about a launch; empty: nothing wrong.
inline std::string complaint(const codegen::cuda::Source& source,
                             const std::vector<DeviceTensor>& tensors,
                             const EmulateOptions& options = {}) {
  try {
    emulate(source, tensors, {}, options);
  } catch (const InternalError& e) {
    return e.what();
  }
  return "";
}

/// `text` with every occurrence of `from` replaced; fails the test if there is none.
inline std::string mutate(std::string text, const std::string& from, const std::string& to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  for (; at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

}  // namespace flashlight::test
