// Matrix products of one warp with operands in shared memory and results in register fragments.
//
// A fragment of X[8 R][N] is float x[N R / 4] in each lane = 4 g + t, R rows of it: element i is
// row g + 8 * (i / 2 % R), column 8 * (i / 2 / R) + 2 t + i % 2. With R = 2 it is what mma and
// wgmma accumulate, with R = 4 two of them in turns of four elements, so that one product's result
// is the next one's operand without moving between lanes.
#pragma once
#include "convert.cuh"
#include "element.cuh"
#include "ptx.cuh"

DEVICE int lane_id() { return (int)(threadIdx.x & 31); }

// The last argument only names the type of the operands.
DEVICE void mma_as(float* d, const u32* a, u32 b0, u32 b1, Bf16) { mma_bf16(d, a, b0, b1); }
DEVICE void mma_as(float* d, const u32* a, u32 b0, u32 b1, F16) { mma_f16(d, a, b0, b1); }
DEVICE void mma_as(float* d, const u32* a, u32 b0, u32 b1, Tf32) { mma_tf32(d, a, b0, b1); }

// s = A B^T with A[8 R][K] and B[N][K]; rows lie Pitch bytes apart (an odd multiple of 16, so that
// eight rows fall on different banks).
template <class E, int N, int K, int PitchA, int PitchB, int R>
struct Scores {
  static const int kSteps = K * (int)sizeof(E) / 32;  // a mma takes 32 bytes of a row

  DEVICE void run(float (&s)[N * R / 4], u32 a, u32 b) {
    const int lane = lane_id();
    a += (lane & 15) * PitchA + (lane >> 4) * 16;
    b += ((lane & 7) + ((lane >> 4) << 3)) * PitchB + ((lane >> 3) & 1) * 16;
#pragma unroll
    for (int i = 0; i < N * R / 4; ++i) s[i] = 0.f;
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
      u32 x[R / 2][4];
#pragma unroll
      for (int m = 0; m < R / 2; ++m) ldmatrix4(x[m], a + m * 16 * PitchA + k * 32);
#pragma unroll
      for (int j = 0; j < N / 16; ++j) {
        u32 y[4];
        ldmatrix4(y, b + j * 16 * PitchB + k * 32);
#pragma unroll
        for (int m = 0; m < R / 2; ++m) {
          mma_as(&s[4 * R * j + 4 * m], x[m], y[0], y[1], E());
          mma_as(&s[4 * R * j + 2 * R + 4 * m], x[m], y[2], y[3], E());
        }
      }
    }
  }
};

// o += P B with P[8 R][N] a fragment and B[N][V].
template <class E, int N, int V, int Pitch, int R>
struct Values {
  DEVICE void run(float (&o)[V * R / 4], const float (&p)[N * R / 4], u32 b) {
    const int lane = lane_id();
    b += (lane & 15) * Pitch + (lane >> 4) * 16;
#pragma unroll
    for (int k = 0; k < N / 16; ++k) {
      u32 x[R / 2][4];
#pragma unroll
      for (int m = 0; m < R / 2; ++m)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int at = 4 * R * k + 2 * R * (i >> 1) + 4 * m + 2 * (i & 1);
          x[m][i] = pack<E>(p[at], p[at + 1]);
        }
#pragma unroll
      for (int j = 0; j < V / 16; ++j) {
        u32 y[4];
        ldmatrix4_trans(y, b + k * 16 * Pitch + j * 32);
#pragma unroll
        for (int m = 0; m < R / 2; ++m) {
          mma_as(&o[4 * R * j + 4 * m], x[m], y[0], y[1], E());
          mma_as(&o[4 * R * j + 2 * R + 4 * m], x[m], y[2], y[3], E());
        }
      }
    }
  }
};

