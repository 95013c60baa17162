// Division that rounds, and what is near to it; on scalars and vectors alike, as simd.h.
//   floordiv mod    follow Python on integers; by zero they give 0. Real mod is exact while
//                   |a/b| < 2^22 where the machine has FMA, else rounded as |a|
//   roots           sqrt rsqrt reciprocal, correctly rounded or 1 ulp; rcp_fast (1 ulp, x normal)
#pragma once
#include "simd.h"

namespace fl {

// ---- floor division and its modulo --------------------------------------------------------------
FL_INLINE i64 floor_div_int(i64 a, i64 b) {
  if (b == 0) return 0;
  if (b == -1) return (i64) - (u64)a;  // the one quotient that overflows would trap
  const i64 q = a / b;
  return q - ((a % b != 0) & ((a < 0) != (b < 0)));
}
// double holds the quotient of two int32 closely enough that its floor is exact
FL_INLINE vi floor_div_int(vi a, vi b) {
  typedef pack<double, kLanes<float>> wide;
  wide q = __builtin_convertvector(a, wide) / __builtin_convertvector(b, wide);
  const vi t = __builtin_convertvector(q, vi);
  const vi above = __builtin_convertvector(__builtin_convertvector(t, wide) > q, vi);
  return b == 0 ? vi{} : t + above;
}
FL_INLINE vl floor_div_int(vl a, vl b) {
  vl r = a;
  for (int l = 0; l < kLanes<double>; l++) r[l] = floor_div_int((i64)a[l], (i64)b[l]);
  return r;
}
// quotient and remainder of reals: the rounded quotient may be one too large or too small
template <class V>
FL_INLINE void floor_div_real(V a, V b, V& q, V& r) {
  q = floor(a / b);
  r = -b * q + a;
  const V zero = {}, one = lift<V>((elem<V>)1);
  const auto below = and_(ne(r, zero), ne(lt(r, zero), lt(b, zero)));
  const auto above = and_(ge(abs(r), abs(b)), not_(below));
  q = select(below, q - one, select(above, q + one, q));
  r = select(below, r + b, select(above, r - b, r));
}
template <class A, class B>
FL_INLINE auto floordiv(A x, B y) {
  typedef join<A, B> V;
  const V a = lift<V>(x), b = lift<V>(y);
  if constexpr (kIsReal<V>) {
    return floor(a / b);
  } else {
    return floor_div_int(a, b);
  }
}
template <class A, class B>
FL_INLINE auto mod(A x, B y) {
  typedef join<A, B> V;
  const V a = lift<V>(x), b = lift<V>(y);
  if constexpr (kIsReal<V>) {
    V q, r;
    floor_div_real(a, b, q, r);
    return r;
  } else {
    return select(eq(b, V{}), V{}, (V)(a - floor_div_int(a, b) * b));
  }
}

// ---- roots and reciprocals ----------------------------------------------------------------------
template <class V>
FL_INLINE V sqrt(V a) {
  if constexpr (kSame<V, float>)
    return __builtin_sqrtf(a);
  else if constexpr (kSame<V, double>)
    return __builtin_sqrt(a);
#if !defined(__clang__) && defined(__AVX512F__)
  else if constexpr (kSame<V, vf>)
    return (V)__builtin_ia32_sqrtps512_mask(a, a, (u16)-1, 4);
  else if constexpr (kSame<V, vd>)
    return (V)__builtin_ia32_sqrtpd512_mask(a, a, (u8)-1, 4);
#elif !defined(__clang__) && defined(__AVX2__)
  else if constexpr (kSame<V, vf>)
    return (V)__builtin_ia32_sqrtps256(a);
  else if constexpr (kSame<V, vd>)
    return (V)__builtin_ia32_sqrtpd256(a);
#endif
  else
    return map_lanes(a, [](elem<V> x) { return sqrt(x); });
}
template <class V>
FL_INLINE V reciprocal(V a) {
  return lift<V>((elem<V>)1) / a;
}
template <class V>
FL_INLINE V rsqrt(V a) {
  return lift<V>((elem<V>)1) / sqrt(a);
}

// 1/x for x whose reciprocal is normal and not 0 or inf (those give NaN): the hardware estimate and
// a Newton step, where a division would block its port for 16 cycles
template <class V>
FL_INLINE V rcp_fast(V x) {
#if defined(__AVX512F__)
  if constexpr (kSame<V, vf>) {
    const V r = (V)__builtin_ia32_rcp14ps512_mask(x, x, (u16)-1);
    return r * (splat<float>(1) - x * r) + r;
  } else {
    return reciprocal(x);
  }
#else
  return reciprocal(x);
#endif
}

}  // namespace fl
