#pragma once
#include "unit/codegen/device_cases/cases.h"

namespace {

DEVICE_TEST(Simd, SplatIotaAndMasks) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    const auto i = fl::iota<T>();
    const auto m = fl::first_lanes<T>(2);
    const auto s = fl::splat<T>(T(-0.0));
    for (int l = 0; l < fl::kLanes<T>; l++) {
      EXPECT_EQ(i[l], l);
      EXPECT_EQ(m[l], l < 2 ? -1 : 0);
      EXPECT_TRUE(std::signbit(s[l]));
      EXPECT_EQ(fl::mask_splat<T>(true)[l], -1);
    }
  });
}

// One generic expression, as the emitter writes it, on scalars and on vectors.
DEVICE_TEST(Simd, TheSameTextWorksOnScalarsAndVectors) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    const auto expression = [](auto x, auto j) {
      const auto live =
          fl::and_(fl::le(j, fl::i64(5)), fl::not_(fl::eq(fl::mod(j, fl::i64(3)), fl::i64(0))));
      const auto y = fl::max(fl::mul(x, T(0.5)), fl::neg(fl::abs(x)));
      return fl::select(live, fl::add(y, fl::int_to_real<T>(fl::floordiv(j, fl::i64(2)))), T(-7));
    };
    const auto j = fl::sub(fl::iota<T>(), fl::i64(2));
    const auto x = fl::add(fl::int_to_real<T>(j), T(0.25));
    const auto result = expression(x, j);
    for (int l = 0; l < fl::kLanes<T>; l++)
      EXPECT_EQ(result[l], expression(T(x[l]), fl::i64(j[l])));
  });
}

DEVICE_TEST(Simd, SelectWidensWhateverIsScalar) {
  const auto mask = fl::first_lanes<float>(1);
  EXPECT_EQ(fl::select(mask, 1.0f, 2.0f)[0], 1.0f);
  EXPECT_EQ(fl::select(mask, 1.0f, 2.0f)[1], 2.0f);
  EXPECT_EQ(fl::select(mask, fl::i64(1), fl::i64(2))[1], 2);
  EXPECT_EQ(fl::select(true, fl::splat<float>(3), 4.0f)[1], 3.0f);
  EXPECT_EQ(fl::select(false, 3.0f, 4.0f), 4.0f);
  EXPECT_EQ(fl::and_(mask, true)[0], -1);
  EXPECT_EQ(fl::and_(mask, false)[0], 0);
  EXPECT_EQ(fl::xor_(true, true), false);
}

DEVICE_TEST(Simd, MaxAndMinKeepNan) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
    const T values[] = {nan, -inf, -1, 0, 2, inf};
    for (const T a : values) {
      for (const T b : values) {
        const bool either = std::isnan(a) || std::isnan(b);
        const T most = fl::max(fl::splat<T>(a), fl::splat<T>(b))[0];
        const T least = fl::min(fl::splat<T>(a), b)[0];
        EXPECT_EQ(std::isnan(most), either);
        EXPECT_EQ(std::isnan(least), either);
        EXPECT_EQ(std::isnan(fl::max(a, b)), either);
        if (!either) {
          EXPECT_EQ(most, std::max(a, b));
          EXPECT_EQ(least, std::min(a, b));
        }
        if (std::isnan(a)) {
          const T fast = fl::max_fast(fl::splat<T>(a), b)[0];
          EXPECT_TRUE(fast == b || std::isnan(b)) << "max_fast gives its second operand";
        }
      }
    }
  });
}

DEVICE_TEST(Simd, RoundingSignsAndClasses) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
    for (const T x :
         {T(-2.5), T(-1.5), T(-0.3), T(0), T(0.5), T(1.5), T(2.7), T(1e9), inf, -inf, nan}) {
      const auto v = fl::splat<T>(x);
      const auto same = [](T a, T b) { return a == b || (std::isnan(a) && std::isnan(b)); };
      EXPECT_TRUE(same(fl::floor(v)[1], std::floor(x)));
      EXPECT_TRUE(same(fl::ceil(v)[1], std::ceil(x)));
      EXPECT_TRUE(same(fl::trunc(v)[1], std::trunc(x)));
      EXPECT_TRUE(same(fl::round(v)[1], std::nearbyint(x)));
      EXPECT_TRUE(same(fl::round(x), std::nearbyint(x)));
      EXPECT_TRUE(same(fl::abs(v)[1], std::fabs(x)));
      EXPECT_TRUE(same(fl::sign(v)[1], std::isnan(x) ? x : T((x > 0) - (x < 0))));
      EXPECT_TRUE(same(fl::sign(x), std::isnan(x) ? x : T((x > 0) - (x < 0))));
      EXPECT_TRUE(same(fl::sqrt(v)[1], std::sqrt(x)));
      EXPECT_TRUE(same(fl::reciprocal(v)[1], 1 / x));
      EXPECT_EQ(fl::isnan(v)[1] != 0, std::isnan(x));
      EXPECT_EQ(fl::isinf(v)[1] != 0, std::isinf(x));
      EXPECT_EQ(fl::copysign(fl::splat<T>(3), v)[1], std::copysign(T(3), x));
    }
  });
}

