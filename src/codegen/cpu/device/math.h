// The other elementary functions, on vf, vd, float and double. Largest error in ulp of float:
//   log 1   log2 2   log1p 1.5   (0 -> -inf, below the domain NaN, inf -> inf)
//   sin cos 2 while |x| < 1e5; beyond, lane by lane through libm in double
//   pow 0.51 IEEE special cases; negative x needs an integer y
// NaN stays NaN. Double goes to libm lane by lane.
#pragma once
#include "exp.h"
#include "reduce.h"

namespace fl {

// x = 2^e (1 + f), f in [sqrt(1/2) - 1, sqrt(2) - 1]; log(1 + f) = f + rest
struct LogParts {
  vf e, f, rest;
};
FL_INLINE LogParts log_parts(vf x) {
  static constexpr float kLogRest[] = {0.333333164f, -0.250008106f, 0.200022861f, -0.166245535f,
                                       0.141811967f, -0.131287679f, 0.128816217f, -0.0785954595f};
  const vi tiny = x < splat(1.17549435e-38f);
  x = select(tiny, x * splat(8388608.0f), x);
  const vi i = (vi)x - isplat<float>(0x3f3504f3);
  const vf e = __builtin_convertvector((i >> 23) - (tiny & isplat<float>(23)), vf);
  const vf f = (vf)((i & isplat<float>(0x7fffff)) + isplat<float>(0x3f3504f3)) - splat(1.0f);
  const vf f2 = f * f;
  return {e, f, horner(kLogRest, f) * (f * f2) - splat(0.5f) * f2};
}
// the values outside 0 < x < inf
FL_INLINE vf log_edges(vf x, vf r) {
  r = select(x == splat(__builtin_inff()), x, r);
  r = select(x == vf{}, splat(-__builtin_inff()), r);
  return select((x < vf{}) | (x != x), splat(__builtin_nanf("")), r);
}
FL_INLINE vf log(vf x) {
  const LogParts p = log_parts(x);
  const vf r = p.f + (p.e * splat(-2.12194440e-4f) + p.rest);
  return log_edges(x, p.e * splat(0.693359375f) + r);
}
FL_INLINE vf log2(vf x) {
  const LogParts p = log_parts(x);
  const vf low = p.rest * splat(1.44269504f) + p.f * splat(1.92596299e-8f);
  return log_edges(x, (p.f * splat(1.44269502f) + low) + p.e);
}
// log(u) for u = fl(1 + x), and to first order what the sum lost
FL_INLINE vf log1p(vf x) {
  const vf u = splat(1.0f) + x, lost = x - (u - splat(1.0f));
  return select((u == vf{}) | isinf(u), log(u), log(u) + lost / u);
}

// quadrant + shift decides between sine and cosine of the reduced angle, and the sign
FL_INLINE vf sine_shifted(vf x, int shift) {
  static constexpr float kSin[] = {-0.166666672f, 0.00833332911f, -0.000198392954f,
                                   2.71793988e-06f};
  static constexpr float kCos[] = {0.0416666679f, -0.00138888834f, 2.47994794e-05f,
                                   -2.72067865e-07f};
  const vf n = round(x * splat(0.636619772f));
  vf r = n * splat(-1.57079637f) + x;
  r = n * splat(4.37113883e-8f) + r;
  r = n * splat(1.71512512e-15f) + r;
  const vi q = __builtin_convertvector(n, vi) + shift;
  const vf y = r * r;
  const vf s = horner(kSin, y) * (y * r) + r;
  const vf c = horner(kCos, y) * (y * y) + (splat(1.0f) - splat(0.5f) * y);
  const vf v = select((q & 1) != 0, c, s);
  return (vf)((vi)v ^ ((q & 2) << 30));
}
FL_INLINE vf sin(vf x) {
  if (!kHasFma || any(not_(abs(x) < splat(1e5f)))) [[unlikely]]
    return map_lanes(x, [](float a) { return (float)__builtin_sin((double)a); });
  return sine_shifted(x, 0);
}
FL_INLINE vf cos(vf x) {
  if (!kHasFma || any(not_(abs(x) < splat(1e5f)))) [[unlikely]]
    return map_lanes(x, [](float a) { return (float)__builtin_cos((double)a); });
  return sine_shifted(x, 1);
}

// ---- pow: 2^(y log2 |x|) in double lanes
// ----------------------------------------------------------
typedef pack<double, kLanes<float>> wide;
typedef pack<i64, kLanes<float>> wide_int;
// atanh series of s = (m - 1) / (m + 1), |s| < 0.172
FL_INLINE wide log2_wide(wide x) {
  const wide_int i = (wide_int)x - 0x3fe6a09e667f3bcdL;
  const wide e = __builtin_convertvector(i >> 52, wide);
  const wide m = (wide)((i & 0xfffffffffffffL) + 0x3fe6a09e667f3bcdL);
  const wide s = (m - 1.0) / (m + 1.0), z = s * s;
  wide p = z * (1.0 / 15) + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  return p * s * 2.8853900817779268 + e;
}
// Taylor series to f^8 / 8!; y in [-1000, 1000]
FL_INLINE wide exp2_wide(wide y) {
  const wide t = y + 6755399441055744.0, f = (y - (t - 6755399441055744.0)) * 0.69314718055994531;
  wide p = f * (1.0 / 40320) + 1.0 / 5040;
  p = p * f + 1.0 / 720;
  p = p * f + 1.0 / 120;
  p = p * f + 1.0 / 24;
  p = p * f + 1.0 / 6;
  p = p * f + 0.5;
  p = p * f + 1.0;
  p = p * f + 1.0;
  return p * (wide)(((wide_int)t + 1023) << 52);
}
FL_INLINE vf pow(vf x, vf y) {
  const vf a = abs(x), zero = {}, one = splat(1.0f), inf = splat(__builtin_inff());
  wide q = __builtin_convertvector(y, wide) * log2_wide(__builtin_convertvector(a, wide));
  q = q < -200.0 ? wide{} - 200.0 : q;
  q = q > 200.0 ? wide{} + 200.0 : q;
  vf r = __builtin_convertvector(exp2_wide(q), vf);
  r = select(a == zero, select(y > zero, zero, inf), r);
  r = select(a == inf, select(y > zero, inf, zero), r);
  const vf half = y * splat(0.5f);
  const vi whole = trunc(y) == y, odd = whole & (trunc(half) != half);
  r = select((x < zero) & (a != inf) & ~whole, splat(__builtin_nanf("")), r);
  r = (vf)((vi)r ^ (odd & (vi)x & (vi)(-vf{})));
  r = select((a == one) & isinf(y), one, r);
  r = select(isnan(x) | isnan(y), x + y, r);
  return select((y == zero) | (x == one), one, r);
}

FL_MATH(log, __builtin_log)
FL_MATH(log2, __builtin_log2)
FL_MATH(log1p, __builtin_log1p)
FL_MATH(sin, __builtin_sin)
FL_MATH(cos, __builtin_cos)
FL_INLINE double pow(double x, double y) { return __builtin_pow(x, y); }
FL_INLINE float pow(float x, float y) { return pow(splat(x), splat(y))[0]; }
FL_INLINE vd pow(vd x, vd y) {
  for (int l = 0; l < kLanes<double>; l++) x[l] = __builtin_pow(x[l], y[l]);
  return x;
}
FL_INLINE vf pow(vf x, float y) { return pow(x, splat(y)); }
FL_INLINE vf pow(float x, vf y) { return pow(splat(x), y); }
FL_INLINE vd pow(vd x, double y) { return pow(x, splat(y)); }
FL_INLINE vd pow(double x, vd y) { return pow(splat(x), y); }

}  // namespace fl
