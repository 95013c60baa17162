// Names that every device header uses. Compiled by NVRTC, which has no standard headers, and, where
// FLASHLIGHT_EMULATE is defined, by a C++ compiler of the host: see emulate.cuh.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// What memory holds, by its bits. Kernels compute in float.
struct Bf16 {
  u16 bits;
};
struct F16 {
  u16 bits;
};
struct Tf32 {
  u32 bits;
};

/// 16 and 8 bytes that move as one.
struct alignas(16) Quad {
  u32 x, y, z, w;
};
struct alignas(8) Pair {
  u32 x, y;
};
struct alignas(4) Word {
  u32 x;
};

#ifdef FLASHLIGHT_EMULATE
#include "emulate.cuh"
#define DEVICE static inline
#define MEMBER inline
/// Declares the dynamic shared memory of the CTA inside a kernel, 1024-byte aligned.
#define SHARED_MEMORY(name) unsigned char* const name = emulator::shared_memory()
#else
#define DEVICE static __device__ __forceinline__
#define MEMBER __device__ __forceinline__
#define SHARED_MEMORY(name) extern __shared__ __align__(1024) unsigned char name[]
#endif

DEVICE Quad load16(const void* p) { return *(const Quad*)p; }
DEVICE Pair load8(const void* p) { return *(const Pair*)p; }
DEVICE u32 load4(const void* p) { return ((const Word*)p)->x; }
DEVICE void store4(void* p, u32 x) { *(Word*)p = Word{x}; }
DEVICE void store8(void* p, Pair v) { *(Pair*)p = v; }

DEVICE float infinity() { return __int_as_float(0x7f800000); }
