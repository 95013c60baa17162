// Matrix products of one warp with operands in shared memory and results in register fragments.
//
// A fragment of X[16][N] is float x[N / 2] in each lane = 4 g + t: element i is row
// g + 8 * (i / 2 % 2), column 8 * (i / 4) + 2 t + i % 2. It is what mma and wgmma accumulate, so
// that one product's result is the next one's operand without moving between lanes.
#pragma once
#include "convert.cuh"
#include "element.cuh"
#include "ptx.cuh"

DEVICE int lane_id() { return (int)(threadIdx.x & 31); }

// The last argument only names the type of the operands.
DEVICE void mma_as(float* d, const u32* a, u32 b0, u32 b1, Bf16) { mma_bf16(d, a, b0, b1); }
DEVICE void mma_as(float* d, const u32* a, u32 b0, u32 b1, F16) { mma_f16(d, a, b0, b1); }

// s = A B^T with A[16][K] and B[N][K]; rows lie Pitch bytes apart (an odd multiple of 16, so that
// eight rows fall on different banks).
template <class E, int N, int K, int PitchA, int PitchB>
struct Scores {
  DEVICE void run(float (&s)[N / 2], u32 a, u32 b) {
    const int lane = lane_id();
    a += (lane & 15) * PitchA + (lane >> 4) * 16;
    b += ((lane & 7) + ((lane >> 4) << 3)) * PitchB + ((lane >> 3) & 1) * 16;
#pragma unroll
    for (int i = 0; i < N / 2; ++i) s[i] = 0.f;
#pragma unroll
    for (int k = 0; k < K / 16; ++k) {
      u32 x[4];
      ldmatrix4(x, a + k * 32);
#pragma unroll
      for (int j = 0; j < N / 16; ++j) {
        u32 y[4];
        ldmatrix4(y, b + j * 16 * PitchB + k * 32);
        mma_as(&s[8 * j], x, y[0], y[1], E());
        mma_as(&s[8 * j + 4], x, y[2], y[3], E());
      }
    }
  }
};

// o += P B with P[16][N] a fragment and B[N][V].
template <class E, int N, int V, int Pitch>
struct Values {
  DEVICE void run(float (&o)[V / 2], const float (&p)[N / 2], u32 b) {
    const int lane = lane_id();
    b += (lane & 15) * Pitch + (lane >> 4) * 16;
#pragma unroll
    for (int k = 0; k < N / 16; ++k) {
      u32 x[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) x[i] = pack<E>(p[8 * k + 2 * i], p[8 * k + 2 * i + 1]);
#pragma unroll
      for (int j = 0; j < V / 16; ++j) {
        u32 y[4];
        ldmatrix4_trans(y, b + k * 16 * Pitch + j * 32);
        mma_as(&o[8 * j], x, y[0], y[1], E());
        mma_as(&o[8 * j + 4], x, y[2], y[3], E());
      }
    }
  }
};

template <int N, int K, int PitchA, int PitchB>
struct Scores<Tf32, N, K, PitchA, PitchB> {
  DEVICE void run(float (&s)[N / 2], u32 a, u32 b) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    a += g * PitchA + t * 4, b += g * PitchB + t * 4;
#pragma unroll
    for (int i = 0; i < N / 2; ++i) s[i] = 0.f;
#pragma unroll
    for (int k = 0; k < K / 8; ++k) {
      u32 x[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) x[i] = lds32(a + (i & 1) * 8 * PitchA + (i >> 1) * 16 + k * 32);
#pragma unroll
      for (int j = 0; j < N / 8; ++j)
        mma_tf32(&s[4 * j], x, lds32(b + j * 8 * PitchB + k * 32),
                 lds32(b + j * 8 * PitchB + k * 32 + 16));
    }
  }
};

