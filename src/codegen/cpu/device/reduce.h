// Reductions over lanes, and transposition. A reduction is a type with identity<T>() and join(a,
// b): Sum, Prod, Max, Min (NaN wins, as in max and min), Any, All (on bool or masks).
//   hreduce<R>(v)           one scalar from the lanes of v (vec<T>, ivec<T>, or a mask -> bool)
//   hsum hprod hmax hmin    hreduce of a name
//   hreduce_n<R>(v, n)      only the first n lanes
//   reduce_rows<R>(x)       x[kLanes<T>]: lane r of the result is the reduction of x[r]; x is
//   consumed.
//                           Half the work of as many hreduce
//   transpose<V>(x)         x[L] as the L x L matrix of rows, in place
#pragma once
#include "simd.h"

namespace fl {

template <class T>
constexpr T kInf = (T)__builtin_inff();

struct Sum {
  template <class T>
  FL_INLINE T identity_of(T*) {
    return 0;
  }
  template <class A, class B>
  FL_INLINE auto join(A a, B b) {
    return add(a, b);
  }
};
struct Prod {
  template <class T>
  FL_INLINE T identity_of(T*) {
    return 1;
  }
  template <class A, class B>
  FL_INLINE auto join(A a, B b) {
    return mul(a, b);
  }
};
struct Max {
  FL_INLINE float identity_of(float*) { return -__builtin_inff(); }
  FL_INLINE double identity_of(double*) { return -__builtin_inf(); }
  FL_INLINE i32 identity_of(i32*) { return -__INT32_MAX__ - 1; }
  FL_INLINE i64 identity_of(i64*) { return -__INT64_MAX__ - 1; }
  template <class A, class B>
  FL_INLINE auto join(A a, B b) {
    return max(a, b);
  }
};
struct Min {
  FL_INLINE float identity_of(float*) { return __builtin_inff(); }
  FL_INLINE double identity_of(double*) { return __builtin_inf(); }
  FL_INLINE i32 identity_of(i32*) { return __INT32_MAX__; }
  FL_INLINE i64 identity_of(i64*) { return __INT64_MAX__; }
  template <class A, class B>
  FL_INLINE auto join(A a, B b) {
    return min(a, b);
  }
};
// for a running maximum whose NaN shows elsewhere (exp(x - m) of a NaN x is NaN): one instruction
struct MaxFast : Max {
  template <class A, class B>
  FL_INLINE auto join(A a, B b) {
    return max_fast(b, a);
  }
};
struct Any {
  template <class T>
  FL_INLINE T identity_of(T*) {
    return 0;
  }
  template <class A, class B>
  FL_INLINE auto join(A a, B b) {
    return or_(a, b);
  }
};
struct All {
  FL_INLINE bool identity_of(bool*) { return true; }
  template <class T>
  FL_INLINE T identity_of(T*) {
    return -1;
  }
  template <class A, class B>
  FL_INLINE auto join(A a, B b) {
    return and_(a, b);
  }
};
template <class R, class T>
FL_INLINE T identity() {
  return R::identity_of((T*)nullptr);
}

// ---- shuffles by pattern, folded at compile time ------------------------------------------------
// rotate lanes by H; low/high: exchange blocks of H lanes so that x[r], x[r + H] become transposed
template <int H, class V, int... I>
FL_INLINE V rotated(V a, Seq<I...>) {
  return __builtin_shufflevector(a, a, ((I + H) % (int)sizeof...(I))...);
}
template <int H, class V, int... I>
FL_INLINE V low_blocks(V a, V b, Seq<I...>) {
  return __builtin_shufflevector(a, b, (I / H % 2 == 0 ? I : I - H + (int)sizeof...(I))...);
}
template <int H, class V, int... I>
FL_INLINE V high_blocks(V a, V b, Seq<I...>) {
  return __builtin_shufflevector(a, b, (I / H % 2 == 0 ? I + H : I + (int)sizeof...(I))...);
}
// inside each 16-byte block, interleave units of U lanes of a and b: first halves, or second halves
template <int U, int HALF, class V, int... I>
FL_INLINE V zipped(V a, V b, Seq<I...>) {
  constexpr int B = 16 / sizeof(elem<V>), N = sizeof...(I);
  return __builtin_shufflevector(
      a, b, (I / B * B + HALF * B / 2 + I % B / (2 * U) * U + I % U + (I / U % 2 ? N : 0))...);
}

template <class R, class V>
FL_INLINE auto hreduce(V v) {
  constexpr int N = sizeof(V) / sizeof(elem<V>);
  if constexpr (N >= 16) v = R::join(v, rotated<8>(v, seq<N>{}));
  if constexpr (N >= 8) v = R::join(v, rotated<4>(v, seq<N>{}));
  if constexpr (N >= 4) v = R::join(v, rotated<2>(v, seq<N>{}));
  v = R::join(v, rotated<1>(v, seq<N>{}));
  if constexpr (kSame<R, Any> || kSame<R, All>)
    return (bool)(v[0] != 0);
  else
    return (elem<V>)v[0];
}
template <class R, class V>
FL_INLINE auto hreduce_n(V v, i64 n) {
  typedef real_of<V> T;
  return hreduce<R>(select(first_lanes<T>(n), v, lift<V>(identity<R, elem<V>>())));
}
template <class V>
FL_INLINE auto hsum(V v) {
  return hreduce<Sum>(v);
}
template <class V>
FL_INLINE auto hprod(V v) {
  return hreduce<Prod>(v);
}
template <class V>
FL_INLINE auto hmax(V v) {
  return hreduce<Max>(v);
}
template <class V>
FL_INLINE auto hmin(V v) {
  return hreduce<Min>(v);
}

template <class R, int H, class V>
FL_INLINE void fold_rows(V* x) {
  constexpr seq<(int)(sizeof(V) / sizeof(elem<V>))> s;
  FL_UNROLL for (int i = 0; i < H; i++) x[i] =
      R::join(low_blocks<H>(x[i], x[i + H], s), high_blocks<H>(x[i], x[i + H], s));
  if constexpr (H > 1) fold_rows<R, H / 2>(x);
}
template <class R, class V>
FL_INLINE V reduce_rows(V* x) {
  fold_rows<R, (int)(sizeof(V) / sizeof(elem<V>)) / 2>(x);
  return x[0];
}

// exchange blocks of H lanes, H from 16 bytes upwards, between rows that are H apart
template <int H, class V>
FL_INLINE void transpose_blocks(V* x) {
  constexpr int N = sizeof(V) / sizeof(elem<V>);
  constexpr seq<N> s;
  if constexpr (H < N) {
    FL_UNROLL for (int i = 0; i < N; i++) {
      if (i & H) continue;
      const V a = x[i], b = x[i + H];
      x[i] = low_blocks<H>(a, b, s);
      x[i + H] = high_blocks<H>(a, b, s);
    }
    transpose_blocks<2 * H>(x);
  }
}
template <class V>
FL_INLINE void transpose(V* x) {
  constexpr int N = sizeof(V) / sizeof(elem<V>), B = 16 / sizeof(elem<V>);
  constexpr seq<N> s;
  FL_UNROLL for (int g = 0; g < N; g += B) {
    V* r = x + g;
    if constexpr (B == 4) {
      const V a = zipped<1, 0>(r[0], r[1], s), b = zipped<1, 1>(r[0], r[1], s);
      const V c = zipped<1, 0>(r[2], r[3], s), d = zipped<1, 1>(r[2], r[3], s);
      r[0] = zipped<2, 0>(a, c, s), r[1] = zipped<2, 1>(a, c, s);
      r[2] = zipped<2, 0>(b, d, s), r[3] = zipped<2, 1>(b, d, s);
    } else {
      const V a = r[0], b = r[1];
      r[0] = zipped<1, 0>(a, b, s), r[1] = zipped<1, 1>(a, b, s);
    }
  }
  transpose_blocks<B>(x);
}

}  // namespace fl
