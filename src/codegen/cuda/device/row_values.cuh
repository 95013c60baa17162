// Products with values that change with the row: for one row, o[h][c] += sum over j of
// w[h][j] values[j][c], with w in shared memory and values in global memory, read by one warp.
#pragma once
#include "fragment.cuh"

// H <= 16 rows of weights, Pitch bytes apart; C channels, a multiple of 16. On the matrix units the
// heads are the rows. A lane = 4 g + t loads elements 16 k + 4 t + {0..3} of j and its C / 8
// channels from g C / 8 on; the order of j and of channels within a product is free.
template <class E, int N, int H, int C, int Pitch>
struct RowProduct {
  // Up to eight heads leave the lower half of the instruction's rows empty: it is not kept.
  static const int kKept = H > 8 ? 4 : 2, kWords = N * C / 64, kSums = kKept * C / 8;

  /// `p`: the first of `count` > 0 elements that exist, `stride` elements apart.
  DEVICE void fetch(u32 (&x)[kWords], const E* p, i64 stride, int count) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    p += g * (C / 8);
#pragma unroll
    for (int k = 0; k < N / 4; ++k) {
      const E* at = p + min_(16 * (k >> 2) + 4 * t + (k & 3), count - 1) * stride;
      u32* to = x + k * (C / 16);
      if (C % 128 == 0) {
#pragma unroll
        for (int i = 0; i < C / 16; i += 4) {
          const Quad v = load16(at + 2 * i);
          to[i] = v.x, to[i + 1] = v.y, to[i + 2] = v.z, to[i + 3] = v.w;
        }
      } else if (C % 64 == 0) {
        const Quad v = load16(at);
        to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
      } else if (C % 32 == 0) {
#pragma unroll
        for (int i = 0; i < C / 16; i += 2) {
          const Pair v = load8(at + 2 * i);
          to[i] = v.x, to[i + 1] = v.y;
        }
      } else {
#pragma unroll
        for (int i = 0; i < C / 16; ++i) to[i] = ((const Word*)at)[i].x;
      }
    }
  }

  DEVICE void run(float (&o)[kSums], const u32 (&x)[kWords], u32 w, const E*, i64, int) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    w += g * Pitch + 8 * t;
#pragma unroll
    for (int k = 0; k < N / 16; ++k) {
      Pair low = {0, 0}, high = {0, 0};
      if (H >= 8 || g < H) low = lds64(w + 32 * k);
      if (H > 8 && (H >= 16 || g + 8 < H)) high = lds64(w + 8 * Pitch + 32 * k);
      const u32 a[4] = {low.x, high.x, low.y, high.y};
#pragma unroll
      for (int n = 0; n < C / 8; ++n) {
        const u32* from = x + 4 * k * (C / 16) + n / 2;
        float d[4] = {o[kKept * n], o[kKept * n + 1], 0.f, 0.f};
        if (H > 8) d[2] = o[kKept * n + kKept - 2], d[3] = o[kKept * n + kKept - 1];
        mma_as(d, a, join(from[0], from[C / 16], n & 1),
               join(from[2 * (C / 16)], from[3 * (C / 16)], n & 1), E());
#pragma unroll
        for (int i = 0; i < kKept; ++i) o[kKept * n + i] = d[i];
      }
    }
  }

  /// o[h] *= scale[h], floats in shared memory.
  DEVICE void scale(float (&o)[kSums], u32 scale) {
    const int g = lane_id() >> 2;
    const float low = g < H ? __uint_as_float(lds32(scale + 4 * g)) : 0.f;
    const float high = g + 8 < H ? __uint_as_float(lds32(scale + 4 * g + 32)) : 0.f;
#pragma unroll
    for (int i = 0; i < kSums; ++i) o[i] *= kKept == 4 && (i & 2) ? high : low;
  }

  /// o[h] to floats at to + h * apart.
  DEVICE void put(const float (&o)[kSums], u32 to, int apart) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
#pragma unroll
    for (int i = 0; i < kSums; ++i) {
      const int h = g + (kKept == 4 ? (i & 2) * 4 : 0);
      const int c = (2 * t + (i & 1)) * (C / 8) + i / kKept;
      if (h < H) sts32(to + h * apart + 4 * c, __float_as_uint(o[i]));
    }
  }

 private:
  DEVICE u32 join(u32 x, u32 y, bool high) {
    return high ? (x >> 16) | (y & 0xffff0000u) : (x & 0xffffu) | (y << 16);
  }
};

// In float32 a lane owns channels lane, lane + 32 ...
template <int N, int H, int C, int Pitch>
struct RowProduct<float, N, H, C, Pitch> {
  static const int kWords = 1, kOwn = (C + 31) / 32, kSums = H * kOwn;

  DEVICE void fetch(u32 (&)[kWords], const float*, i64, int) {}

  DEVICE void run(float (&o)[kSums], const u32 (&)[kWords], u32 w, const float* p, i64 stride,
                  int count) {
    const int lane = lane_id();
#pragma unroll 2
    for (int j = 0; j < N; j += 4) {
      float y[4][kOwn];
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int m = 0; m < kOwn; ++m)
          y[i][m] = lane + 32 * m < C ? p[min_(j + i, count - 1) * stride + lane + 32 * m] : 0.f;
#pragma unroll
      for (int h = 0; h < H; ++h) {
        const Quad x = lds128(w + h * Pitch + 4 * j);
#pragma unroll
        for (int m = 0; m < kOwn; ++m) {
          float d =
              __uint_as_float(x.x) * y[0][m];  // a sum of four: fewer roundings of the long one
          d = fmaf(__uint_as_float(x.y), y[1][m], d);
          d = fmaf(__uint_as_float(x.z), y[2][m], d);
          d = fmaf(__uint_as_float(x.w), y[3][m], d);
          o[h * kOwn + m] += d;
        }
      }
    }
  }

  DEVICE void scale(float (&o)[kSums], u32 scale) {
#pragma unroll
    for (int i = 0; i < kSums; ++i) o[i] *= __uint_as_float(lds32(scale + 4 * (i / kOwn)));
  }

  DEVICE void put(const float (&o)[kSums], u32 to, int apart) {
#pragma unroll
    for (int i = 0; i < kSums; ++i) {
      const int c = lane_id() + 32 * (i % kOwn);
      if (c < C) sts32(to + i / kOwn * apart + 4 * c, __float_as_uint(o[i]));
    }
  }
};

// Two neighbouring weights on their way to shared memory.
DEVICE void put_pair_as(u32 at, float x, float y, Bf16) { sts32(at, pack<Bf16>(x, y)); }
DEVICE void put_pair_as(u32 at, float x, float y, F16) { sts32(at, pack<F16>(x, y)); }
DEVICE void put_pair_as(u32 at, float x, float y, float) {
  sts64(at, Pair{__float_as_uint(x), __float_as_uint(y)});
}
template <class E>
DEVICE void put_pair(u32 at, float x, float y) {
  put_pair_as(at, x, y, E());
}
