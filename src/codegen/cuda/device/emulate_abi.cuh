// What the host hands to an emulated kernel (tests/support/emulate.h does).
#pragma once

/// A tensor map of the emulator: takes the place of the 128 opaque bytes of a CUtensorMap.
struct EmulatedMap {
  unsigned char* base;
  unsigned long long stride[4];  // bytes, of dimensions 1 ..; dimension 0 is dense
  unsigned size[5], box[5];      // elements
  unsigned rank, element_bytes, swizzle;
  unsigned unused[9];
};
static_assert(sizeof(EmulatedMap) == 128);

/// Argument of the entry point, `const char* flashlight_emulate(const EmulatedLaunch*)`, which
/// returns null or what went wrong.
struct EmulatedLaunch {
  const void* params;  // the kernel's only parameter
  unsigned grid[3];
  int threads, shared_bytes;
  unsigned seed;  // another order of warps and of completions
};
