// Functions of single elements, as the ops of ir/ops.def name them.
#pragma once
#include "convert.cuh"
#include "ptx.cuh"

// Of Max and Min, NaN is the result where it is an argument, as in PyTorch.
DEVICE float max_(float a, float b) {
#ifdef FLASHLIGHT_EMULATE
  return a != a || a > b ? a : b;
#else
  float x;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
#endif
}
DEVICE float min_(float a, float b) {
#ifdef FLASHLIGHT_EMULATE
  return a != a || a < b ? a : b;
#else
  float x;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
#endif
}
DEVICE int max_(int a, int b) { return a > b ? a : b; }
DEVICE int min_(int a, int b) { return a < b ? a : b; }
DEVICE i64 max_(i64 a, i64 b) { return a > b ? a : b; }
DEVICE i64 min_(i64 a, i64 b) { return a < b ? a : b; }
DEVICE i64 max_(i64 a, int b) { return max_(a, (i64)b); }
DEVICE i64 max_(int a, i64 b) { return max_((i64)a, b); }
DEVICE i64 min_(i64 a, int b) { return min_(a, (i64)b); }
DEVICE i64 min_(int a, i64 b) { return min_((i64)a, b); }

// Floor division and its modulo, as in Python.
template <class T>
DEVICE T floor_div_of(T a, T b) {
  const T q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}
DEVICE int floor_div(int a, int b) { return floor_div_of(a, b); }
DEVICE i64 floor_div(i64 a, i64 b) { return floor_div_of(a, b); }
DEVICE i64 floor_div(i64 a, int b) { return floor_div_of(a, (i64)b); }
DEVICE i64 floor_div(int a, i64 b) { return floor_div_of((i64)a, b); }
DEVICE float floor_div(float a, float b) { return floorf(a / b); }
DEVICE int mod_(int a, int b) { return a - b * floor_div(a, b); }
DEVICE i64 mod_(i64 a, i64 b) { return a - b * floor_div(a, b); }
DEVICE i64 mod_(i64 a, int b) { return mod_(a, (i64)b); }
DEVICE i64 mod_(int a, i64 b) { return mod_((i64)a, b); }
DEVICE float mod_(float a, float b) { return a - b * floorf(a / b); }

DEVICE float abs_(float x) { return fabsf(x); }
DEVICE int abs_(int x) { return x < 0 ? -x : x; }
DEVICE i64 abs_(i64 x) { return x < 0 ? -x : x; }
DEVICE float sign_(float x) { return x != x ? x : (float)((x > 0.f) - (x < 0.f)); }
DEVICE i64 sign_(i64 x) { return (x > 0) - (x < 0); }
DEVICE bool isnan_(float x) { return x != x; }
DEVICE bool isinf_(float x) { return fabsf(x) == infinity(); }
DEVICE float sigmoid_precise(float x) { return 1.f / (1.f + expf(-x)); }

// Approximate: a few units in the last place of float; for data of 16 bits.
DEVICE float exp_fast(float x) { return exp2_fast(x * 1.4426950408889634f); }
DEVICE float log_fast(float x) { return log2_fast(x) * 0.6931471805599453f; }
DEVICE float sigmoid_fast(float x) { return rcp_fast(1.f + exp_fast(-x)); }
DEVICE float div_fast(float a, float b) { return a * rcp_fast(b); }

// What memory holds, as float, int or bool.
DEVICE float read(const Bf16* p) { return to_float(*p); }
DEVICE float read(const F16* p) { return to_float(*p); }
DEVICE float read(const float* p) { return *p; }
DEVICE float read(const double* p) { return (float)*p; }
DEVICE i64 read(const i64* p) { return *p; }
DEVICE int read(const int* p) { return *p; }
DEVICE int read(const short* p) { return *p; }
DEVICE int read(const signed char* p) { return *p; }
DEVICE int read(const u8* p) { return *p; }
DEVICE bool read(const bool* p) { return *p; }
template <class T, class X>
DEVICE void write(T* p, X x) {
  *p = (T)x;
}
DEVICE void write(Bf16* p, float x) { *p = to_bf16(x); }
DEVICE void write(F16* p, float x) { *p = to_f16(x); }
// Two neighbours at an address that is a multiple of both.
DEVICE void write2(float* p, float x, float y) { store8(p, Pair{__float_as_uint(x), __float_as_uint(y)}); }
template <class T>
DEVICE void write2(T* p, float x, float y) {
  store4(p, pack<T>(x, y));
}
/// One of two neighbours that were loaded together.
template <class T>
DEVICE float pick(u32 pair, int second) {
  return second ? high<T>(pair) : low<T>(pair);
}
