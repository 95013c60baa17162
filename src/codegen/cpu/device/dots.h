// Scalar products of one row with many that lie in memory: out[n] = sum over k of a[k] * b[n][k].
// For few rows, where packing b costs more than it saves (decoding).
//   dot_rows<T>(N, K, a, b, row, out)   b[n][k] at b[n * row + k]. Reads N rows of b only; writes
//                                       out up to the next whole vector
#pragma once
#include "memory.h"
#include "reduce.h"

namespace fl {

template <class T>
static __attribute__((noinline)) void dot_rows(i64 N, i64 K, const T* a, const T* b, i64 row,
                                               T* out) {
  typedef vec<T> V;
  constexpr int L = kLanes<T>;
  for (i64 n = 0; n < N; n += L) {
    const T* p[L];
    FL_UNROLL for (int l = 0; l < L; l++) p[l] = b + (n + l < N ? n + l : N - 1) * row;
    V sum[L];
    FL_UNROLL for (int l = 0; l < L; l++) sum[l] = splat<T>(0);
    i64 k = 0;
    for (; k + L <= K; k += L) {
      const V x = load<T>(a + k);
      FL_UNROLL for (int l = 0; l < L; l++) sum[l] = x * load<T>(p[l] + k) + sum[l];
    }
    if (k < K) {
      const V x = load_n<T>(a + k, K - k);
      FL_UNROLL for (int l = 0; l < L; l++) sum[l] = x * load_n<T>(p[l] + k, K - k) + sum[l];
    }
    transpose(sum);
    FL_UNROLL for (int half = L / 2; half > 0; half /= 2) {
      FL_UNROLL for (int l = 0; l < half; l++) sum[l] += sum[l + half];
    }
    store(out + n, sum[0]);
  }
}

}  // namespace fl