DEVICE_TEST(Simd, IntegerDivisionIsPythons) {
  const auto floor_div = [](int64_t a, int64_t b) {
    return b == 0 ? 0 : a / b - ((a % b != 0) && ((a < 0) != (b < 0)));
  };
  const int32_t values[] = {
      0, 1, -1, 2, -2, 7, -7, 1000003, -1000003, INT32_MAX, INT32_MIN + 1, INT32_MIN};
  for (const int64_t a : values) {
    for (const int64_t b : values) {
      if (a == INT32_MIN && b == -1) continue;  // not representable beside float
      const int64_t q = floor_div(a, b), r = b == 0 ? 0 : a - q * b;
      EXPECT_EQ(fl::floordiv(fl::i64(a), fl::i64(b)), q);
      EXPECT_EQ(fl::mod(fl::i64(a), fl::i64(b)), r);
      EXPECT_EQ(fl::floordiv(fl::isplat<float>(a), fl::i64(b))[1], q) << a << " " << b;
      EXPECT_EQ(fl::mod(fl::isplat<float>(a), fl::i64(b))[1], r) << a << " " << b;
      EXPECT_EQ(fl::floordiv(fl::isplat<double>(a), fl::i64(b))[1], q);
      EXPECT_EQ(fl::mod(fl::isplat<double>(a), fl::i64(b))[1], r);
    }
  }
}

DEVICE_TEST(Simd, RealModIsExactForSmallQuotients) {
  const auto xs = random_values<float>(2000, -100, 100, 1),
             ys = random_values<float>(2000, -3, 3, 2);
  for (size_t i = 0; i < xs.size(); i++) {
    const double exact = std::fmod(double(xs[i]), double(ys[i]));
    const double want = exact != 0 && (exact < 0) != (ys[i] < 0) ? exact + double(ys[i]) : exact;
    const float got = fl::mod(fl::splat(xs[i]), ys[i])[0];
    const double slack =
        fl::kHasFma ? 1e-5 * std::fabs(ys[i]) : 3e-7 * (std::fabs(xs[i]) + std::fabs(ys[i]));
    EXPECT_NEAR(got, want, slack) << xs[i] << " " << ys[i];
    EXPECT_EQ(fl::mod(xs[i], ys[i]), got);
  }
}

DEVICE_TEST(Simd, Conversions) {
  EXPECT_EQ((fl::real_to_int<float>(fl::splat(-2.7f))[1]), -2);
  EXPECT_EQ((fl::real_to_int<double>(fl::splat(-2.7))[1]), -2);
  EXPECT_EQ((fl::real_to_int<float>(2.7f)), 2);
  EXPECT_EQ((fl::bool_to_real<float>(fl::first_lanes<float>(1))[0]), 1.0f);
  EXPECT_EQ((fl::bool_to_real<double>(fl::first_lanes<double>(1))[1]), 0.0);
  EXPECT_EQ((fl::bool_to_int<float>(fl::first_lanes<float>(1))[0]), 1);
  EXPECT_EQ(fl::int_to_bool(fl::isplat<float>(3))[0], -1);
  EXPECT_TRUE(fl::real_to_bool(kFloatNan));
  EXPECT_TRUE(fl::any(fl::first_lanes<float>(1)));
  EXPECT_FALSE(fl::any(fl::first_lanes<float>(0)));
  EXPECT_TRUE(fl::all(fl::first_lanes<double>(64)));
  EXPECT_FALSE(fl::all(fl::first_lanes<double>(1)));
}

}  // namespace
