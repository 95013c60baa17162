// Products with values that change with the row: for one row, o[h][c] += sum over j of
// w[h][j] values[j][c], with w in shared memory, by one warp.
#pragma once
#include "fragment.cuh"

// H <= 16 rows of weights, Pitch bytes apart; C channels, a multiple of 16. On the matrix units the
// channels are the rows, so that eight heads fill an instruction. A chunk is the values of sixteen
// elements of j in shared memory, rows of kRow bytes: an odd multiple of 16.
template <class E, int H, int C, int Pitch>
struct RowProduct {
  static const int kHalves = H > 8 ? 2 : 1, kSums = kHalves * C / 4, kRow = 2 * C + 16;

  /// Values of `p`, elements `stride` apart, of which `count` exist, are on their way to a chunk.
  DEVICE void fetch(u32 to, const E* p, i64 stride, int count) {
#pragma unroll
    for (int k = 0; k < C / 16; ++k) {
      const int piece = lane_id() + 32 * k, j = piece / (C / 8), x = piece % (C / 8);
      cp_async16(to + j * kRow + 16 * x, p + (j < count ? j : 0) * stride + 8 * x,
                 j < count ? 16 : 0);
    }
  }

  /// `w`: the weights of the chunk's first element.
  DEVICE void run(float (&o)[kSums], u32 chunk, u32 w) {
    const int lane = lane_id(), g = lane >> 2, t = lane & 3;
    w += g * Pitch + 4 * t;
    u32 b[kHalves][2];
#pragma unroll
    for (int h = 0; h < kHalves; ++h) {
      b[h][0] = b[h][1] = 0;
      if (8 * h + 8 <= H || 8 * h + g < H)
        b[h][0] = lds32(w + 8 * h * Pitch), b[h][1] = lds32(w + 8 * h * Pitch + 16);
    }
    chunk += ((lane & 7) + 8 * (lane >> 4)) * kRow + 16 * ((lane >> 3) & 1);
#pragma unroll
    for (int c = 0; c < C / 16; ++c) {
      u32 a[4];
      ldmatrix4_trans(a, chunk + 32 * c);
#pragma unroll
      for (int h = 0; h < kHalves; ++h) mma_as(&o[4 * (kHalves * c + h)], a, b[h][0], b[h][1], E());
    }
  }

  /// o[h] *= scale[h], floats in shared memory.
  DEVICE void scale(float (&o)[kSums], u32 scale) {
    const int t = lane_id() & 3;
    float by[2 * kHalves];
    bool moves = false;
#pragma unroll
    for (int i = 0; i < 2 * kHalves; ++i) {
      const int head = 8 * (i >> 1) + 2 * t + (i & 1);
      by[i] = head < H ? __uint_as_float(lds32(scale + 4 * head)) : 1.f;
      moves |= by[i] != 1.f;
    }
    if (!__any_sync(~0u, moves)) return;
#pragma unroll
    for (int i = 0; i < kSums; ++i) o[i] *= by[2 * (i / 4 % kHalves) + (i & 1)];
  }

  /// o[h] to floats at to + h * apart.
  DEVICE void put(const float (&o)[kSums], u32 to, int apart) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
#pragma unroll
    for (int i = 0; i < kSums; ++i) {
      const int h = 8 * (i / 4 % kHalves) + 2 * t + (i & 1);
      const int c = 16 * (i / 4 / kHalves) + g + 4 * (i & 2);
      if (h < H) sts32(to + h * apart + 4 * c, __float_as_uint(o[i]));
    }
  }
};

// In float32 a lane owns channels lane, lane + 32 ... and reads them as it needs them.
template <int H, int C, int Pitch>
struct RowProduct<float, H, C, Pitch> {
  static const int kOwn = (C + 31) / 32, kSums = H * kOwn;

  /// `p`: the first of `count` > 0 elements that exist, `stride` elements apart; of n.
  DEVICE void run(float (&o)[kSums], u32 w, const float* p, i64 stride, int count, int n) {
    const int lane = lane_id();
#pragma unroll 2
    for (int j = 0; j < n; j += 4) {
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
