// Loads and stores between any storage type S and lanes, in every access shape:
//   load<T>(p)                vec<T> of kLanes<T> contiguous elements (unaligned)
//   load_n<T>(p, n)           the first n lanes; lanes n.. are 0; never reads past p[n - 1]
//   load_s<T>(p, stride)      element l at p[l * stride]: 0 broadcasts, 1 is load, else gathers
//   load_sn<T>(p, stride, n)  both
//   gather<T>(p, index)       element l at p[index[l]]; gather_m<T>(p, index, mask): 0 where false
//   load_int*, load_mask*     the same to ivec<T> (int64 keeps its low 32 bits beside float) and to
//                             masks (nonzero is true); gather_int, gather_mask likewise
//   store(p, v) store_n(p, v, n) store_s(p, v, stride, n)   v: vec<T> to a real S or ivec<T> to an
//                             integer S; store_mask, store_mask_n, store_mask_s to bool / u8
//   scalars: get<T>(p) -> T, get_int(p) -> i64, get_mask(p) -> bool, put(p, x)
// To f16 and bf16 rounding is to nearest even; NaN stays NaN.
#pragma once
#include "simd.h"

namespace fl {

template <class S>
struct RawOf {
  typedef S type;
};
template <>
struct RawOf<bool> {
  typedef u8 type;
};
template <>
struct RawOf<f16> {
  typedef u16 type;
};
template <>
struct RawOf<bf16> {
  typedef u16 type;
};
template <class S>
using raw = typename RawOf<S>::type;

// ---- half precision, any number of lanes --------------------------------------------------------
template <int N>
FL_INLINE pack<float, N> widen_bf16(pack<u16, N> h) {
  return (pack<float, N>)(__builtin_convertvector(h, pack<u32, N>) << 16);
}
template <int N>
FL_INLINE pack<u16, N> narrow_bf16(pack<float, N> x) {
  typedef pack<u32, N> U;
  const U u = (U)x, r = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  const U quiet = (u >> 16) | 0x40;
  return __builtin_convertvector((U)(x != x ? quiet : r), pack<u16, N>);
}
template <int N>
FL_INLINE pack<float, N> widen_f16(pack<u16, N> h) {
#if defined(__AVX512F__) && !defined(__clang__)
  if constexpr (N == 16) {
    return (pack<float, N>)__builtin_ia32_vcvtph2ps512_mask((pack<i16, N>)h, pack<float, N>{},
                                                            (u16)-1, 4);
  } else
#endif
#if defined(__F16C__) && !defined(__clang__)
      if constexpr (N == 8) {
    return (pack<float, N>)__builtin_ia32_vcvtph2ps256((pack<i16, N>)h);
  } else
#endif
  {
    typedef pack<u32, N> U;
    typedef pack<float, N> F;
    const U u = __builtin_convertvector(h, U), e = u & 0x7c00, m = u & 0x3ff;
    const F small = __builtin_convertvector((pack<i32, N>)m, F) * 0x1p-24f;  // subnormal or zero
    const U big = ((u & 0x7fff) << 13) + (e == 0x7c00 ? U{} + 0x70000000u : U{} + 0x38000000u);
    return (F)((e == 0 ? (U)small : big) | (u & 0x8000) << 16);
  }
}
template <int N>
FL_INLINE pack<u16, N> narrow_f16(pack<float, N> x) {
#if defined(__AVX512F__) && !defined(__clang__)
  if constexpr (N == 16) {
    return (pack<u16, N>)__builtin_ia32_vcvtps2ph512_mask(x, 0, pack<i16, N>{}, (u16)-1);
  } else
#endif
#if defined(__F16C__) && !defined(__clang__)
      if constexpr (N == 8) {
    return (pack<u16, N>)__builtin_ia32_vcvtps2ph256(x, 0);
  } else
#endif
  {
    typedef pack<u32, N> U;
    typedef pack<float, N> F;
    const U u = (U)x, a = u & 0x7fffffff;
    // below 2^-14 the magic sum 0.5 + |x| leaves the subnormal's bits, rounded, in the mantissa
    const U small = (U)((F)a + 0.5f) - 0x3f000000;
    const U normal = (a - 0x38000000 + 0xfff + ((a >> 13) & 1)) >> 13;
    U r = a < 0x38800000 ? small : normal;
    r = a >= 0x47800000 ? U{} + 0x7c00 : r;  // a carry of the rounding reaches inf by itself
    r = a > 0x7f800000 ? U{} + 0x7e00 : r;
    return __builtin_convertvector((U)(r | (u & 0x80000000) >> 16), pack<u16, N>);
  }
}

// ---- a loaded pack of storage to lanes, and back ------------------------------------------------
template <class T, class S, int N>
FL_INLINE pack<T, N> widen(pack<raw<S>, N> x) {
  if constexpr (kSame<S, f16>)
    return __builtin_convertvector(widen_f16<N>(x), pack<T, N>);
  else if constexpr (kSame<S, bf16>)
    return __builtin_convertvector(widen_bf16<N>(x), pack<T, N>);
  else
    return __builtin_convertvector(x, pack<T, N>);
}
template <class S, class T, int N>
FL_INLINE pack<raw<S>, N> narrow(pack<T, N> x) {
  if constexpr (kSame<S, f16>)
    return narrow_f16<N>(__builtin_convertvector(x, pack<float, N>));
  else if constexpr (kSame<S, bf16>)
    return narrow_bf16<N>(__builtin_convertvector(x, pack<float, N>));
  else
    return __builtin_convertvector(x, pack<raw<S>, N>);
}

// N elements as they lie, the first n of them, or strided
template <class S, int N>
FL_INLINE pack<raw<S>, N> fetch(const S* p) {
  pack<raw<S>, N> x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
template <class S, int N>
FL_INLINE pack<raw<S>, N> fetch_n(const S* p, i64 n) {
  if (n >= N) return fetch<S, N>(p);
#if defined(__AVX512F__) && !defined(__clang__)
  if constexpr (kSame<S, float> && N == 16) {
    const u16 mask = n <= 0 ? 0 : (u16)((1u << n) - 1);
    return (vf)__builtin_ia32_loadups512_mask(p, vf{}, mask);
  } else
#elif defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (kSame<S, float> && N == 8) {
    return (vf)__builtin_ia32_maskloadps256((const vf*)p, first_lanes<float>(n));
  } else
#endif
  {
    raw<S> buffer[N] = {};
    for (i64 l = 0; l < n; l++) __builtin_memcpy(buffer + l, p + l, sizeof(S));
    return fetch<raw<S>, N>(buffer);
  }
}
template <class S, int N>
FL_INLINE pack<raw<S>, N> fetch_sn(const S* p, i64 stride, i64 n) {
  if (stride == 1) return fetch_n<S, N>(p, n);
  raw<S> buffer[N] = {};
  for (i64 l = 0; l < N && l < n; l++) __builtin_memcpy(buffer + l, p + l * stride, sizeof(S));
  return fetch<raw<S>, N>(buffer);
}
template <class S, int N, class I>
FL_INLINE pack<raw<S>, N> fetch_at(const S* p, I index, I mask) {
  raw<S> buffer[N] = {};
  for (int l = 0; l < N; l++)
    if (mask[l]) __builtin_memcpy(buffer + l, p + (i64)index[l], sizeof(S));
  return fetch<raw<S>, N>(buffer);
}

// ---- real lanes
// -----------------------------------------------------------------------------------
template <class T, class S>
FL_INLINE T get(const S* p) {
  if constexpr (kSame<S, f16>)
    return (T)widen_f16<8>(pack<u16, 8>{p->bits})[0];
  else if constexpr (kSame<S, bf16>)
    return (T)widen_bf16<4>(pack<u16, 4>{p->bits})[0];
  else
    return (T)*p;
}
template <class S>
FL_INLINE i64 get_int(const S* p) {
  return (i64)*p;
}
template <class S>
FL_INLINE bool get_mask(const S* p) {
  return *(const raw<S>*)p != 0;
}

#define FL_LOADS(name, result, convert)                           \
  template <class T, class S>                                     \
  FL_INLINE result name(const S* p) {                             \
    return convert(fetch<S, kLanes<T>>(p));                       \
  }                                                               \
  template <class T, class S>                                     \
  FL_INLINE result name##_n(const S* p, i64 n) {                  \
    return convert(fetch_n<S, kLanes<T>>(p, n));                  \
  }                                                               \
  template <class T, class S>                                     \
  FL_INLINE result name##_sn(const S* p, i64 stride, i64 n) {     \
    return convert(fetch_sn<S, kLanes<T>>(p, stride, n));         \
  }                                                               \
  template <class T, class S>                                     \
  FL_INLINE result name##_s(const S* p, i64 stride) {             \
    return convert(fetch_sn<S, kLanes<T>>(p, stride, kLanes<T>)); \
  }
