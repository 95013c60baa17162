// What the text of a kernel is made of besides simd.h: lanes at the ragged end of a tile, running
// reductions over lanes, loads at computed offsets.
//   Flag<B>                  a bool as a type: passed to a generic lambda
//   read<T, TAIL>(p, left)   lanes at p, of which `left` exist when TAIL; the others are 0.
//                            read_s: with a stride; read_at: at 64-bit offsets, see offsets.
//                            read_int..., read_mask...: to ivec<T>
//   offsets<T>(index, stride)  index * stride per lane in 64 bits
//   write<TAIL>(p, v, left)  the reverse; write_s, write_mask, write_mask_s
//   fold<R, TAIL>(acc, v, live)  acc = acc join v, leaving out lanes that are not live when TAIL
//   absorb<R>(p, acc)        *p = *p join (the lanes of acc)
//   fill<R>(array)           every element the identity of R
//   exp_below(x)             e^x for x <= 0, relative error 1.5 ulp + |x| 2^-26: a weight, whose
//                            error counts as little as the weight itself. One step shorter than
//                            exp_nonpos
//   rounded(v)               v, which is not contracted with what uses it
//   ceil_div, align_up, nonempty
#pragma once
#include "exp.h"
#include "memory.h"
#include "reduce.h"

namespace fl {

template <bool B>
struct Flag {
  static constexpr bool value = B;
};

#define FL_READS(name, load, result)                                          \
  template <class T, bool TAIL, class S>                                      \
  FL_INLINE result name(const S* p, i64 left) {                               \
    if constexpr (TAIL)                                                       \
      return load##_n<T>(p, left);                                            \
    else                                                                      \
      return load<T>(p);                                                      \
  }                                                                           \
  template <class T, bool TAIL, class S>                                      \
  FL_INLINE result name##_s(const S* p, i64 stride, i64 left) {               \
    if constexpr (TAIL)                                                       \
      return load##_sn<T>(p, stride, left);                                   \
    else                                                                      \
      return load##_s<T>(p, stride);                                          \
  }                                                                           \
  template <class T, bool TAIL, class S>                                      \
  FL_INLINE result name##_at(const S* p, pack<i64, kLanes<T>> at, i64 left) { \
    S x[kLanes<T>] = {};                                                      \
    for (int l = 0; l < kLanes<T>; l++)                                       \
      if (!TAIL || l < left) x[l] = p[at[l]];                                 \
    return load<T>(x);                                                        \
  }
FL_READS(read, load, vec<T>)
FL_READS(read_int, load_int, ivec<T>)
FL_READS(read_mask, load_mask, ivec<T>)
#undef FL_READS

template <class T>
FL_INLINE pack<i64, kLanes<T>> offsets(ivec<T> index, i64 stride) {
  return __builtin_convertvector(index, pack<i64, kLanes<T>>) * stride;
}

#define FL_WRITES(name, put)                                 \
  template <bool TAIL, class S, class V>                     \
  FL_INLINE void name(S* p, V v, i64 left) {                 \
    if constexpr (TAIL)                                      \
      put##_n(p, v, left);                                   \
    else                                                     \
      put(p, v);                                             \
  }                                                          \
  template <bool TAIL, class S, class V>                     \
  FL_INLINE void name##_s(S* p, V v, i64 stride, i64 left) { \
    constexpr i64 L = sizeof(V) / sizeof(elem<V>);           \
    put##_s(p, v, stride, TAIL&& left < L ? left : L);       \
  }
FL_WRITES(write, store)
FL_WRITES(write_mask, store_mask)
#undef FL_WRITES

template <class R, bool TAIL, class V, class X, class M>
FL_INLINE void fold(V& acc, X x, M live) {
  V v = lift<V>(x);
  if constexpr (TAIL) v = select(live, v, lift<V>(identity<R, elem<V>>()));
  acc = R::join(acc, v);
}
template <class R, class S, class V>
FL_INLINE void absorb(S* p, V acc) {
  *p = (S)R::join(*p, (S)hreduce<R>(acc));
}
template <class R, class S, int N>
FL_INLINE void fill(S (&x)[N]) {
  for (int e = 0; e < N; e++) x[e] = identity<R, S>();
}
FL_INLINE vf exp_below(vf x) {
#if defined(__AVX512F__) && defined(__AVX512DQ__) && !defined(__clang__)
  return exp2_nonpos(x * splat(1.44269504f));
#else
  x = max_fast(splat(-88.0f), x);
  const Scale s = round_scale_log2e<Bias::One>(x);
  return horner(kExp2Short, x * splat(1.44269504f) - s.n) * s.scale;
#endif
}
FL_INLINE vd exp_below(vd x) { return exp_nonpos(x); }
FL_INLINE float exp_below(float x) { return exp_below(splat(x))[0]; }
FL_INLINE double exp_below(double x) { return exp_nonpos(x); }

template <class V>
FL_INLINE V rounded(V v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#endif
  return v;
}

FL_INLINE i64 ceil_div(i64 n, i64 by) { return (n + by - 1) / by; }
FL_INLINE i64 align_up(i64 n, i64 to) { return (n + to - 1) / to * to; }
// memory that may be read at element 0 even where a tensor has no element
template <class S>
FL_INLINE const S* nonempty(const void* p, i64 elements) {
  static const double zero[2] = {};
  return (const S*)(elements > 0 ? p : zero);
}

}  // namespace fl
