// Attention by mma.sync, as an emitter for sm_80 would write it: 64 query rows a CTA of 128
// threads, key tiles of 64 in two stages, online softmax in registers.
#pragma once

namespace flashlight::test {

/// D: head size, 64 or 128. Words: q[m, D], k[n, D], v[n, D], o[m, D] (all bf16).
inline const char* kMmaAttention = R"(
#include "ptx.cuh"

struct Params {
  u64 words[16];
};

// Row-major tiles of D columns, 16-byte pieces exchanged inside groups of 8.
DEVICE u32 piece(u32 base, int row, int column) {
  return base + row * (D * 2) + (((column / 8) ^ (row & 7)) * 16);
}
DEVICE void load_tile(u32 dst, const Bf16* src, int row0, int rows) {
#pragma unroll
  for (int i = 0; i < 64 * D / 8 / 128; ++i) {
    const int e = i * 128 + threadIdx.x, r = e / (D / 8), c = e % (D / 8) * 8;
    const bool inside = row0 + r < rows;
    cp_async16(piece(dst, r, c), src + (inside ? (i64)(row0 + r) * D + c : 0), inside ? 16 : 0);
  }
}

extern "C" __global__ void __launch_bounds__(128) kernel(const __grid_constant__ Params p) {
  SHARED_MEMORY(smem);
  constexpr int kTile = 64 * D * 2;
  const u32 base = smem_addr(smem);
  const Bf16* q = (const Bf16*)p.words[0];
  const Bf16* k = (const Bf16*)p.words[1];
  const Bf16* v = (const Bf16*)p.words[2];
  Bf16* o = (Bf16*)p.words[3];
  const int m = M_SIZE, n = N_SIZE, row0 = blockIdx.x * 64, steps = (n + 63) / 64;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const auto fetch = [&](int step) {
    const u32 stage = base + kTile + step % 2 * 2 * kTile;
    load_tile(stage, k, step * 64, n);
    load_tile(stage + kTile, v, step * 64, n);
  };
  load_tile(base, q, row0, m);
  fetch(0);
  cp_async_commit();
  float acc[D / 2], top[2] = {-1e30f, -1e30f}, sum[2] = {0.f, 0.f};
#pragma unroll
  for (int i = 0; i < D / 2; ++i) acc[i] = 0.f;
  for (int step = 0; step < steps; ++step) {
    if (step + 1 < steps) fetch(step + 1);
    cp_async_commit();
    cp_async_wait<1>();
    __syncthreads();
    const u32 keys = base + kTile + step % 2 * 2 * kTile, values = keys + kTile;
    float s[32];
#pragma unroll
    for (int i = 0; i < 32; ++i) s[i] = 0.f;
#pragma unroll
    for (int kk = 0; kk < D; kk += 16) {
      u32 x[4];
      ldmatrix4(x, piece(base, warp * 16 + lane % 16, kk + lane / 16 * 8));
#pragma unroll
      for (int j = 0; j < 8; j += 2) {
        u32 y[4];
        ldmatrix4(y, piece(keys, j * 8 + lane / 16 * 8 + lane % 8, kk + lane / 8 % 2 * 8));
        mma_bf16(&s[4 * j], x, y[0], y[1]);
        mma_bf16(&s[4 * j + 4], x, y[2], y[3]);
      }
    }
    float highest[2] = {top[0], top[1]};
#pragma unroll
    for (int i = 0; i < 32; ++i) {
      const int column = step * 64 + i / 4 * 8 + lane % 4 * 2 + i % 2;
      s[i] = column < n ? s[i] * SCALE : -infinity();
      highest[i / 2 % 2] = fmaxf(highest[i / 2 % 2], s[i]);
    }
    float move[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      highest[h] = fmaxf(highest[h], __shfl_xor_sync(~0u, highest[h], 1));
      highest[h] = fmaxf(highest[h], __shfl_xor_sync(~0u, highest[h], 2));
      move[h] = exp2_fast(top[h] - highest[h]);
      top[h] = highest[h];
      sum[h] *= move[h];
    }
#pragma unroll
    for (int i = 0; i < 32; ++i) {
      s[i] = exp2_fast(s[i] - top[i / 2 % 2]);
      sum[i / 2 % 2] += s[i];
    }
#pragma unroll
    for (int i = 0; i < D / 2; ++i) acc[i] *= move[i / 2 % 2];
#pragma unroll
    for (int kk = 0; kk < 4; ++kk) {
      u32 x[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) x[i] = pack_bf16(s[8 * kk + 2 * i], s[8 * kk + 2 * i + 1]);
#pragma unroll
      for (int j = 0; j < D / 8; j += 2) {
        u32 y[4];
        ldmatrix4_trans(y, piece(values, kk * 16 + lane % 16, j * 8 + lane / 16 * 8));
        mma_bf16(&acc[4 * j], x, y[0], y[1]);
        mma_bf16(&acc[4 * j + 4], x, y[2], y[3]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    sum[h] += __shfl_xor_sync(~0u, sum[h], 1);
    sum[h] += __shfl_xor_sync(~0u, sum[h], 2);
    const int row = row0 + warp * 16 + lane / 4 + 8 * h;
    const float scale = rcp_fast(sum[h]);
    if (row < m)
#pragma unroll
      for (int j = 0; j < D / 8; ++j)
        *(u32*)(o + (i64)row * D + j * 8 + lane % 4 * 2) =
            pack_bf16(acc[4 * j + 2 * h] * scale, acc[4 * j + 2 * h + 1] * scale);
  }
}
)";

}  // namespace flashlight::test