#define FL_REAL(...) widen<T, S, kLanes<T>>(__VA_ARGS__)
#define FL_INT(...) __builtin_convertvector((__VA_ARGS__), ivec<T>)
#define FL_MASK(...) __builtin_convertvector((__VA_ARGS__) != 0, ivec<T>)
FL_LOADS(load, vec<T>, FL_REAL)
FL_LOADS(load_int, ivec<T>, FL_INT)
FL_LOADS(load_mask, ivec<T>, FL_MASK)

#define FL_GATHERS(name, result, convert)                              \
  template <class T, class S>                                          \
  FL_INLINE result name(const S* p, ivec<T> index) {                   \
    return convert((fetch_at<S, kLanes<T>>(p, index, isplat<T>(-1)))); \
  }                                                                    \
  template <class T, class S>                                          \
  FL_INLINE result name##_m(const S* p, ivec<T> index, ivec<T> mask) { \
    return convert((fetch_at<S, kLanes<T>>(p, index, mask)));          \
  }
FL_GATHERS(gather, vec<T>, FL_REAL)
FL_GATHERS(gather_int, ivec<T>, FL_INT)
FL_GATHERS(gather_mask, ivec<T>, FL_MASK)
#undef FL_LOADS
#undef FL_GATHERS
#undef FL_REAL
#undef FL_INT
#undef FL_MASK