// The order of the sum over keys is free: k = t stands for key 2 t and k = t + 4 for key 2 t + 1,
// which is how the fragment of P lies.
template <int N, int V, int Pitch, int R>
struct Values<Tf32, N, V, Pitch, R> {
  DEVICE void run(float (&o)[V * R / 4], const float (&p)[N * R / 4], u32 b) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    b += 2 * t * Pitch + g * 4;
#pragma unroll
    for (int k = 0; k < N / 8; ++k) {
      u32 x[R / 2][4];
#pragma unroll
      for (int m = 0; m < R / 2; ++m)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          x[m][i] = to_tf32(p[2 * R * k + 4 * m + ((i & 1) << 1) + (i >> 1)]);
#pragma unroll
      for (int j = 0; j < V / 8; ++j) {
        const u32 y0 = lds32(b + k * 8 * Pitch + j * 32),
                  y1 = lds32(b + (k * 8 + 1) * Pitch + j * 32);
#pragma unroll
        for (int m = 0; m < R / 2; ++m) mma_tf32(&o[2 * R * j + 4 * m], x[m], y0, y1);
      }
    }
  }
};

// In float32 a rounding is as large as what it is added to: sums are kept short. Scores are two
// sums, one after the other; the values of a tile are summed for themselves.
template <int N, int K, int PitchA, int PitchB, int R>
struct Scores<float, N, K, PitchA, PitchB, R> {
  DEVICE void run(float (&s)[N * R / 4], u32 a, u32 b) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    a += g * PitchA, b += 2 * t * PitchB;
    float other[N * R / 4];
    sum_half(s, a, b), sum_half(other, a + K * 2, b + K * 2);
#pragma unroll
    for (int i = 0; i < N * R / 4; ++i) s[i] += other[i];
  }

  DEVICE void sum_half(float (&s)[N * R / 4], u32 a, u32 b) {
#pragma unroll
    for (int i = 0; i < N * R / 4; ++i) s[i] = 0.f;
#pragma unroll(R == 2 ? 2 : 1)
    for (int k = 0; k < K / 8; ++k) add_quad(s, a + k * 16, b + k * 16);
  }

  DEVICE void add_quad(float (&s)[N * R / 4], u32 a, u32 b) {
    Quad x[R];
#pragma unroll
    for (int r = 0; r < R; ++r) x[r] = lds128(a + r * 8 * PitchA);
#pragma unroll
    for (int c = 0; c < N / 4; ++c) {
      const Quad y = lds128(b + (8 * (c >> 1) + (c & 1)) * PitchB);
#pragma unroll
      for (int r = 0; r < R; ++r) {
        float& d = s[2 * R * (c >> 1) + 2 * r + (c & 1)];
        d = fmaf(__uint_as_float(x[r].x), __uint_as_float(y.x), d);
        d = fmaf(__uint_as_float(x[r].y), __uint_as_float(y.y), d);
        d = fmaf(__uint_as_float(x[r].z), __uint_as_float(y.z), d);
        d = fmaf(__uint_as_float(x[r].w), __uint_as_float(y.w), d);
      }
    }
  }
};

// P goes through shared memory of the warp: a lane needs whole rows of it, and the loop stays one.
template <int N, int V, int Pitch, int R>
struct Values<float, N, V, Pitch, R> {
  static const int kPitch = 4 * N + 16;
  static const int kMost = R == 4 && V > 64 ? 2 : 8;  // columns of eight that are summed at a time

  DEVICE void run(float (&o)[V * R / 4], const float (&p)[N * R / 4], u32 b, u32 room) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    room += g * kPitch, b += t * 8;
    __syncwarp();
#pragma unroll
    for (int i = 0; i < N * R / 4; i += 2)
      sts64(room + (i / 2 % R) * 8 * kPitch + (i / 2 / R) * 32 + t * 8,
            Pair{__float_as_uint(p[i]), __float_as_uint(p[i + 1])});
    __syncwarp();
#pragma unroll
    for (int first = 0; first < V / 8; first += kMost) add_part(o, room, b, first);
  }

  DEVICE void add_part(float (&o)[V * R / 4], u32 room, u32 b, int first) {
    float sums[2 * R * kMost];
#pragma unroll
    for (int i = 0; i < 2 * R * kMost; ++i) sums[i] = 0.f;
#pragma unroll 1
    for (int k = 0; k < N; k += 4) {
      Quad x[R];
#pragma unroll
      for (int r = 0; r < R; ++r) x[r] = lds128(room + r * 8 * kPitch + k * 4);
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < kMost; ++j)
          if (first + j < V / 8)
            add_pair(&sums[2 * R * j], x, i, lds64(b + (k + i) * Pitch + (first + j) * 32));
    }
