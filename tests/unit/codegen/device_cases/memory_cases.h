#pragma once
#include "unit/codegen/device_cases/cases.h"

namespace {

/** The float of bf16 or f16 bits, by the definition of the format. */
float half_value(uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int e = (bits & 0x7fff) >> mantissa_bits, m = bits & ((1 << mantissa_bits) - 1);
  double value;
  if (e == (1 << exponent_bits) - 1)
    value = m ? NAN : INFINITY;
  else if (e == 0)
    value = std::ldexp(m, 1 - bias - mantissa_bits);
  else
    value = std::ldexp(m + (1 << mantissa_bits), e - bias - mantissa_bits);
  return float(bits & 0x8000 ? -value : value);
}

/** Every bit pattern widens exactly and, when narrowed, comes back; halfway cases go to even. */
template <class Half>
void check_half(int exponent_bits) {
  for (uint32_t bits = 0; bits < 65536; bits += fl::kLanes<float>) {
    Half in[fl::kLanes<float>], out[fl::kLanes<float>];
    for (int l = 0; l < fl::kLanes<float>; l++) in[l].bits = uint16_t(bits + l);
    const auto x = fl::load<float>(in);
    fl::store(out, x);
    for (int l = 0; l < fl::kLanes<float>; l++) {
      const float want = half_value(in[l].bits, exponent_bits);
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(x[l]));
        ASSERT_TRUE(std::isnan(half_value(out[l].bits, exponent_bits)));
        continue;
      }
      ASSERT_EQ(x[l], want) << in[l].bits;
      ASSERT_EQ(out[l].bits, in[l].bits);
      ASSERT_EQ(fl::get<float>(in + l), want);
      const float next = half_value(uint16_t(in[l].bits + 1), exponent_bits);
      if (std::isnan(next) || std::isinf(want) || std::isinf(next)) continue;
      const float middle = float((double(want) + double(next)) / 2);
      for (const float near :
           {std::nextafter(middle, want), middle, std::nextafter(middle, next)}) {
        Half one;
        fl::put(&one, near);
        const bool up = near == middle ? in[l].bits & 1 : near != std::nextafter(middle, want);
        ASSERT_EQ(one.bits, in[l].bits + up) << near;
      }
    }
  }
}
DEVICE_TEST(Memory, Float16IsExactBothWays) { check_half<fl::f16>(5); }
DEVICE_TEST(Memory, BFloat16IsExactBothWays) { check_half<fl::bf16>(8); }
DEVICE_TEST(Memory, HalfOverflowIsInf) {
  fl::f16 h;
  for (const float x : {65520.0f, 1e10f, kFloatInf}) {
    fl::store_n(&h, fl::splat(x), 1);
    EXPECT_EQ(h.bits, 0x7c00) << x;
  }
  fl::store_n(&h, fl::splat(65519.0f), 1);
  EXPECT_EQ(h.bits, 0x7bff);
}

/** Contiguous, partial and strided access of one storage type; values are small integers. */
template <class T, class S>
void check_access() {
  constexpr int L = fl::kLanes<T>;
  for (const int64_t stride : {-3, -1, 0, 1, 2, 5}) {
    Guarded<S> memory(L * 5 + 1);
    S* base = memory.data() + (stride < 0 ? (L - 1) * -stride : 0);
    for (int l = 0; l < L; l++) fl::put(base + l * stride, T(l + 1));
    const auto at = [&](int l) { return stride == 0 ? T(L) : T(l + 1); };
    const auto whole = fl::load_s<T>(base, stride);
    for (int l = 0; l < L; l++) EXPECT_EQ(whole[l], at(l));
    for (int n = 0; n <= L + 1; n++) {
      const auto part = fl::load_sn<T>(base, stride, n);
      for (int l = 0; l < L; l++) EXPECT_EQ(part[l], l < n ? at(l) : T(0));
    }
    if (stride == 0) continue;
    for (int n = 0; n <= L; n++) {
      Guarded<S> out(L * 5 + 1);
      S* to = out.data() + (stride < 0 ? (L - 1) * -stride : 0);
      for (int i = 0; i < L * 5 + 1; i++) fl::put(&out[i], T(99));
      fl::store_s(to, whole, stride, n);
      for (int l = 0; l < L; l++) EXPECT_EQ(fl::get<T>(to + l * stride), l < n ? at(l) : T(99));
      EXPECT_TRUE(out.guards_hold());
    }
  }
}
template <class T>
void check_all_access() {
  check_access<T, float>();
  check_access<T, double>();
  check_access<T, fl::f16>();
  check_access<T, fl::bf16>();
  check_access<T, fl::i8>();
  check_access<T, fl::u8>();
  check_access<T, fl::i16>();
  check_access<T, fl::i32>();
  check_access<T, fl::i64>();
}
DEVICE_TEST(Memory, AccessOfEveryTypeInFloat) { check_all_access<float>(); }
DEVICE_TEST(Memory, AccessOfEveryTypeInDouble) { check_all_access<double>(); }

// The array ends where a page that may not be touched would begin for a sanitizer or valgrind.
DEVICE_TEST(Memory, PartialAccessStaysInside) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    constexpr int L = fl::kLanes<T>;
    for (int n = 0; n < L; n++) {
      std::vector<T> exact(n, T(3));
      const auto x = fl::load_n<T>(exact.data(), n);
      for (int l = 0; l < L; l++) EXPECT_EQ(x[l], l < n ? T(3) : T(0));
      fl::store_n(exact.data(), fl::splat<T>(4), n);
      for (const T value : exact) EXPECT_EQ(value, T(4));
    }
  });
}

DEVICE_TEST(Memory, IntegersMasksAndGathers) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    constexpr int L = fl::kLanes<T>;
    int64_t ids[64];
    bool flags[64];
    float table[64];
    for (int i = 0; i < 64; i++) ids[i] = 63 - i, flags[i] = i % 3 == 0, table[i] = float(100 + i);
    const auto index = fl::load_int<T>((const fl::i64*)ids);
    const auto mask = fl::load_mask<T>(flags);
    const auto values = fl::gather<T>(table, index), some = fl::gather_m<T>(table, index, mask);
    fl::i64 back[64] = {};
    bool flags_back[64] = {};
    fl::store_n(back, index, L - 1);
    fl::store_mask_n(flags_back, mask, L - 1);
    for (int l = 0; l < L; l++) {
      EXPECT_EQ(index[l], 63 - l);
      EXPECT_EQ(mask[l], l % 3 == 0 ? -1 : 0);
      EXPECT_EQ(values[l], T(163 - l));
      EXPECT_EQ(some[l], l % 3 == 0 ? T(163 - l) : T(0));
      EXPECT_EQ(back[l], l < L - 1 ? 63 - l : 0);
      EXPECT_EQ(flags_back[l], l < L - 1 && l % 3 == 0);
    }
    EXPECT_EQ(fl::load_mask_n<T>(flags, 1)[0], -1);
    EXPECT_EQ(fl::get_int(ids + 1), 62);
    EXPECT_FALSE(fl::get_mask(flags + 1));
  });
}

DEVICE_TEST(Memory, LargeInt64RoundsOnceToReal) {
  std::vector<fl::i64> big(fl::kLanes<float>, (fl::i64(1) << 40) + 12345);
  EXPECT_EQ(fl::load<float>(big.data())[0], float((int64_t(1) << 40) + 12345));
}

}  // namespace
