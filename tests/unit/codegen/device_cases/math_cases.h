#pragma once
#include <functional>

#include "unit/codegen/device_cases/cases.h"

namespace {

/** Largest error of f on n points of [low, high], in ulp of the exact result. Results below 2^-125
 *  may be flushed. `spread`: points uniform in the exponent, of both signs if low < 0. */
template <class F, class R>
double worst_ulp(F f, R exact, double low, double high, bool spread = false) {
  constexpr int L = fl::kLanes<float>;
  std::mt19937 engine(5);
  std::uniform_real_distribution<double> draw(spread ? std::log2(high) - 60 : low,
                                              spread ? std::log2(high) : high);
  double worst = 0;
  for (int i = 0; i < 20000; i++) {
    fl::vf x;
    for (int l = 0; l < L; l++) {
      const double at = draw(engine);
      x[l] = float(spread ? std::exp2(at) * (low < 0 && (i & 1) ? -1 : 1) : at);
    }
    const fl::vf y = f(x);
    for (int l = 0; l < L; l++) {
      const long double want = exact((long double)x[l]);
      const float near = std::fabs(float(want));
      if (near < 2.4e-38f || std::isinf(near)) continue;
      const long double ulp = std::nextafter(near, kFloatInf) - near;
      const double error = double(std::fabs((long double)y[l] - want) / ulp);
      if (!(error <= worst)) worst = std::isnan(error) ? 1e30 : error;
    }
  }
  return worst;
}

#define ULP(name, bound, exact, low, high)                                                         \
  EXPECT_LE(worst_ulp([](fl::vf x) { return fl::name(x); }, exact, low, high), bound);             \
  EXPECT_LE(worst_ulp([](fl::vf x) { return fl::name(x); }, exact, low, (high) < 1 ? (high) : 1.0, \
                      true),                                                                       \
            bound)

typedef long double Wide;

DEVICE_TEST(Math, ExponentialsStayWithinTheirBounds) {
  ULP(exp, 1.5, [](Wide x) { return std::exp(x); }, -86.6, 88.72);
  ULP(exp2, 1.5, [](Wide x) { return std::exp2(x); }, -124.9, 127.99);
  ULP(expm1, 2, [](Wide x) { return std::expm1(x); }, -20, 88);
  ULP(tanh, 3, [](Wide x) { return std::tanh(x); }, -10, 10);
  ULP(sigmoid, 3, [](Wide x) { return 1 / (1 + std::exp(-x)); }, -86, 86);
  ULP(erf, 2, [](Wide x) { return std::erf(x); }, -5, 5);
  const auto exact = [](Wide x) { return std::exp(x); };
  const auto exact2 = [](Wide x) { return std::exp2(x); };
  EXPECT_LE(worst_ulp([](fl::vf x) { return fl::exp_nonpos(x); }, exact, -86, 1), 1.5);
  EXPECT_LE(worst_ulp([](fl::vf x) { return fl::exp2_nonpos(x); }, exact2, -124.9, 1), 1.5);
}

DEVICE_TEST(Math, LogarithmsAnglesAndPowersStayWithinTheirBounds) {
  EXPECT_LE(worst_ulp([](fl::vf x) { return fl::log(x); }, [](Wide x) { return std::log(x); }, 1,
                      1e38, true),
            1);
  EXPECT_LE(
      worst_ulp([](fl::vf x) { return fl::log(x); }, [](Wide x) { return std::log(x); }, 0.5, 2),
      1);
  EXPECT_LE(
      worst_ulp([](fl::vf x) { return fl::log2(x); }, [](Wide x) { return std::log2(x); }, 0.5, 2),
      2);
  EXPECT_LE(worst_ulp([](fl::vf x) { return fl::log2(x); }, [](Wide x) { return std::log2(x); }, 1,
                      1e38, true),
            2);
  ULP(log1p, 1.5, [](Wide x) { return std::log1p(x); }, -0.999, 2);
  ULP(sin, 2, [](Wide x) { return std::sin(x); }, -9.9e4, 9.9e4);
  ULP(cos, 2, [](Wide x) { return std::cos(x); }, -9.9e4, 9.9e4);
  ULP(sin, 2, [](Wide x) { return std::sin(x); }, 1e5, 1e7);
  for (const float p : {1.7f, -3.0f, 0.5f, 2.0f}) {
    const auto exact = [p](Wide x) { return std::pow(x, Wide(p)); };
    EXPECT_LE(worst_ulp([p](fl::vf x) { return fl::pow(x, p); }, exact, 1e-9, 1e9, true), 0.51);
  }
  EXPECT_LE(worst_ulp([](fl::vf x) { return fl::rsqrt(x); },
                      [](Wide x) { return 1 / std::sqrt(x); }, 1, 1e38, true),
            1.5);
  EXPECT_LE(worst_ulp([](fl::vf x) { return fl::rcp_fast(x); }, [](Wide x) { return 1 / x; }, 1e-9,
                      1e9, true),
            1);
}

/** f at x, in float lanes, float, double lanes and double. */
template <class F>
void expect_at(F f, double x, double want, const char* what) {
  const double got[] = {f(fl::splat<float>(float(x)))[1], f(float(x)), f(fl::splat<double>(x))[1],
                        f(x)};
  for (const double each : got) {
    const bool right = std::isnan(want) ? std::isnan(each)
                       : std::isinf(want) || want == 0
                           ? each == want
                           : std::fabs(each - want) <= 3e-7 * std::fabs(want);
    EXPECT_TRUE(right) << what << "(" << x << ") = " << each << ", not " << want;
  }
}
#define AT(name, x, want) expect_at([](auto v) { return fl::name(v); }, x, want, #name)

DEVICE_TEST(Math, EdgesOfTheDomains) {
  const double inf = INFINITY, nan = NAN;
  for (const double x : {-inf, -1e30, -1e5}) {
    AT(exp, x, 0), AT(exp2, x, 0), AT(exp_nonpos, x, 0), AT(exp2_nonpos, x, 0);
    AT(sigmoid, x, 0), AT(expm1, x, -1), AT(tanh, x, -1), AT(erf, x, -1);
    AT(log, x, nan), AT(log2, x, nan), AT(log1p, x, nan), AT(sqrt, x, nan);
  }
  for (const double x : {inf, 1e30, 1e5}) {
    AT(exp, x, inf), AT(exp2, x, inf), AT(expm1, x, inf);
    AT(sigmoid, x, 1), AT(tanh, x, 1), AT(erf, x, 1);
  }
  AT(exp, 0, 1), AT(exp2, 0, 1), AT(exp_nonpos, 0, 1), AT(exp2_nonpos, 0, 1), AT(expm1, 0, 0);
  AT(tanh, 0, 0), AT(erf, 0, 0), AT(sigmoid, 0, 0.5);
  AT(log, inf, inf), AT(log2, inf, inf), AT(log1p, inf, inf), AT(log1p, 1e30, std::log1p(1e30));
  AT(log, 0, -inf), AT(log2, 0, -inf), AT(log1p, -1, -inf), AT(log, 1, 0), AT(log2, 1024, 10);
  AT(sin, inf, nan), AT(cos, -inf, nan), AT(sin, 0, 0), AT(cos, 0, 1), AT(rsqrt, 0, inf);
  AT(exp, nan, nan), AT(exp2, nan, nan), AT(expm1, nan, nan), AT(tanh, nan, nan);
  AT(exp_nonpos, nan, nan), AT(exp2_nonpos, nan, nan);
  AT(sigmoid, nan, nan), AT(erf, nan, nan), AT(log, nan, nan), AT(log2, nan, nan);
  AT(log1p, nan, nan), AT(sin, nan, nan), AT(cos, nan, nan);
}

// A NaN's payload must not leak into the exponent arithmetic and come out as a number.
DEVICE_TEST(Math, NanOfAnyPayloadStaysNan) {
  for (const uint32_t bits : {0xffffffffu, 0x7fffffffu, 0x7fc00001u, 0xffc12345u, 0x7fbfffffu}) {
    float x;
    std::memcpy(&x, &bits, 4);
    const fl::vf v = fl::splat(x);
    for (const fl::vf y :
         {fl::exp(v), fl::exp2(v), fl::exp_nonpos(v), fl::exp2_nonpos(v), fl::expm1(v), fl::tanh(v),
          fl::sigmoid(v), fl::erf(v), fl::log(v), fl::sin(v), fl::max(v, 1.0f)})
      EXPECT_TRUE(std::isnan(y[0])) << std::hex << bits;
  }
}

DEVICE_TEST(Math, PowMeetsTheStandardsSpecialCases) {
  const double inf = INFINITY;
  const double values[] = {0.0, -0.0, 1,   -1,  2,    -2,  3,    -3,
                           0.5, -0.5, 2.5, 1e9, -1e9, inf, -inf, NAN};
  for (const double x : values) {
    for (const double y : values) {
      const double want = double(float(std::pow(x, y)));
      const double got = fl::pow(fl::splat(float(x)), float(y))[0];
      const bool right = std::isnan(want) ? std::isnan(got)
                         : std::isinf(want) || want == 0
                             ? got == want
                             : std::fabs(got - want) <= 1e-6 * std::fabs(want);
      EXPECT_TRUE(right) << x << " ^ " << y << " = " << got << ", not " << want;
    }
  }
}

}  // namespace