#pragma unroll
    for (int i = 0; i < 2 * R * kMost; ++i)
      if (2 * R * first + i < V * R / 4) o[2 * R * first + i] += sums[i];
  }

  DEVICE void add_pair(float* sums, const Quad (&x)[R], int i, Pair y) {
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const float p = __uint_as_float(i == 0 ? x[r].x : i == 1 ? x[r].y : i == 2 ? x[r].z : x[r].w);
      sums[2 * r] = fmaf(p, __uint_as_float(y.x), sums[2 * r]);
      sums[2 * r + 1] = fmaf(p, __uint_as_float(y.y), sums[2 * r + 1]);
    }
  }
};

// ---- reductions over the four lanes that share two rows
template <class T>
DEVICE T add_(T a, T b) {
  return a + b;
}
template <class T>
DEVICE T mul_(T a, T b) {
  return a * b;
}
template <class T>
DEVICE T or_(T a, T b) {
  return a | b;
}
template <class T>
DEVICE T and_(T a, T b) {
  return a & b;
}
#define QUAD_REDUCTION(name, combine)                 \
  template <class T>                                  \
  DEVICE T name(T x) {                                \
    x = combine(x, (T)__shfl_xor_sync(~0u, x, 1));    \
    return combine(x, (T)__shfl_xor_sync(~0u, x, 2)); \
  }
QUAD_REDUCTION(quad_sum, add_)
QUAD_REDUCTION(quad_prod, mul_)
QUAD_REDUCTION(quad_max, max_)
QUAD_REDUCTION(quad_min, min_)
QUAD_REDUCTION(quad_any, or_)
QUAD_REDUCTION(quad_all, and_)

// One element of an operand in shared memory.
DEVICE void put_as(u32 addr, float x, Bf16) { sts16(addr, to_bf16(x).bits); }
DEVICE void put_as(u32 addr, float x, F16) { sts16(addr, to_f16(x).bits); }
DEVICE void put_as(u32 addr, float x, Tf32) { sts32(addr, to_tf32(x)); }
DEVICE void put_as(u32 addr, float x, float) { sts32(addr, __float_as_uint(x)); }
template <class E>
DEVICE void put(u32 addr, float x) {
  put_as(addr, x, E());
}

// Sixteen or eight bytes of float32 in shared memory, rounded to operands of tf32 products.
DEVICE void round16(u32 addr) {
  const Quad x = lds128(addr);
  const auto rounded = [](u32 bits) { return to_tf32(__uint_as_float(bits)); };
  sts128(addr, Quad{rounded(x.x), rounded(x.y), rounded(x.z), rounded(x.w)});
}
DEVICE void round8(u32 addr) {
  const Pair x = lds64(addr);
  sts64(addr, Pair{to_tf32(__uint_as_float(x.x)), to_tf32(__uint_as_float(x.y))});
}

// Whether any thread of the CTA says so. `flag`: a word of shared memory of their own.
DEVICE bool any_thread(bool mine, u32 flag) {
  __syncthreads();
  if (threadIdx.x == 0) sts32(flag, 0);
  __syncthreads();
  if (mine) sts32(flag, 1);
  __syncthreads();
  return lds32(flag) != 0;
}

// The 4 x 4 matrix of words that four lanes hold, one row each, transposed: lane t gets the words
// of number t.
DEVICE void quad_transpose(u32 (&x)[4]) {
  const bool odd = threadIdx.x & 1, high = threadIdx.x & 2;
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const u32 got = __shfl_xor_sync(~0u, odd ? x[i] : x[i + 1], 1);
    if (odd)
      x[i] = got;
    else
      x[i + 1] = got;
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const u32 got = __shfl_xor_sync(~0u, high ? x[i] : x[i + 2], 2);
    if (high)
      x[i] = got;
    else
      x[i + 2] = got;
  }
}
