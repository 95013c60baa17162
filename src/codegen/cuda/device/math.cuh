// The functions of ir/ops.def that are no operators of C++, for float, double and i64 (bool where
// PyTorch has it). NaN goes through maxima and minima; integer division rounds down, and by zero
// gives 0 rather than a trap, as branches that are not taken may be evaluated.
#pragma once
#include "convert.cuh"
#include "types.cuh"

DEVICE float not_a_number() { return __int_as_float(0x7fc00000); }

DEVICE bool op_isnan(float x) { return x != x; }
DEVICE bool op_isnan(double x) { return x != x; }
DEVICE bool op_isnan(i64) { return false; }
template <class T>
DEVICE bool op_isinf(T x) {
  return x == (T)infinity() || x == -(T)infinity();
}
DEVICE bool op_isinf(i64) { return false; }

template <class T>
DEVICE T op_max(T a, T b) {
  return op_isnan(a) || a > b ? a : b;
}
template <class T>
DEVICE T op_min(T a, T b) {
  return op_isnan(a) || a < b ? a : b;
}
DEVICE bool op_max(bool a, bool b) { return a || b; }
DEVICE bool op_min(bool a, bool b) { return a && b; }

DEVICE float op_abs(float x) { return fabsf(x); }
DEVICE double op_abs(double x) { return fabs(x); }
DEVICE i64 op_abs(i64 x) { return x < 0 ? -x : x; }
template <class T>
DEVICE T op_sign(T x) {
  return op_isnan(x) ? x : (T)((x > 0) - (x < 0));
}

// float, double
#define FLASHLIGHT_UNARY(op, single, twice)        \
  DEVICE float op_##op(float x) { return single; } \
  DEVICE double op_##op(double x) { return twice; }
FLASHLIGHT_UNARY(exp, expf(x), exp(x))
FLASHLIGHT_UNARY(exp2, exp2f(x), exp2(x))
FLASHLIGHT_UNARY(expm1, expm1f(x), expm1(x))
FLASHLIGHT_UNARY(log, logf(x), log(x))
FLASHLIGHT_UNARY(log2, log2f(x), log2(x))
FLASHLIGHT_UNARY(log1p, log1pf(x), log1p(x))
FLASHLIGHT_UNARY(sqrt, sqrtf(x), sqrt(x))
FLASHLIGHT_UNARY(rsqrt, 1.0f / sqrtf(x), 1.0 / sqrt(x))
FLASHLIGHT_UNARY(reciprocal, 1.0f / x, 1.0 / x)
FLASHLIGHT_UNARY(sin, sinf(x), sin(x))
FLASHLIGHT_UNARY(cos, cosf(x), cos(x))
FLASHLIGHT_UNARY(tanh, tanhf(x), tanh(x))
FLASHLIGHT_UNARY(sigmoid, 1.0f / (1.0f + expf(-x)), 1.0 / (1.0 + exp(-x)))
FLASHLIGHT_UNARY(erf, erff(x), erf(x))
FLASHLIGHT_UNARY(floor, floorf(x), floor(x))
FLASHLIGHT_UNARY(ceil, ceilf(x), ceil(x))
FLASHLIGHT_UNARY(round, rintf(x), rint(x))
FLASHLIGHT_UNARY(trunc, truncf(x), trunc(x))
#undef FLASHLIGHT_UNARY
DEVICE i64 op_floor(i64 x) { return x; }
DEVICE i64 op_ceil(i64 x) { return x; }
DEVICE i64 op_round(i64 x) { return x; }
DEVICE i64 op_trunc(i64 x) { return x; }

DEVICE float op_pow(float a, float b) { return powf(a, b); }
DEVICE double op_pow(double a, double b) { return pow(a, b); }
DEVICE float op_floordiv(float a, float b) { return floorf(a / b); }
DEVICE double op_floordiv(double a, double b) { return floor(a / b); }
DEVICE float op_mod(float a, float b) { return a - b * floorf(a / b); }
DEVICE double op_mod(double a, double b) { return a - b * floor(a / b); }
/// 64-bit division costs ten times what 32-bit division does, and indices are mostly small.
DEVICE i64 op_floordiv(i64 a, i64 b) {
  if ((u64)(a | b) >> 32 == 0) return b == 0 ? 0 : (i64)((u32)a / (u32)b);
  if (b == 0) return 0;
  if (b == -1) return (i64)(0 - (u64)a);
  const i64 q = a / b;
  return q - (q * b != a && (a < 0) != (b < 0));
}
DEVICE i64 op_mod(i64 a, i64 b) { return b == 0 ? 0 : a - op_floordiv(a, b) * b; }

// ---- elements of memory

/// An index that is in range wherever its value is used.
DEVICE int clamped(i64 index, int extent) {
  return index < 0 ? 0 : index < extent ? (int)index : extent - 1;
}

template <class Real>
DEVICE Real real_of(Bf16 x) {
  return (Real)to_float(x);
}
template <class Real>
DEVICE Real real_of(F16 x) {
  return (Real)to_float(x);
}
template <class Real>
DEVICE Real real_of(float x) {
  return (Real)x;
}
template <class Real>
DEVICE Real real_of(double x) {
  return (Real)x;
}

DEVICE void put(float* p, double x) { *p = (float)x; }
DEVICE void put(float* p, float x) { *p = x; }
DEVICE void put(double* p, double x) { *p = x; }
DEVICE void put(Bf16* p, double x) { *p = to_bf16((float)x); }
DEVICE void put(F16* p, double x) { *p = to_f16((float)x); }
DEVICE void put(bool* p, bool x) { *p = x; }
template <class T>
DEVICE void put(T* p, i64 x) {
  *p = (T)x;
}

// ---- reductions over lanes of a warp

template <class T>
DEVICE T lane_xor(T x, int bits) {
  return __shfl_xor_sync(~0u, x, bits);
}
DEVICE bool lane_xor(bool x, int bits) { return __shfl_xor_sync(~0u, (int)x, bits) != 0; }
