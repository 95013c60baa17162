// What CUDA C++ has built in: keywords, indices, vectors, votes and shuffles, atomics, maths.
#pragma once
#define _GLIBCXX_INCLUDE_NEXT_C_HEADERS  // the C library's own header: <cmath> takes 0.2 s
#include <math.h>
#undef _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#include <type_traits>

#include "emulate_barrier.cuh"
#include "emulate_core.cuh"

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __restrict__
#define __align__(n) alignas(n)

#define threadIdx (emulator::Index3{static_cast<u32>(emulator::thread_id()), 0, 0})
#define blockDim (emulator::Index3{static_cast<u32>(emulator::machine.threads), 1, 1})
#define blockIdx (emulator::machine.block)
#define gridDim (emulator::machine.grid)

struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  u32 x, y;
};
struct alignas(16) uint4 {
  u32 x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(u32 x, u32 y) { return {x, y}; }
inline uint4 make_uint4(u32 x, u32 y, u32 z, u32 w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

namespace emulator {

template <class To, class From>
inline To bits(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To y;
  memcpy(&y, &x, sizeof y);
  return y;
}

inline void full_warp(u32 mask, const char* who) {
  if (mask != ~0u) fail("%s for a part of a warp (mask %08x): not emulated", who, mask);
}

template <class T>
struct Shuffle {
  T in, out;
  int source;  // lane

  static void run(void** arguments) {
    const int n = machine.warps[machine.current->id / kWarp].size;
    for (int lane = 0; lane < n; lane++) {
      auto* s = static_cast<Shuffle*>(arguments[lane]);
      if (s->source >= n) fail("shuffle from lane %d of a warp of %d", s->source, n);
      s->out = static_cast<Shuffle*>(arguments[s->source])->in;
    }
  }
};

template <class T>
inline T shuffle(u32 mask, T x, int source) {
  full_warp(mask, "shuffle");
  Shuffle<T> s{x, x, source};
  warp_together("shuffle", Shuffle<T>::run, &s);
  return s.out;
}

struct Ballot {
  bool in;
  u32 out;
  static void run(void** arguments) {
    const int n = machine.warps[machine.current->id / kWarp].size;
    u32 votes = 0;
    for (int k = 0; k < n; k++) votes |= u32{static_cast<Ballot*>(arguments[k])->in} << k;
    for (int k = 0; k < n; k++) static_cast<Ballot*>(arguments[k])->out = votes;
  }
};

inline int lane() { return thread_id() % kWarp; }

}  // namespace emulator

template <class T>
inline T __shfl_sync(u32 mask, T x, int source, int width = 32) {
  const int lane = emulator::lane();
  return emulator::shuffle(mask, x, lane / width * width + (source & (width - 1)));
}
template <class T>
inline T __shfl_xor_sync(u32 mask, T x, int bits, int = 32) {
  return emulator::shuffle(mask, x, emulator::lane() ^ bits);
}
template <class T>
inline T __shfl_down_sync(u32 mask, T x, int by, int width = 32) {
  const int lane = emulator::lane();
  return emulator::shuffle(mask, x, lane % width + by < width ? lane + by : lane);
}
template <class T>
inline T __shfl_up_sync(u32 mask, T x, int by, int width = 32) {
  const int lane = emulator::lane();
  return emulator::shuffle(mask, x, lane % width >= by ? lane - by : lane);
}
inline u32 __ballot_sync(u32 mask, int x) {
  emulator::full_warp(mask, "vote");
  emulator::Ballot b{x != 0, 0};
  emulator::warp_together("vote", emulator::Ballot::run, &b);
  return b.out;
}
inline int __any_sync(u32 mask, int x) { return __ballot_sync(mask, x) != 0; }
inline int __all_sync(u32 mask, int x) { return __ballot_sync(mask, !x) == 0; }
inline void __syncwarp(u32 mask = ~0u) {
  emulator::full_warp(mask, "__syncwarp");
  emulator::warp_together("__syncwarp", nullptr, nullptr);
}

inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __nanosleep(u32) {}
template <class T>
inline T __ldg(const T* p) {
  return *p;
}

// ---- atomics: CTAs run one after another, fibers take turns, so that plain code is atomic
template <class T>
inline T atomicAdd(T* p, std::type_identity_t<T> x) {
  const T old = *p;
  *p = old + x;
  return old;
}
template <class T>
inline T atomicMax(T* p, std::type_identity_t<T> x) {
  const T old = *p;
  if (x > old) *p = x;
  return old;
}
template <class T>
inline T atomicMin(T* p, std::type_identity_t<T> x) {
  const T old = *p;
  if (x < old) *p = x;
  return old;
}
template <class T>
inline T atomicExch(T* p, std::type_identity_t<T> x) {
  const T old = *p;
  *p = x;
  return old;
}
template <class T>
inline T atomicCAS(T* p, std::type_identity_t<T> compare, std::type_identity_t<T> x) {
  const T old = *p;
  if (old == compare) *p = x;
  return old;
}

// ---- maths
template <class A, class B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  using T = std::common_type_t<A, B>;
  return static_cast<T>(b) < static_cast<T>(a) ? static_cast<T>(b) : static_cast<T>(a);
}
template <class A, class B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  using T = std::common_type_t<A, B>;
  return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(b) : static_cast<T>(a);
}
inline int __float_as_int(float x) { return emulator::bits<int>(x); }
inline u32 __float_as_uint(float x) { return emulator::bits<u32>(x); }
inline float __int_as_float(int x) { return emulator::bits<float>(x); }
inline float __uint_as_float(u32 x) { return emulator::bits<float>(x); }
inline i64 __double_as_longlong(double x) { return emulator::bits<i64>(x); }
inline double __longlong_as_double(i64 x) { return emulator::bits<double>(x); }
inline int __popc(u32 x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<u32>(x)); }
inline u32 __umulhi(u32 a, u32 b) { return static_cast<u32>((u64{a} * b) >> 32); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.f / x; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __saturatef(float x) { return x > 0.f ? (x < 1.f ? x : 1.f) : 0.f; }
inline float rsqrtf(float x) { return 1.f / sqrtf(x); }
inline double rsqrt(double x) { return 1. / sqrt(x); }
