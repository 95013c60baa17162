// Operands from memory of any storage type and strides into the layouts that gemm.h reads.
//   pack_panels<T, NR>(to, from, K, N, k_stride, n_stride, pad)
//       element (k, n) at from[k * k_stride + n * n_stride] -> panels [ceil(N / NR)][K][NR] of T;
//       columns past N hold pad. Fast when either stride is 1 (k: by vector transposes).
//   pack_panel<T, NR>(...)   one panel; N <= NR columns
//   copy_rows<T>(to, ld, from, rows, columns, row_stride, column_stride, padded, pad)
//       row-major [rows][ld] of T; columns..padded-1 of each row hold pad
#pragma once
#include "memory.h"
#include "reduce.h"

namespace fl {

// columns of kLanes<T>, lanes over k, transposed on the way; handles any k_stride
template <class T, int NR, class S>
FL_INLINE void pack_by_columns(T* to, const S* from, i64 K, i64 N, i64 k_stride, i64 n_stride,
                               T pad) {
  constexpr int L = kLanes<T>;
  for (i64 n = 0; n < NR; n += L) {
    for (i64 k = 0; k < K; k += L) {
      vec<T> x[L];
      const S* corner = from + n * n_stride + k * k_stride;
      if (n + L <= N && k + L <= K && k_stride == 1) {
        FL_UNROLL for (int l = 0; l < L; l++) x[l] = load<T>(corner + l * n_stride);
      } else {
        for (int l = 0; l < L; l++)
          x[l] = n + l < N ? load_sn<T>(corner + l * n_stride, k_stride, K - k) : splat<T>(pad);
      }
      transpose(x);
      const i64 rows = K - k < L ? K - k : L;
      for (i64 r = 0; r < rows; r++) store(to + (k + r) * NR + n, x[r]);
    }
  }
}

// rows of lanes over n, which lie contiguous in memory
template <class T, int NR, class S>
FL_INLINE void pack_by_rows(T* to, const S* from, i64 K, i64 N, i64 k_stride, T pad) {
  constexpr int L = kLanes<T>;
  for (i64 k = 0; k < K; k++) {
    FL_UNROLL for (int n = 0; n < NR; n += L) {
      const S* p = from + k * k_stride + n;
      const vec<T> x = n + L <= N ? load<T>(p) : n < N ? load_n<T>(p, N - n) : vec<T>{};
      store(to + k * NR + n, select(lt(iota<T>(), N - n), x, pad));
    }
  }
}

template <class T, int NR, class S>
static __attribute__((noinline)) void pack_panel(T* to, const S* from, i64 K, i64 N, i64 k_stride,
                                                 i64 n_stride, T pad = 0) {
  if (n_stride == 1)
    pack_by_rows<T, NR>(to, from, K, N, k_stride, pad);
  else
    pack_by_columns<T, NR>(to, from, K, N, k_stride, n_stride, pad);
}

template <class T, int NR, class S>
FL_INLINE void pack_panels(T* to, const S* from, i64 K, i64 N, i64 k_stride, i64 n_stride,
                           T pad = 0) {
  for (i64 n = 0; n < N; n += NR)
    pack_panel<T, NR>(to + n * K, from + n * n_stride, K, N - n < NR ? N - n : NR, k_stride,
                      n_stride, pad);
}

template <class T, class S>
static __attribute__((noinline)) void copy_rows(T* to, i64 ld, const S* from, i64 rows, i64 columns,
                                                i64 row_stride, i64 column_stride, i64 padded = 0,
                                                T pad = 0) {
  constexpr int L = kLanes<T>;
  for (i64 r = 0; r < rows; r++, to += ld, from += row_stride) {
    i64 c = 0;
    if (column_stride == 1)
      for (; c + L <= columns; c += L) store(to + c, load<T>(from + c));
    for (; c < columns; c += L)
      store_n(to + c, load_sn<T>(from + c * column_stride, column_stride, columns - c),
              columns - c);
    for (c = columns; c < padded; c++) to[c] = pad;
  }
}

}  // namespace fl
