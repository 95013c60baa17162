// The vector types of one ISA, chosen by the compiler's flags (AVX-512, AVX2, else 16 bytes: SSE2,
// NEON), on GCC/clang vector extensions. No <immintrin.h> and no standard header anywhere in this
// folder: a kernel must compile in a quarter of a second.
//
//   vec<T>    kLanes<T> lanes of the compute type T (float or double): a native vector, so
//             + - * / < == ?: and [] are the compiler's own
//   ivec<T>   as many integers of T's width (int32 beside float, int64 beside double): indices,
//             and masks (0 = false, -1 = true), the type that comparing two vec<T> yields
//   Storage types, what memory holds: bool u8 i8 i16 i32 i64 f16 bf16 float double.
//   Scalars of an emitted expression: T, i64 and bool.
// NOTE: beside float an integer lane has 32 bits: an index or id must fit there.
#pragma once
#pragma GCC diagnostic ignored \
    "-Wpsabi"  // every function here is inlined; no vector crosses an ABI

#define FL_INLINE static inline __attribute__((always_inline))
#define FL_UNROLL _Pragma("GCC unroll 32")

namespace fl {

typedef __SIZE_TYPE__ usize;
typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef __INT64_TYPE__ i64;
typedef __UINT64_TYPE__ u64;
struct f16 {
  u16 bits;
};
struct bf16 {
  u16 bits;
};

#if defined(__AVX512F__)
enum { kVectorBytes = 64 };
#elif defined(__AVX2__)
enum { kVectorBytes = 32 };
#else
enum { kVectorBytes = 16 };
#endif

#if defined(__FMA__) || defined(__AVX512F__) || defined(__ARM_FEATURE_FMA)
constexpr bool kHasFma = true;
#else
constexpr bool kHasFma = false;
#endif

template <class T>
constexpr int kLanes = kVectorBytes / sizeof(T);

template <class S, int N>
struct Pack {
  typedef S type __attribute__((vector_size(sizeof(S) * N)));
};
template <class S, int N>
using pack = typename Pack<S, N>::type;

template <class T>
struct IntOf;
template <>
struct IntOf<float> {
  typedef i32 type;
};
template <>
struct IntOf<double> {
  typedef i64 type;
};

template <class T>
using vec = pack<T, kLanes<T>>;
template <class T>
using ivec = pack<typename IntOf<T>::type, kLanes<T>>;
typedef vec<float> vf;
typedef vec<double> vd;
typedef ivec<float> vi;
typedef ivec<double> vl;

// what a type is: kVector, the lane's type, the compute type beside it
template <class V>
struct Traits {
  static constexpr bool kVector = false;
  typedef V elem;
};
template <>
struct Traits<vf> {
  static constexpr bool kVector = true;
  typedef float elem, real;
};
template <>
struct Traits<vd> {
  static constexpr bool kVector = true;
  typedef double elem, real;
};
template <>
struct Traits<vi> {
  static constexpr bool kVector = true;
  typedef i32 elem;
  typedef float real;
};
template <>
struct Traits<vl> {
  static constexpr bool kVector = true;
  typedef i64 elem;
  typedef double real;
};
template <class V>
constexpr bool kIsVector = Traits<V>::kVector;
template <class V>
using elem = typename Traits<V>::elem;
template <class V>
using real_of = typename Traits<V>::real;

template <class A, class B>
constexpr bool kSame = false;
template <class A>
constexpr bool kSame<A, A> = true;

template <int... I>
struct Seq {};
#if defined(__clang__)
template <class, int... I>
using SeqOf = Seq<I...>;
template <int N>
using seq = __make_integer_seq<SeqOf, int, N>;
#else
template <int N>
using seq = Seq<__integer_pack(N)...>;
#endif

// NOTE: a list of x, not `V{} + x`: 0 + x is not x for -0, so the compiler would add and then
// broadcast from a register on an FMA port: 1.3x slower micro-kernels
template <class V, int... I>
FL_INLINE V splat_seq(elem<V> x, Seq<I...>) {
  return V{((void)I, x)...};
}
template <class V, int... I>
FL_INLINE V iota_seq(Seq<I...>) {
  return V{I...};
}

// every lane x: splat<float>(x), isplat<float>(n); mask_splat<float>(b): 0 or -1
template <class T>
FL_INLINE vec<T> splat(T x) {
  return splat_seq<vec<T>>(x, seq<kLanes<T>>{});
}
template <class T>
FL_INLINE ivec<T> isplat(i64 x) {
  return splat_seq<ivec<T>>((elem<ivec<T>>)x, seq<kLanes<T>>{});
}
template <class T>
FL_INLINE ivec<T> mask_splat(bool b) {
  return isplat<T>(b ? -1 : 0);
}
// 0, 1, 2, ...
template <class T>
FL_INLINE ivec<T> iota() {
  return iota_seq<ivec<T>>(seq<kLanes<T>>{});
}
// lanes 0..n-1 true
template <class T>
FL_INLINE ivec<T> first_lanes(i64 n) {
  return iota<T>() < isplat<T>(n);
}

// x as a V: a vector as it is, a scalar in every lane (a bool as a mask)
template <class V, class X>
FL_INLINE V lift(X x) {
  if constexpr (!kIsVector<V> || kIsVector<X>) {
    return (V)x;
  } else if constexpr (kSame<X, bool>) {
    return splat_seq<V>(x ? -1 : 0, seq<kLanes<elem<V>>>{});
  } else {
    return splat_seq<V>((elem<V>)x, seq<kLanes<elem<V>>>{});
  }
}

}  // namespace fl
