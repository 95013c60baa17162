// Conversions between float and the 16-bit types, round to nearest even; one value or a pair in a
// 32-bit register (the lower half is the element of the lower index).
#pragma once
#include "types.cuh"

DEVICE float to_float(float x) { return x; }
DEVICE float to_float(double x) { return (float)x; }
DEVICE float to_float(Bf16 x) { return __uint_as_float((u32)x.bits << 16); }
DEVICE float bf16_low(u32 pair) { return __uint_as_float(pair << 16); }
DEVICE float bf16_high(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

#ifndef FLASHLIGHT_EMULATE

DEVICE float to_float(F16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}
DEVICE Bf16 to_bf16(float x) {
  Bf16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}
DEVICE F16 to_f16(float x) {
  F16 y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}
DEVICE u32 pack_bf16(float low, float high) {
  u32 y;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
}
DEVICE u32 pack_f16(float low, float high) {
  u32 y;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
}
/// The operand of a tf32 product: ties away from zero, as cuBLAS rounds.
DEVICE u32 to_tf32(float x) {
  u32 y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
}

#endif

DEVICE float f16_low(u32 pair) { return to_float(F16{(u16)pair}); }
DEVICE float f16_high(u32 pair) { return to_float(F16{(u16)(pair >> 16)}); }

// ---- the same by type, for text that is written once: from_float<Bf16>(x), pack<F16>(x, y) ...
// The last argument only names the type.
DEVICE float convert(float x, float) { return x; }
DEVICE double convert(float x, double) { return (double)x; }
DEVICE Bf16 convert(float x, Bf16) { return to_bf16(x); }
DEVICE F16 convert(float x, F16) { return to_f16(x); }
DEVICE u32 pack_as(float low, float high, Bf16) { return pack_bf16(low, high); }
DEVICE u32 pack_as(float low, float high, F16) { return pack_f16(low, high); }
DEVICE float low_as(u32 pair, Bf16) { return bf16_low(pair); }
DEVICE float low_as(u32 pair, F16) { return f16_low(pair); }
DEVICE float high_as(u32 pair, Bf16) { return bf16_high(pair); }
DEVICE float high_as(u32 pair, F16) { return f16_high(pair); }

template <class T>
DEVICE T from_float(float x) {
  return convert(x, T());
}
template <class T>
DEVICE u32 pack(float low, float high) {
  return pack_as(low, high, T());
}
template <class T>
DEVICE float low(u32 pair) {
  return low_as(pair, T());
}
template <class T>
DEVICE float high(u32 pair) {
  return high_as(pair, T());
}
