// Scores that are no products: s[i][j] = fold over k of combine(a[i][k], b[j][k]), in float32.
#pragma once
#include "fragment.cuh"

// F: `static float start()`, `static void fold(float& d, float a, float b)`. Operands lie as those
// of Scores<float>; columns from K on are not looked at.
template <class F, int N, int K, int PitchA, int PitchB, int R>
struct Combined {
  DEVICE void run(float (&s)[N * R / 4], u32 a, u32 b) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    a += g * PitchA, b += 2 * t * PitchB;
#pragma unroll
    for (int i = 0; i < N * R / 4; ++i) s[i] = F::start();
#pragma unroll(K <= 16 ? 4 : 1)
    for (int k = 0; k < K / 4; ++k) step<4>(s, a + k * 16, b + k * 16);
    if (K % 4) step<K % 4>(s, a + K / 4 * 16, b + K / 4 * 16);
  }

 private:
  template <int Count>
  DEVICE void step(float (&s)[N * R / 4], u32 a, u32 b) {
    Quad x[R];
#pragma unroll
    for (int r = 0; r < R; ++r) x[r] = lds128(a + r * 8 * PitchA);
#pragma unroll
    for (int c = 0; c < N / 4; ++c) {
      const Quad y = lds128(b + (8 * (c >> 1) + (c & 1)) * PitchB);
#pragma unroll
      for (int r = 0; r < R; ++r) {
        float& d = s[2 * R * (c >> 1) + 2 * r + (c & 1)];
        F::fold(d, __uint_as_float(x[r].x), __uint_as_float(y.x));
        if (Count > 1) F::fold(d, __uint_as_float(x[r].y), __uint_as_float(y.y));
        if (Count > 2) F::fold(d, __uint_as_float(x[r].z), __uint_as_float(y.z));
        if (Count > 3) F::fold(d, __uint_as_float(x[r].w), __uint_as_float(y.w));
      }
    }
  }
};
