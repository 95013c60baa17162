#pragma once
#include "unit/codegen/device_cases/cases.h"

namespace {

DEVICE_TEST(Reduce, LanesOfOneVector) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    constexpr int L = fl::kLanes<T>;
    for (int peak = 0; peak < L; peak++) {
      fl::vec<T> x = fl::int_to_real<T>(fl::iota<T>()) + T(1);
      x[peak] = 100;
      const T sum = T(L * (L + 1) / 2 + 100 - (peak + 1));
      EXPECT_EQ(fl::hsum(x), sum);
      EXPECT_EQ(fl::hmax(x), T(100));
      EXPECT_EQ(fl::hmin(-x), T(-100));
      EXPECT_EQ(fl::hmax(fl::real_to_int<T>(x)), 100);
      EXPECT_EQ(fl::hreduce_n<fl::Max>(x, peak), peak == 0 ? -fl::kInf<T> : T(peak));
      EXPECT_EQ(fl::hreduce_n<fl::Sum>(x, peak), T(peak * (peak + 1) / 2));
      EXPECT_TRUE(fl::hreduce<fl::Any>(x == T(100)));
      EXPECT_FALSE(fl::hreduce<fl::All>(x == T(100)));
      x[peak] = T(NAN);
      EXPECT_TRUE(std::isnan(fl::hmax(x)));
      EXPECT_TRUE(std::isnan(fl::hmin(x)));
    }
    EXPECT_EQ(fl::hprod(fl::splat<T>(2)), T(1 << L));
  });
}

DEVICE_TEST(Reduce, RowsAtOnceAndTransposition) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    constexpr int L = fl::kLanes<T>;
    fl::vec<T> rows[L], sums[L], peaks[L];
    for (int r = 0; r < L; r++)
      for (int l = 0; l < L; l++) rows[r][l] = sums[r][l] = peaks[r][l] = T((r * 31 + l * 17) % 23);
    const auto sum = fl::reduce_rows<fl::Sum>(sums), peak = fl::reduce_rows<fl::Max>(peaks);
    fl::vec<T> turned[L];
    for (int r = 0; r < L; r++) {
      EXPECT_EQ(sum[r], fl::hsum(rows[r]));
      EXPECT_EQ(peak[r], fl::hmax(rows[r]));
      turned[r] = rows[r];
    }
    fl::transpose(turned);
    for (int r = 0; r < L; r++)
      for (int l = 0; l < L; l++) EXPECT_EQ(turned[r][l], rows[l][r]);
  });
}

}  // namespace
