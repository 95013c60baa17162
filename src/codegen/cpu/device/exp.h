// The exponential and what is made of it, on vf, vd, float and double. Largest error in ulp of
// float:
//   exp2_nonpos  1.5   x <= ~100 or -inf; the softmax one: 12 instructions
//   exp_nonpos   1.5   x <= ~80 or -inf; as cheap. Neither checks for overflow
//   exp exp2     1.5   any x: inf above, exact 0 below. expm1 2, tanh 3, sigmoid 3, erf 2
// NaN stays NaN; exp(-inf) is exactly 0. Results below 2^-125 may be 0 instead. tanh and erf keep
// the sign of 0. Double goes to libm lane by lane.
#pragma once
#include "divide.h"

namespace fl {

// c[0] + c[1] x + ...
template <int N>
FL_INLINE vf horner(const float (&c)[N], vf x) {
  vf r = splat(c[N - 1]);
  FL_UNROLL for (int i = N - 2; i >= 0; i--) r = r * x + splat(c[i]);
  return r;
}

// 2^f on [-1/2, 1/2], relative error 3e-9, exact at 0; (2^f - 1) / f; (e^r - 1 - r) / r^2 on
// [-ln2/2, ln2/2]
static constexpr float kExp2Short[] = {1.0f,           0.693147182f,   0.240226477f,
                                       0.0555035956f,  0.00961849932f, 0.00133909704f,
                                       0.000153293106f};
static constexpr float kExp2Rest[] = {0.693147182f,   0.240226507f,   0.0555032454f,
                                      0.00961800013f, 0.00134016247f, 0.00015477369f};
static constexpr float kExpRest[] = {0.5f, 0.166665122f, 0.0416661873f, 0.00836959854f,
                                     0.00139517174f};
enum class Bias { One = 127, Half = 126 };  // what the scale is at n = 0: 1 or 1/2

// the integer n nearest to y, and 2^n or 2^(n-1) made of the sum that rounds y: with 1.5 * 2^23
// added, the integer lies in the low mantissa bits. Exponent field 0 gives an exact 0
struct Scale {
  vf n, scale;
};
template <Bias B>
FL_INLINE Scale scale_of(vf rounded) {
  return {rounded - splat(12582912.0f + (int)B), (vf)((vi)rounded << 23)};
}
template <Bias B>
FL_INLINE Scale round_scale(vf y) {
  return scale_of<B>(y + splat(12582912.0f + (int)B));
}
template <Bias B>
FL_INLINE Scale round_scale_log2e(vf x) {
  return scale_of<B>(x * splat(1.44269504f) + splat(12582912.0f + (int)B));
}
// x - n ln 2
FL_INLINE vf reduce_ln2(vf x, vf n) {
  const vf r = n * splat(-0.693359375f) + x;
  return n * splat(2.12194440e-4f) + r;
}
// NOTE: the bound comes first: max_fast and min_fast then keep a NaN
FL_INLINE vf clamp(vf x, float low, float high) {
  return min_fast(splat(high), max_fast(splat(low), x));
}

// NOTE: scaling is a multiplication, not an addition to the exponent bits, so that a NaN of any
// payload stays one; clamping to n = -127 makes the scale, hence the result, exactly 0
FL_INLINE vf exp2_nonpos(vf x) {
#if defined(__AVX512F__) && defined(__AVX512DQ__) && !defined(__clang__)
  x = max_fast(splat(-200.0f), x);
  const vf f = (vf)__builtin_ia32_reduceps512_mask_round(x, 0, vf{}, (u16)-1, 4);  // x - round(x)
  return (vf)__builtin_ia32_scalefps512_mask(horner(kExp2Short, f), x - f, vf{}, (u16)-1, 4);
#else
  x = max_fast(splat(-127.0f), x);
  const Scale s = round_scale<Bias::One>(x);
  return horner(kExp2Short, x - s.n) * s.scale;
#endif
}
FL_INLINE vf exp(vf x);
FL_INLINE vf exp_nonpos(vf x) {
  if (!kHasFma) return exp(x);  // the split of log2(e) below needs an unrounded product
  x = max_fast(splat(-88.0f), x);
  const Scale s = round_scale_log2e<Bias::One>(x);
  const vf high = x * splat(1.44269502f) - s.n;
  return horner(kExp2Short, x * splat(1.92596299e-8f) + high) * s.scale;
}
FL_INLINE vf exp2(vf x) {
  x = clamp(x, -126.0f, 129.0f);
  const Scale s = round_scale<Bias::Half>(x);
  const vf f = x - s.n, p = horner(kExp2Rest, f) * f + splat(1.0f);
  return (p + p) * s.scale;
}
// e^r - 1 for reduced r
FL_INLINE vf expm1_reduced(vf r) { return horner(kExpRest, r) * (r * r) + r; }
FL_INLINE vf exp(vf x) {
  x = clamp(x, -87.5f, 89.0f);
  const Scale s = round_scale_log2e<Bias::Half>(x);
  const vf p = expm1_reduced(reduce_ln2(x, s.n)) + splat(1.0f);
  return (p + p) * s.scale;
}
FL_INLINE vf expm1(vf x) {
  const vf y = clamp(x, -18.0f, 89.0f);
  const Scale s = round_scale_log2e<Bias::Half>(y);
  const vf half = s.scale * expm1_reduced(reduce_ln2(y, s.n)) + (s.scale - splat(0.5f));
  return half + half;
}
// with e = exp(2|x|) - 1, which is accurate near 0: e / (e + 2)
FL_INLINE vf tanh(vf x) {
  const vf y = min_fast(splat(20.0f), abs(x) + abs(x));
  const Scale s = round_scale_log2e<Bias::One>(y);
  const vf e = s.scale * expm1_reduced(reduce_ln2(y, s.n)) + (s.scale - splat(1.0f));
  return copysign(e * rcp_fast(e + splat(2.0f)), x);
}
FL_INLINE vf sigmoid(vf x) { return splat(1.0f) / (splat(1.0f) + exp(-x)); }
// a polynomial near 0; beyond, 1 - 2^q(|x|) where q approximates log2(erfc)
FL_INLINE vf erf(vf x) {
  static constexpr float kNear[] = {0.128379166f,   -0.376126349f,    0.112837031f,  -0.0268597994f,
                                    0.00520196045f, -0.000815262785f, 8.4099207e-05f};
  static constexpr float kFar[] = {-0.000298650149f, -1.62682247f,    -0.919380128f,  -0.149833083f,
                                   0.032013081f,     -0.00437669316f, 0.000281248736f};
  const vf a = abs(x), b = min_fast(splat(4.0f), a);
  const vf far = splat(1.0f) - exp2_nonpos(horner(kFar, b));
  return select(a < splat(0.92f), x + x * horner(kNear, x * x), copysign(far, x));
}

#define FL_MATH(name, libm)                                   \
  FL_INLINE float name(float x) { return name(splat(x))[0]; } \
  FL_INLINE double name(double x) { return libm(x); }         \
  FL_INLINE vd name(vd x) {                                   \
    return map_lanes(x, [](double a) { return name(a); });    \
  }
FL_INLINE double sigmoid_libm(double x) { return 1 / (1 + __builtin_exp(-x)); }
FL_MATH(exp2_nonpos, __builtin_exp2)
FL_MATH(exp_nonpos, __builtin_exp)
FL_MATH(exp2, __builtin_exp2)
FL_MATH(exp, __builtin_exp)
FL_MATH(expm1, __builtin_expm1)
FL_MATH(tanh, __builtin_tanh)
FL_MATH(sigmoid, sigmoid_libm)
FL_MATH(erf, __builtin_erf)

}  // namespace fl
