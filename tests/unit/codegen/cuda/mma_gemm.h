// c[m, n] = a[m, k] b by mma.sync: cp.async in two stages, ldmatrix, 128 threads, 64 x 64 tiles.
#pragma once

namespace flashlight::test {

/// TYPE, MMA: Bf16, mma_bf16 ...; B_ROWS: 1 where b is [k, n], 0 where it is [n, k].
/// Words: a, b, c; m, n, k.
inline const char* kMmaGemm = R"(
#include "ptx.cuh"

struct Params {
  u64 words[12];
};

// 64 rows of 32 elements (64 bytes), or 32 rows of 64 (128 bytes): 16-byte pieces, swizzled so that
// the eight rows of a matrix lie in different banks.
DEVICE u32 piece(u32 base, int row, int column, int row_bytes) {
  const int p = column / 8;
  return base + row * row_bytes + ((p ^ (row_bytes == 64 ? (row >> 1) & 3 : row & 7)) * 16);
}

template <int Rows, int Columns>
DEVICE void load_tile(u32 dst, const TYPE* src, int row0, int rows, int column0, int columns,
                      int ld) {
  for (int i = threadIdx.x; i < Rows * Columns / 8; i += 128) {
    const int r = i / (Columns / 8), c = i % (Columns / 8) * 8;
    const int left = min(max(columns - column0 - c, 0), 8);
    const bool inside = row0 + r < rows && left > 0;
    cp_async16(piece(dst, r, c, Columns * 2),
               inside ? src + (i64)(row0 + r) * ld + column0 + c : src, inside ? left * 2 : 0);
  }
}

extern "C" __global__ void __launch_bounds__(128) kernel(const __grid_constant__ Params p) {
  SHARED_MEMORY(smem);
  const TYPE* a = (const TYPE*)p.words[0];
  const TYPE* b = (const TYPE*)p.words[1];
  float* c = (float*)p.words[2];
  const int m = M_SIZE, n = N_SIZE, k = K_SIZE;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int tiles = (n + 63) / 64, row0 = blockIdx.x / tiles * 64, column0 = blockIdx.x % tiles * 64;
  const u32 base = smem_addr(smem);
  const int steps = (k + 31) / 32;
  const auto fetch = [&](int step) {
    const u32 stage = base + step % 2 * 8192;
    load_tile<64, 32>(stage, a, row0, m, step * 32, k, k);
    if (B_ROWS) load_tile<32, 64>(stage + 4096, b, step * 32, k, column0, n, n);
    else load_tile<64, 32>(stage + 4096, b, column0, n, step * 32, k, k);
    cp_async_commit();
  };
  float acc[8][4];
#pragma unroll
  for (int j = 0; j < 8; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e) acc[j][e] = 0.f;
  fetch(0);
  for (int step = 0; step < steps; ++step) {
    if (step + 1 < steps) fetch(step + 1);
    else cp_async_commit();
    cp_async_wait<1>();
    __syncthreads();
    const u32 stage = base + step % 2 * 8192;
#pragma unroll
    for (int kk = 0; kk < 2; ++kk) {
      u32 x[4];
      ldmatrix4(x, piece(stage, warp * 16 + lane % 16, kk * 16 + lane / 16 * 8, 64));
#pragma unroll
      for (int j = 0; j < 8; j += 2) {
        u32 y[4];
        if (B_ROWS)
          ldmatrix4_trans(y, piece(stage + 4096, kk * 16 + lane % 16, j * 8 + lane / 16 * 8, 128));
        else
          ldmatrix4(y, piece(stage + 4096, j * 8 + lane / 16 * 8 + lane % 8,
                             kk * 16 + lane / 8 % 2 * 8, 64));
        MMA(acc[j], x, y[0], y[1]);
        MMA(acc[j + 1], x, y[2], y[3]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int j = 0; j < 8; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int r = row0 + warp * 16 + lane / 4 + e / 2 * 8, s = column0 + j * 8 + lane % 4 * 2 + e % 2;
      if (r < m && s < n) c[(i64)r * n + s] = acc[j][e];
    }
}
)";

}  // namespace flashlight::test
