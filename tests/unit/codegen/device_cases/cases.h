// Test bodies for the device headers: plain gtest, compiled once per instruction set by the files
// cpu_device_*_test.cpp, which define DEVICE_ISA, the prefix of the suites' names.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#if !defined(__clang__)
// Thousands of inlined instances: at -O3 these files take minutes. The second word is what fuses a
// * b + c as kernels do; the accuracy of the maths rests on it.
#pragma GCC optimize("O1", "expensive-optimizations")
#endif
#include "codegen/cpu/device/dots.h"
#include "codegen/cpu/device/gemm.h"
#include "codegen/cpu/device/math.h"
#include "codegen/cpu/device/pack.h"
#include "codegen/cpu/device/par.h"

#define DEVICE_NAME2(isa, suite) isa##suite
#define DEVICE_NAME(isa, suite) DEVICE_NAME2(isa, suite)
#define DEVICE_TEST(suite, name) TEST(DEVICE_NAME(DEVICE_ISA, suite), name)

namespace {

constexpr float kFloatInf = std::numeric_limits<float>::infinity();
constexpr float kFloatNan = std::numeric_limits<float>::quiet_NaN();

template <class T>
std::vector<T> random_values(size_t n, double low, double high, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> draw(low, high);
  std::vector<T> values(n);
  for (T& each : values) each = static_cast<T>(draw(engine));
  return values;
}

/** Calls body(T{}) for float and double. */
template <class F>
void for_both(F body) {
  body(float{});
  body(double{});
}

/** Memory whose neighbours on both sides are checked: what is written outside is seen. */
template <class T>
class Guarded {
 public:
  explicit Guarded(size_t n) : bytes_((n + 2 * kGuard) * sizeof(T), 0xAB), n_(n) {}
  T* data() { return reinterpret_cast<T*>(bytes_.data()) + kGuard; }
  T& operator[](size_t i) { return data()[i]; }
  bool guards_hold() const {
    for (size_t i = 0; i < kGuard * sizeof(T); i++)
      if (bytes_[i] != 0xAB || bytes_[bytes_.size() - 1 - i] != 0xAB) return false;
    return true;
  }

 private:
  static constexpr size_t kGuard = 64;
  std::vector<unsigned char> bytes_;
  size_t n_;
};

}  // namespace
