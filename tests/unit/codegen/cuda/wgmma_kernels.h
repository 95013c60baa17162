// Kernels of a producer warpgroup, which feeds a ring of two stages by TMA, and of consumer
// warpgroups that multiply by wgmma.
#pragma once

namespace flashlight::test {

/// c[m, n] = a[m, k] b: 128 x N tiles, two consumers, 384 threads. TYPE, N, SWIZZLE (bytes), BK =
/// SWIZZLE / sizeof(TYPE); B_ROWS: b is [k, n], else [n, k]. Maps: a {BK, 128}; b {BK, N} or
/// {SWIZZLE / sizeof(TYPE), BK}. Words: a, b, c.
inline const char* kWgmmaGemm = R"(
struct Params {
  TensorMap maps[2];
  u64 words[9];
};

extern "C" __global__ void __launch_bounds__(384, 1) kernel(const __grid_constant__ Params p) {
  SHARED_MEMORY(smem);
  constexpr int kA = 128 * SWIZZLE, kStage = kA + N * BK * sizeof(TYPE);
  const u32 base = smem_addr(smem), full = base + 2 * kStage, empty = full + 16;
  const int m = M_SIZE, n = N_SIZE, k = K_SIZE, steps = (k + BK - 1) / BK;
  const int tiles = (n + N - 1) / N, row0 = blockIdx.x / tiles * 128, column0 = blockIdx.x % tiles * N;
  if (threadIdx.x == 0) {
    for (int s = 0; s < 2; ++s) {
      mbar_init(full + 8 * s, 1);
      mbar_init(empty + 8 * s, 2);
    }
    mbar_init_fence();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    regs_shrink<24>();
    if (threadIdx.x == 0) {
      for (int step = 0; step < steps; ++step) {
        const int s = step % 2;
        const u32 stage = base + s * kStage, bar = full + 8 * s;
        mbar_wait(empty + 8 * s, (step / 2 & 1) ^ 1);
        mbar_arrive_expect(bar, kStage);
        tma_load_2d(stage, &p.maps[0], bar, step * BK, row0);
        if (B_ROWS)
          for (int j = 0; j < N / BK; ++j)
            tma_load_2d(stage + kA + j * BK * SWIZZLE, &p.maps[1], bar, column0 + j * BK, step * BK);
        else
          tma_load_2d(stage + kA, &p.maps[1], bar, step * BK, column0);
      }
    }
    return;
  }
  regs_grow<240>();
  const int consumer = threadIdx.x / 128 - 1;
  float acc[N / 2];
  for (int step = 0; step < steps; ++step) {
    const int s = step % 2;
    const u32 stage = base + s * kStage;
    mbar_wait(full + 8 * s, step / 2 & 1);
    const u64 a = smem_desc(stage + consumer * 64 * SWIZZLE, 0, 8 * SWIZZLE, SWIZZLE);
    const u64 b = smem_desc(stage + kA, B_ROWS ? BK * SWIZZLE : 0, 8 * SWIZZLE, SWIZZLE);
    wgmma_fence();
#pragma unroll
    for (int kk = 0; kk < SWIZZLE / 32; ++kk) {
      const u64 x = desc_advance(a, kk * 32), y = desc_advance(b, kk * (B_ROWS ? 16 * SWIZZLE : 32));
      if (kk == 0 && step == 0) Wgmma<N, TYPE>::FORM<0>(acc, x, y);
      else Wgmma<N, TYPE>::FORM<1>(acc, x, y);
    }
    wgmma_commit();
    wgmma_wait<0>();
    if (threadIdx.x % 128 == 0) mbar_arrive(empty + 8 * s);
  }
  float* c = (float*)p.words[2];
  const int lane = threadIdx.x % 32, warp = threadIdx.x % 128 / 32;
#pragma unroll
  for (int i = 0; i < N / 2; ++i) {
    const int r = row0 + consumer * 64 + warp * 16 + lane / 4 + i / 2 % 2 * 8;
    const int q = column0 + i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (r < m && q < n) c[(i64)r * n + q] = acc[i];
  }
}
)";

