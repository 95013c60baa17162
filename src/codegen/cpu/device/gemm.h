// Register-blocked contractions of a tile: C[m][n] = reduce over k of step(A[m][k], B[k][n]).
//   Left{p, m, k}          A[i][k] at p[i * m + k * k_stride], broadcast: any strides
//   Right<T>{p, row, panel}  columns in panels of NR = NV * kLanes<T>: element (k, n) at
//                          p[n / NR * panel + k * row + n % NR]. Packed: {p, NR, K * NR}; row-major
//                          memory with unit column stride: {p, ld, NR}
//   Out<T>{p, row}         C[i][n] at p[i * row + n]
//   Start                  Zero: C = AB; Keep: C = C join AB; Scale: C = alpha[i] * C + AB
//   contract_block<T, MR, NV, Start, TAILS>(op, M, N, K, left, right, out, alpha)
//   gemm_block<T, MR, NV, Start, TAILS>(M, N, K, left, right, out, alpha)     op = Dot
//   op                     Dot{} or inner<R>(f): R a reduction of reduce.h, f(a, b) on vectors
// Best register blocks: AVX2 6 x 2 (or 4 x 3), AVX-512 6 x 4 (README of bench/micro for numbers).
// Nothing outside the M x N x K elements is read or written; only prefetches run ahead. TAILS says
// which sizes may be ragged (bit 0: M not a multiple of MR; bit 1: N not a multiple of NR): say 0
// or 1 for padded scratch, each bit costs code and compile time.
#pragma once
#include "memory.h"
#include "reduce.h"

