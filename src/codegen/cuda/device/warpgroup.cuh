// Matrix products of a warpgroup: 64 rows, operands in swizzled panels of 64 columns.
#pragma once
#include "fragment.cuh"
#include "hopper.cuh"

// Bytes to columns 16 k of an operand in panels of `rows` rows; to rows 16 k of values.
DEVICE u32 columns_at(int k, int rows) { return k / 4 * rows * 128 + k % 4 * 32; }
DEVICE u32 rows_at(int k) { return k * 2048; }

// s = A B^T (Started: s += A B^T): A in panels of RowsA rows, B[N][K] in panels of N rows.
// Asynchronous, not committed. On a card: text of codegen/cuda/wgmma.h.
template <class E, int N, int K, int RowsA, int Started>
DEVICE void scores_hopper(float (&s)[N / 2], u64 a, u64 b);

// o += P B: P[64][N] packed in registers, B[N][V] in panels of N rows. Asynchronous, not committed.
template <class E, int N, int V>
DEVICE void values_hopper(float (&o)[V / 2], const u32 (&p)[N / 4], u64 b);

#ifdef FLASHLIGHT_EMULATE
template <class E, int N, int K, int RowsA, int Started>
DEVICE void scores_hopper(float (&s)[N / 2], u64 a, u64 b) {
  for (int k = 0; k < K / 16; ++k) {
    const u64 x = desc_advance(a, columns_at(k, RowsA)), y = desc_advance(b, columns_at(k, N));
    if (k == 0)
      Wgmma<N, E>::template ss<Started>(s, x, y);
    else
      Wgmma<N, E>::template ss<1>(s, x, y);
  }
}
template <class E, int N, int V>
DEVICE void values_hopper(float (&o)[V / 2], const u32 (&p)[N / 4], u64 b) {
  for (int k = 0; k < N / 16; ++k)
    Wgmma<V, E>::template rs_tn<1>(o, &p[4 * k], desc_advance(b, rows_at(k)));
}
#endif

// `never` is false, which ptxas does not know: it schedules what follows by itself, and computes
// nothing of it ahead, in registers that there are not.
DEVICE void scheduling_fence(bool never, u32 bar) {
  if (never) mbar_wait(bar, 0);
}
