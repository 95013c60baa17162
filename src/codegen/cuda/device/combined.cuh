// Scores that are no products: s[i][j] = fold over k of combine(a[i][k], b[j][k]), in float32.
#pragma once
#include "fragment.cuh"

// F: `static float start()`, `static void fold(float& d, float a, float b)`. Operands lie as those
// of Scores<float>; columns from K on are not looked at.
template <class F, int N, int K, int PitchA, int PitchB>
struct Combined {
  DEVICE void run(float (&s)[N / 2], u32 a, u32 b) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    a += g * PitchA, b += 2 * t * PitchB;
#pragma unroll
    for (int i = 0; i < N / 2; ++i) s[i] = F::start();
#pragma unroll(K <= 16 ? 4 : 1)
    for (int k = 0; k < K / 4; ++k) step<4>(s, a + k * 16, b + k * 16);
    if (K % 4) step<K % 4>(s, a + K / 4 * 16, b + K / 4 * 16);
  }

 private:
  template <int Count>
  DEVICE void step(float (&s)[N / 2], u32 a, u32 b) {
    const Quad x[2] = {lds128(a), lds128(a + 8 * PitchA)};
#pragma unroll
    for (int c = 0; c < N / 4; ++c) {
      const Quad y = lds128(b + (8 * (c >> 1) + (c & 1)) * PitchB);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float& d = s[4 * (c >> 1) + 2 * h + (c & 1)];
        F::fold(d, __uint_as_float(x[h].x), __uint_as_float(y.x));
        if (Count > 1) F::fold(d, __uint_as_float(x[h].y), __uint_as_float(y.y));
        if (Count > 2) F::fold(d, __uint_as_float(x[h].z), __uint_as_float(y.z));
        if (Count > 3) F::fold(d, __uint_as_float(x[h].w), __uint_as_float(y.w));
      }
    }
  }
};