namespace fl {

template <class T>
struct Left {
  const T* p;
  i64 m, k;
};
template <class T>
struct Right {
  const T* p;
  i64 row, panel;
};
template <class T>
struct Out {
  T* p;
  i64 row;
};
enum class Start { Zero, Keep, Scale };
enum { kRaggedM = 1, kRaggedN = 2 };

struct Dot {
  typedef Sum reduction;
  template <class V>
  FL_INLINE V step(Dot, V c, V a, V b) {
    return a * b + c;
  }
};
template <class R, class F>
struct Inner {
  typedef R reduction;
  F f;
  template <class V>
  FL_INLINE V step(const Inner& op, V c, V a, V b) {
    return R::join(c, op.f(a, b));
  }
};
template <class R, class F>
FL_INLINE Inner<R, F> inner(F f) {
  return {f};
}

// A contraction is made as sums of this many terms, each in registers, which are then added: its
// rounding errors are those of the shorter sums. One that is no longer: of shorter ones still. What
// one block of rows reads alone comes from memory as it goes, and is not stopped for sums
// (docs/perf-log.md).
constexpr i64 kRun = 32, kShortRun = 8;
template <int MR, Start START>
FL_INLINE i64 run_of(i64 M, i64 K) {
  return START != Start::Zero && M <= MR ? K : K <= kRun ? kShortRun : kRun;
}

// one register block; PARTIAL: of the last vector only n lanes exist
template <class T, int MR, int NV, Start START, bool PARTIAL, class Op>
FL_INLINE void micro_block(Op op, i64 K, i64 run, const T* a, i64 am, i64 ak, const T* b, i64 row,
                           T* out, i64 ldc, const T* alpha, i64 n) {
  typedef vec<T> V;
  typedef typename Op::reduction R;
  constexpr int L = kLanes<T>;
  const auto fetch_vector = [n](const T* p, int j) {
    return PARTIAL && j == NV - 1 ? load_n<T>(p, n) : load<T>(p);
  };
  V c[MR][NV];
  // Sums of the runs so far wait here, not in `out`: a tile of scores is too large for the first
  // cache, and its lines would have to be there once more for each run.
  alignas(64) T part[MR * NV * L];
  i64 k = 0;
  for (bool first = true;; first = false) {
    FL_UNROLL for (int i = 0; i < MR; i++) {
      FL_UNROLL for (int j = 0; j < NV; j++) c[i][j] = splat<T>(identity<R, T>());
    }
    const i64 end = k + run < K ? k + run : K;
    _Pragma("GCC unroll 4") for (; k < end; k++) {
      V x[NV];
      FL_UNROLL for (int j = 0; j < NV; j++) x[j] = fetch_vector(b + k * row + j * L, j);
      FL_UNROLL for (int i = 0; i < MR; i++) {
        const V y = splat<T>(a[i * am + k * ak]);
        FL_UNROLL for (int j = 0; j < NV; j++) c[i][j] = Op::step(op, c[i][j], y, x[j]);
      }
    }
    if (run >= K) break;
    FL_UNROLL for (int i = 0; i < MR; i++) {
      FL_UNROLL for (int j = 0; j < NV; j++) {
        if (!first) c[i][j] = R::join(load<T>(part + (i * NV + j) * L), c[i][j]);
      }
    }
    if (k == K) break;
    FL_UNROLL for (int i = 0; i < MR; i++) {
      FL_UNROLL for (int j = 0; j < NV; j++) store(part + (i * NV + j) * L, c[i][j]);
    }
  }
  // What was there is joined last: sums of few terms are added, not one term at a time.
  FL_UNROLL for (int i = 0; i < MR; i++) {
    FL_UNROLL for (int j = 0; j < NV; j++) {
      T* p = out + i * ldc + j * L;
      if constexpr (START == Start::Keep) c[i][j] = R::join(fetch_vector(p, j), c[i][j]);
      if constexpr (START == Start::Scale) c[i][j] += fetch_vector(p, j) * splat<T>(alpha[i]);
      if (PARTIAL && j == NV - 1)
        store_n(p, c[i][j], n);
      else
        store(p, c[i][j]);
    }
  }
}

// what the panel after this one will read, into L1: share i of n
template <class T, int NR>
FL_INLINE void prefetch_share(const T* p, i64 row, i64 rows, i64 i, i64 n) {
  constexpr int kPerLine = 64 / sizeof(T);
  const i64 share = (rows + n - 1) / n;
  for (i64 k = i * share; k < (i + 1) * share; k++)
    FL_UNROLL for (int e = 0; e < NR; e += kPerLine) __builtin_prefetch(p + k * row + e);
}

// all rows, MR at a time and what is left one by one; columns of NV vectors
template <class T, int MR, int NV, Start START, bool PARTIAL, int TAILS, class Op>
FL_INLINE void column_block(Op op, i64 M, i64 K, Left<T> left, Right<T> right, Out<T> out,
                            const T* alpha, i64 n, const T* next) {
  constexpr int NR = NV * kLanes<T>;
  const i64 run = run_of<MR, START>(M, K);
  i64 i = 0;
  for (; i + MR <= M; i += MR) {
    if constexpr (!PARTIAL) prefetch_share<T, NR>(next, right.row, K, i / MR, M / MR);
    micro_block<T, MR, NV, START, PARTIAL>(op, K, run, left.p + i * left.m, left.m, left.k, right.p,
                                           right.row, out.p + i * out.row, out.row, alpha + i, n);
  }
  if constexpr ((TAILS & kRaggedM) != 0 && MR > 1)
    for (; i < M; i++)
      micro_block<T, 1, NV, START, PARTIAL>(op, K, run, left.p + i * left.m, left.m, left.k,
                                            right.p, right.row, out.p + i * out.row, out.row,
                                            alpha + i, n);
}

template <class T, int MR, int NV, Start START, int TAILS = kRaggedM | kRaggedN, class Op>
static __attribute__((noinline)) void contract_block(Op op, i64 M, i64 N, i64 K, Left<T> left,
                                                     Right<T> right, Out<T> out,
                                                     const T* alpha = nullptr) {
  constexpr int L = kLanes<T>, NR = NV * L;
  // What a caller's next call reads: the next panels, or of panels that are longer than K, the rows
  // after these.
  const bool whole = right.panel == K * right.row;
  const T* after = whole ? right.p + (N + NR - 1) / NR * right.panel : right.p + K * right.row;
  i64 n = 0;
  for (; n + NR <= N; n += NR, right.p += right.panel, out.p += NR)
    column_block<T, MR, NV, START, false, TAILS>(op, M, K, left, right, out, alpha, L,
                                                 n + 2 * NR <= N ? right.p + right.panel : after);
  if constexpr ((TAILS & kRaggedN) != 0)
    for (; n < N; n += L, right.p += L, out.p += L)
      column_block<T, MR, 1, START, true, TAILS>(op, M, K, left, right, out, alpha,
                                                 N - n < L ? N - n : L, after);
}

template <class T, int MR, int NV, Start START, int TAILS = kRaggedM | kRaggedN>
FL_INLINE void gemm_block(i64 M, i64 N, i64 K, Left<T> left, Right<T> right, Out<T> out,
                          const T* alpha = nullptr) {
  contract_block<T, MR, NV, START, TAILS>(Dot{}, M, N, K, left, right, out, alpha);
}

}  // namespace fl