/// o[m, 64] = (q[m, 64] k[n, 64]^T) v[n, 64] without ever storing the scores: p in registers, v
/// with columns dense. 64 rows a CTA, 256 threads; the product with v of one step runs under the
/// scores of the next. Maps: q, k, v {64, 64}. Words: q, k, v, o.
inline const char* kWgmmaChain = R"(
struct Params {
  TensorMap maps[3];
  u64 words[12];
};

extern "C" __global__ void __launch_bounds__(256, 1) kernel(const __grid_constant__ Params p) {
  SHARED_MEMORY(smem);
  constexpr int kTile = 64 * 128;
  const u32 base = smem_addr(smem), ring = base + kTile, bars = base + 5 * kTile;
  const u32 q_full = bars, k_full = bars + 8, v_full = bars + 24, k_empty = bars + 40,
            v_empty = bars + 56;
  const int m = M_SIZE, n = N_SIZE, steps = (n + 63) / 64, row0 = blockIdx.x * 64;
  if (threadIdx.x == 0) {
    for (int b = 0; b < 9; ++b) mbar_init(bars + 8 * b, 1);
    mbar_init_fence();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    if (threadIdx.x < 32 && elect_lane()) {
      mbar_arrive_expect(q_full, kTile);
      tma_load_2d(base, &p.maps[0], q_full, 0, row0);
      for (int step = 0; step < steps; ++step) {
        const int s = step % 2, parity = (step / 2 & 1) ^ 1;
        mbar_wait(k_empty + 8 * s, parity);
        mbar_arrive_expect(k_full + 8 * s, kTile);
        tma_load_2d(ring + s * 2 * kTile, &p.maps[1], k_full + 8 * s, 0, step * 64);
        mbar_wait(v_empty + 8 * s, parity);
        mbar_arrive_expect(v_full + 8 * s, kTile);
        tma_load_2d(ring + s * 2 * kTile + kTile, &p.maps[2], v_full + 8 * s, 0, step * 64);
      }
    }
    return;
  }
  const u64 q = smem_desc(base, 0, 1024, 128);
  float o[32], scores[32];
  u32 weights[16];
  mbar_wait(q_full, 0);
  for (int step = 0; step <= steps; ++step) {
    const int s = step % 2, before = (step + 1) % 2;
    if (step < steps) {
      mbar_wait(k_full + 8 * s, step / 2 & 1);
      const u64 k = smem_desc(ring + s * 2 * kTile, 0, 1024, 128);
      wgmma_fence();
#pragma unroll
      for (int kk = 0; kk < 4; ++kk) {
        if (kk == 0) Wgmma<64, TYPE>::ss<0>(scores, q, k);
        else Wgmma<64, TYPE>::ss<1>(scores, desc_advance(q, kk * 32), desc_advance(k, kk * 32));
      }
    }
    wgmma_commit();
    if (step > 0) {
      mbar_wait(v_full + 8 * before, (step - 1) / 2 & 1);
      const u64 v = smem_desc(ring + before * 2 * kTile + kTile, 0, 1024, 128);
      wgmma_fence();
#pragma unroll
      for (int kk = 0; kk < 4; ++kk) {
        if (kk == 0 && step == 1) Wgmma<64, TYPE>::rs_tn<0>(o, weights, v);
        else Wgmma<64, TYPE>::rs_tn<1>(o, weights + 4 * kk, desc_advance(v, kk * 2048));
      }
    }
    wgmma_commit();
    wgmma_wait<1>();
    if (step < steps && threadIdx.x % 128 == 0) mbar_arrive(k_empty + 8 * s);
    wgmma_wait<0>();
    if (step > 0 && threadIdx.x % 128 == 0) mbar_arrive(v_empty + 8 * before);
    if (step < steps) {
#pragma unroll
      for (int i = 0; i < 16; ++i) weights[i] = pack<TYPE>(scores[2 * i], scores[2 * i + 1]);
    }
  }
  float* out = (float*)p.words[3];
  const int lane = threadIdx.x % 32, warp = threadIdx.x % 128 / 32;
#pragma unroll
  for (int i = 0; i < 32; ++i) {
    const int r = row0 + warp * 16 + lane / 4 + i / 2 % 2 * 8;
    if (r < m) out[(i64)r * 64 + i / 4 * 8 + lane % 4 * 2 + i % 2] = o[i];
  }
}
)";

}  // namespace flashlight::test