// ---- stores
// ---------------------------------------------------------------------------------------
template <class S, class V>
FL_INLINE void put_lanes(S* p, V x, i64 stride, i64 n) {
  constexpr int N = sizeof(V) / sizeof(x[0]);
  if (stride == 1 && n >= N) {
    __builtin_memcpy(p, &x, sizeof x);
    return;
  }
#if defined(__AVX512F__) && !defined(__clang__)
  if constexpr (kSame<S, float> && N == 16) {
    if (stride == 1) {
      __builtin_ia32_storeups512_mask(p, x, n <= 0 ? 0 : (u16)((1u << n) - 1));
      return;
    }
  }
#elif defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (kSame<S, float> && N == 8) {
    if (stride == 1) {
      __builtin_ia32_maskstoreps256((vf*)p, first_lanes<float>(n), x);
      return;
    }
  }
#endif
  raw<S> buffer[N];
  __builtin_memcpy(buffer, &x, sizeof x);
  for (i64 l = 0; l < N && l < n; l++) __builtin_memcpy(p + l * stride, buffer + l, sizeof(S));
}

template <class S, class V>
FL_INLINE void store_s(S* p, V x, i64 stride, i64 n) {
  put_lanes<S>(p, narrow<S, elem<V>, sizeof(V) / sizeof(elem<V>)>(x), stride, n);
}
template <class S, class V>
FL_INLINE void store_n(S* p, V x, i64 n) {
  store_s(p, x, 1, n);
}
template <class S, class V>
FL_INLINE void store(S* p, V x) {
  store_s(p, x, 1, (i64)(sizeof(V) / sizeof(elem<V>)));
}
template <class S, class M>
FL_INLINE void store_mask_s(S* p, M m, i64 stride, i64 n) {
  put_lanes<S>(p, __builtin_convertvector(-m, pack<raw<S>, sizeof(M) / sizeof(elem<M>)>), stride,
               n);
}
template <class S, class M>
FL_INLINE void store_mask_n(S* p, M m, i64 n) {
  store_mask_s(p, m, 1, n);
}
template <class S, class M>
FL_INLINE void store_mask(S* p, M m) {
  store_mask_s(p, m, 1, (i64)(sizeof(M) / sizeof(elem<M>)));
}

// one element; x is T, i64 or bool
template <class S, class X>
FL_INLINE void put(S* p, X x) {
  if constexpr (kSame<S, f16>)
    p->bits = narrow_f16<8>(pack<float, 8>{(float)x})[0];
  else if constexpr (kSame<S, bf16>)
    p->bits = narrow_bf16<4>(pack<float, 4>{(float)x})[0];
  else
    *p = (S)x;
}

}  // namespace fl