// The order of the sum over keys is free: k = t stands for key 2 t and k = t + 4 for key 2 t + 1,
// which is how the fragment of P lies.
template <int N, int V, int Pitch>
struct Values<Tf32, N, V, Pitch> {
  DEVICE void run(float (&o)[V / 2], const float (&p)[N / 2], u32 b) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    b += 2 * t * Pitch + g * 4;
#pragma unroll
    for (int k = 0; k < N / 8; ++k) {
      u32 x[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) x[i] = to_tf32(p[4 * k + ((i & 1) << 1) + (i >> 1)]);
#pragma unroll
      for (int j = 0; j < V / 8; ++j)
        mma_tf32(&o[4 * j], x, lds32(b + k * 8 * Pitch + j * 32),
                 lds32(b + (k * 8 + 1) * Pitch + j * 32));
    }
  }
};

// In float32 a rounding is as large as what it is added to: sums are kept short. Scores are two
// sums, of even and of odd quads; the values of a tile are summed for themselves.
template <int N, int K, int PitchA, int PitchB>
struct Scores<float, N, K, PitchA, PitchB> {
  DEVICE void run(float (&s)[N / 2], u32 a, u32 b) {
    const int g = lane_id() >> 2, t = lane_id() & 3;
    a += g * PitchA, b += 2 * t * PitchB;
    float other[N / 2];
#pragma unroll
    for (int i = 0; i < N / 2; ++i) s[i] = other[i] = 0.f;
#pragma unroll 1
    for (int k = 0; k + 1 < K / 4; k += 2) {
      add_quad(s, a + k * 16, b + k * 16);
      add_quad(other, a + k * 16 + 16, b + k * 16 + 16);
    }
    if (K / 4 % 2) add_quad(s, a + K * 4 - 16, b + K * 4 - 16);
#pragma unroll
    for (int i = 0; i < N / 2; ++i) s[i] += other[i];
  }

  DEVICE void add_quad(float (&s)[N / 2], u32 a, u32 b) {
    const Quad x[2] = {lds128(a), lds128(a + 8 * PitchA)};
#pragma unroll
    for (int c = 0; c < N / 4; ++c) {
      const Quad y = lds128(b + (8 * (c >> 1) + (c & 1)) * PitchB);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float& d = s[4 * (c >> 1) + 2 * h + (c & 1)];
        d = fmaf(__uint_as_float(x[h].x), __uint_as_float(y.x), d);
        d = fmaf(__uint_as_float(x[h].y), __uint_as_float(y.y), d);
        d = fmaf(__uint_as_float(x[h].z), __uint_as_float(y.z), d);
        d = fmaf(__uint_as_float(x[h].w), __uint_as_float(y.w), d);
      }
    }
  }
};

template <int N, int V, int Pitch>
struct Values<float, N, V, Pitch> {
  static const int kMost = 8;  // columns of eight whose sums are in registers at a time

  DEVICE void run(float (&o)[V / 2], const float (&p)[N / 2], u32 b) {
#pragma unroll
    for (int first = 0; first < V / 8; first += kMost) run_part(o, p, b, first);
  }

  DEVICE void run_part(float (&o)[V / 2], const float (&p)[N / 2], u32 b, int first) {
    const int quad = lane_id() & ~3, t = lane_id() & 3;
    b += 2 * t * 4 + first * 32;
    float sums[4 * kMost];
#pragma unroll
    for (int i = 0; i < 4 * kMost; ++i) sums[i] = 0.f;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int from = quad + ((k & 7) >> 1), at = 4 * (k >> 3) + (k & 1);
      const float x[2] = {__shfl_sync(~0u, p[at], from), __shfl_sync(~0u, p[at + 2], from)};
#pragma unroll
      for (int j = 0; j < kMost; ++j) {
        if (first + j >= V / 8) continue;
        const Pair y = lds64(b + k * Pitch + j * 32);
        sums[4 * j] = fmaf(x[0], __uint_as_float(y.x), sums[4 * j]);
        sums[4 * j + 1] = fmaf(x[0], __uint_as_float(y.y), sums[4 * j + 1]);
        sums[4 * j + 2] = fmaf(x[1], __uint_as_float(y.x), sums[4 * j + 2]);
        sums[4 * j + 3] = fmaf(x[1], __uint_as_float(y.y), sums[4 * j + 3]);
      }
    }
#pragma unroll
    for (int i = 0; i < 4 * kMost; ++i)
      if (4 * first + i < V / 2) o[4 * first + i] += sums[i];
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
