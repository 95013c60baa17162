// Elementwise vocabulary. Every function here takes scalars (T, i64, bool) and vectors (vec<T>,
// ivec<T>, masks) alike, so the text of an emitted expression is the same for both:
//   lift            binary functions and select widen a scalar operand to the other's vector type.
//                   Operands must be of one kind: real, integer or truth. Convert explicitly.
//   arithmetic      neg abs sign add sub mul div; fma(a, b, c) = a * b + c
//   order           max min (NaN if either is NaN), max_fast min_fast (b if either is NaN: 1 op)
//   compare         eq ne lt le gt ge isnan isinf -> bool or mask
//   truth           not_ and_ or_ xor_; select(m, a, b); any(m) all(m) -> bool
//   rounding        floor ceil trunc round (to nearest even); identity on integers
//   conversion      int_to_real<T> real_to_int<T> (toward zero) bool_to_real<T> bool_to_int<T>
//                   real_to_bool int_to_bool (nonzero; NaN is true)
#pragma once
#include "types.h"

namespace fl {

// the vector type among the operands, else A (else Real for a T beside an i64 constant)
template <class A, class B>
struct JoinOf {
  typedef A type;
};
template <class A, class B>
  requires(!kIsVector<A> && kIsVector<B>)
struct JoinOf<A, B> {
  typedef B type;
};
template <class A, class B>
using join = typename JoinOf<A, B>::type;

template <class V>
using int_of = decltype(V{} == V{});  // the mask or lanes beside a vector

// NOTE: by their instruction: `a > b ? a : b` with a constant operand becomes a compare and a blend
template <class V>
FL_INLINE V pick_max(V a, V b) {
#if defined(__AVX512F__) && !defined(__clang__)
  if constexpr (kSame<V, vf>) return (V)__builtin_ia32_maxps512_mask(a, b, a, (u16)-1, 4);
  if constexpr (kSame<V, vd>) return (V)__builtin_ia32_maxpd512_mask(a, b, a, (u8)-1, 4);
#elif defined(__AVX2__) && !defined(__clang__)
  if constexpr (kSame<V, vf>) return (V)__builtin_ia32_maxps256(a, b);
  if constexpr (kSame<V, vd>) return (V)__builtin_ia32_maxpd256(a, b);
#endif
  return (V)(a > b ? a : b);
}
template <class V>
FL_INLINE V pick_min(V a, V b) {
#if defined(__AVX512F__) && !defined(__clang__)
  if constexpr (kSame<V, vf>) return (V)__builtin_ia32_minps512_mask(a, b, a, (u16)-1, 4);
  if constexpr (kSame<V, vd>) return (V)__builtin_ia32_minpd512_mask(a, b, a, (u8)-1, 4);
#elif defined(__AVX2__) && !defined(__clang__)
  if constexpr (kSame<V, vf>) return (V)__builtin_ia32_minps256(a, b);
  if constexpr (kSame<V, vd>) return (V)__builtin_ia32_minpd256(a, b);
#endif
  return (V)(a < b ? a : b);
}

#define FL_BINARY(name, expression)         \
  template <class A, class B>               \
  FL_INLINE auto name(A x, B y) {           \
    typedef join<A, B> V;                   \
    const V a = lift<V>(x), b = lift<V>(y); \
    return expression;                      \
  }
FL_BINARY(add, (V)(a + b))
FL_BINARY(sub, (V)(a - b))
FL_BINARY(mul, (V)(a* b))
FL_BINARY(div, (V)(a / b))
FL_BINARY(max_fast, pick_max(a, b))
FL_BINARY(min_fast, pick_min(a, b))
FL_BINARY(eq, a == b)
FL_BINARY(ne, a != b)
FL_BINARY(lt, a < b)
FL_BINARY(le, a <= b)
FL_BINARY(gt, a > b)
FL_BINARY(ge, a >= b)
FL_BINARY(and_, (V)(a& b))
FL_BINARY(or_, (V)(a | b))
FL_BINARY(xor_, (V)(a ^ b))
#undef FL_BINARY

template <class V>
constexpr bool kIsReal = kSame<elem<V>, float> || kSame<elem<V>, double>;

// f on every lane
template <class V, class F>
FL_INLINE V map_lanes(V x, F f) {
  if constexpr (!kIsVector<V>) {
    return f(x);
  } else {
    V r = x;
    for (int l = 0; l < (int)(sizeof(V) / sizeof(elem<V>)); l++) r[l] = f(x[l]);
    return r;
  }
}

// ---- conversions ------------------------------------------------------------------------------
template <class T, class X>
FL_INLINE auto int_to_real(X x) {
  if constexpr (kIsVector<X>)
    return __builtin_convertvector(x, vec<T>);
  else
    return (T)x;
}
template <class T, class X>
FL_INLINE auto real_to_int(X x) {
  if constexpr (kIsVector<X>)
    return __builtin_convertvector(x, ivec<T>);
  else
    return (i64)x;
}
template <class T, class X>
FL_INLINE auto bool_to_real(X x) {
  if constexpr (kIsVector<X>)
    return (vec<T>)(x & (X)splat<T>(1));
  else
    return (T)x;
}
template <class T, class X>
FL_INLINE auto bool_to_int(X x) {
  if constexpr (kIsVector<X>)
    return -x;
  else
    return (i64)x;
}
template <class X>
FL_INLINE auto real_to_bool(X x) {
  return x != X{};
}
template <class X>
FL_INLINE auto int_to_bool(X x) {
  return x != X{};
}

// ---- truth ------------------------------------------------------------------------------------
template <class M>
FL_INLINE M not_(M m) {
  if constexpr (kIsVector<M>)
    return ~m;
  else
    return !m;
}
template <class M, class A, class B>
FL_INLINE auto select(M m, A a, B b) {
  if constexpr (kIsVector<M>) {
    typedef join<A, B> J;
    if constexpr (kIsVector<J>) {
      return m ? lift<J>(a) : lift<J>(b);
    } else if constexpr (kIsReal<J>) {
      return m ? lift<vec<real_of<M>>>(a) : lift<vec<real_of<M>>>(b);
    } else {
      return m ? lift<M>(a) : lift<M>(b);
    }
  } else {
    typedef join<A, B> J;
    return m ? lift<J>(a) : lift<J>(b);
  }
}
template <class M>
FL_INLINE bool any(M m) {
  if constexpr (!kIsVector<M>) {
    return m;
  } else {
    pack<u64, kVectorBytes / 8> w = (pack<u64, kVectorBytes / 8>)m;
    u64 r = 0;
    FL_UNROLL for (int i = 0; i < kVectorBytes / 8; i++) r |= w[i];
    return r != 0;
  }
}
template <class M>
FL_INLINE bool all(M m) {
  return !any(not_(m));
}

// ---- one operand ------------------------------------------------------------------------------
template <class V>
FL_INLINE V neg(V a) {
  return -a;
}
template <class V>
FL_INLINE V abs(V a) {
  if constexpr (kIsReal<V> && kIsVector<V>)
    return (V)((int_of<V>)a & ~(int_of<V>)(-V{}));
  else if constexpr (kSame<V, float>)
    return __builtin_fabsf(a);
  else if constexpr (kSame<V, double>)
    return __builtin_fabs(a);
  else
    return a < 0 ? -a : a;
}
// |a| with the sign bit of s; reals only
template <class V>
FL_INLINE V copysign(V a, V s) {
  if constexpr (kSame<V, float>)
    return __builtin_copysignf(a, s);
  else if constexpr (kSame<V, double>)
    return __builtin_copysign(a, s);
  else {
    const int_of<V> bit = (int_of<V>)(-V{});
    return (V)(((int_of<V>)a & ~bit) | ((int_of<V>)s & bit));
  }
}
template <class V>
FL_INLINE auto isnan(V a) {
  return a != a;
}
template <class V>
FL_INLINE auto isinf(V a) {
  if constexpr (kIsReal<V>)
    return abs(a) == lift<V>((elem<V>)__builtin_inff());
  else
    return a != a;
}
template <class V>
FL_INLINE V sign(V a) {
  const V zero = {}, one = lift<V>((elem<V>)1);
  if constexpr (kIsVector<V>) {
    const V s = a > zero ? one : (a < zero ? -one : zero);
    return a != a ? a : s;
  } else {
    return a > zero ? one : a < zero ? (V)-one : a != a ? a : zero;
  }
}

// ---- rounding: the immediate is that of roundps (1 floor, 2 ceil, 3 trunc, 0 nearest even) -----
template <int MODE, class V>
FL_INLINE V round_to(V a) {
  if constexpr (!kIsReal<V>) return a;
#if defined(__AVX512F__)
  else if constexpr (kSame<V, vf>)
    return (V)__builtin_ia32_rndscaleps_mask(a, MODE | 8, a, (u16)-1, 4);
  else if constexpr (kSame<V, vd>)
    return (V)__builtin_ia32_rndscalepd_mask(a, MODE | 8, a, (u8)-1, 4);
#elif defined(__AVX2__)
  else if constexpr (kSame<V, vf>)
    return (V)__builtin_ia32_roundps256(a, MODE | 8);
  else if constexpr (kSame<V, vd>)
    return (V)__builtin_ia32_roundpd256(a, MODE | 8);
#endif
  else if constexpr (kSame<elem<V>, float>) {
    return map_lanes(a, [](float x) {
      return MODE == 1   ? __builtin_floorf(x)
             : MODE == 2 ? __builtin_ceilf(x)
             : MODE == 3 ? __builtin_truncf(x)
                         : __builtin_rintf(x);
    });
  } else {
    return map_lanes(a, [](double x) {
      return MODE == 1   ? __builtin_floor(x)
             : MODE == 2 ? __builtin_ceil(x)
             : MODE == 3 ? __builtin_trunc(x)
                         : __builtin_rint(x);
    });
  }
}
template <class V>
FL_INLINE V floor(V a) {
  return round_to<1>(a);
}
template <class V>
FL_INLINE V ceil(V a) {
  return round_to<2>(a);
}
template <class V>
FL_INLINE V trunc(V a) {
  return round_to<3>(a);
}
template <class V>
FL_INLINE V round(V a) {
  return round_to<0>(a);
}

// ---- order, with NaN ----------------------------------------------------------------------------
// NOTE: maxps gives its second operand when either is NaN, so only a NaN in `a` needs repair;
// or-ing the unordered mask in is cheaper than a blend where masks are vectors
template <class V>
FL_INLINE V keep_nan(V a, V r) {
  if constexpr (!kIsVector<V>)
    return a != a ? a : r;
  else if constexpr (kVectorBytes == 64)
    return a != a ? a : r;
  else
    return (V)((int_of<V>)r | (a != a));
}
template <class A, class B>
FL_INLINE auto max(A x, B y) {
  typedef join<A, B> V;
  const V a = lift<V>(x), b = lift<V>(y), r = pick_max(a, b);
  if constexpr (kIsReal<V>)
    return keep_nan(a, r);
  else
    return r;
}
template <class A, class B>
FL_INLINE auto min(A x, B y) {
  typedef join<A, B> V;
  const V a = lift<V>(x), b = lift<V>(y), r = pick_min(a, b);
  if constexpr (kIsReal<V>)
    return keep_nan(a, r);
  else
    return r;
}

template <class A, class B, class C>
FL_INLINE auto fma(A x, B y, C z) {
  typedef join<join<A, B>, C> V;
  return (V)(lift<V>(x) * lift<V>(y) + lift<V>(z));  // contracted: -ffp-contract=fast
}

}  // namespace fl
