// mma.sync: the sixteen-row products of a warp.
#pragma once
#include "emulate_sm80.cuh"

namespace emulator {

struct Product {
  float* d;
  const u32* a;
  u32 b0, b1;
};

typedef float Row8 __attribute__((vector_size(32)));

inline float half_of(u32 pair, int half, Bf16) {
  return __uint_as_float(half ? pair & 0xffff0000u : pair << 16);
}
inline float half_of(u32 pair, int half, F16) {
  return to_float(F16{static_cast<u16>(half ? pair >> 16 : pair)});
}
/// The hardware looks at the upper 19 bits.
inline float of_tf32(u32 x) { return __uint_as_float(x & 0xffffe000u); }

template <int K>
inline void multiply_16x8(const Product* const* lanes, const float (&a)[16][K],
                          const Row8 (&b)[K]) {
  for (int row = 0; row < 16; row++) {
    Row8 sum;
    const auto part = [&](int t) { return lanes[row % 8 * 4 + t]->d + row / 8 * 2; };
    for (int n = 0; n < 8; n++) sum[n] = part(n / 2)[n % 2];
    for (int k = 0; k < K; k++) sum += a[row][k] * b[k];
    for (int n = 0; n < 8; n++) part(n / 2)[n % 2] = sum[n];
  }
}

template <class T>
inline void run_mma_16(void** arguments) {
  auto* lanes = reinterpret_cast<const Product* const*>(arguments);
  float a[16][16];
  Row8 b[16];
  for (int lane = 0; lane < kWarp; lane++) {
    const Product& p = *lanes[lane];
    const int g = lane / 4, t = 2 * (lane % 4);
    for (int e = 0; e < 2; e++) {
      for (int i = 0; i < 4; i++) a[g + i % 2 * 8][t + i / 2 * 8 + e] = half_of(p.a[i], e, T{});
      b[t + e][g] = half_of(p.b0, e, T{});
      b[t + e + 8][g] = half_of(p.b1, e, T{});
    }
  }
  multiply_16x8<16>(lanes, a, b);
}

inline void run_mma_tf32(void** arguments) {
  auto* lanes = reinterpret_cast<const Product* const*>(arguments);
  float a[16][8];
  Row8 b[8];
  for (int lane = 0; lane < kWarp; lane++) {
    const Product& p = *lanes[lane];
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) a[g + i % 2 * 8][t + i / 2 * 4] = of_tf32(p.a[i]);
    b[t][g] = of_tf32(p.b0);
    b[t + 4][g] = of_tf32(p.b1);
  }
  multiply_16x8<8>(lanes, a, b);
}

inline void mma(const char* name, void (*run)(void**), float* d, const u32* a, u32 b0, u32 b1) {
  Product p{d, a, b0, b1};
  warp_together(name, run, &p);
}

}  // namespace emulator

inline void mma_bf16(float* d, const u32* a, u32 b0, u32 b1) {
  emulator::mma("mma_bf16", emulator::run_mma_16<Bf16>, d, a, b0, b1);
}
inline void mma_f16(float* d, const u32* a, u32 b0, u32 b1) {
  emulator::mma("mma_f16", emulator::run_mma_16<F16>, d, a, b0, b1);
}
inline void mma_tf32(float* d, const u32* a, u32 b0, u32 b1) {
  emulator::mma("mma_tf32", emulator::run_mma_tf32, d, a, b0, b1);
}
