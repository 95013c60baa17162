// Indices that come from memory: who finds one out of range says so, reads another element, and the
// kernel returns 2.
//   check<T, TAIL>(fault, dimension, bad, index, left)   bad, index: scalars, or lanes of which
//                                                        `left` exist when TAIL
//   read_wide<T, TAIL>, read_wide_s, read_wide_at        as read_int, but what does not fit in a
//                                                        lane stays out of every range
#pragma once
#include "abi.h"
#include "tile.h"

namespace fl {

static __attribute__((noinline, cold)) void report(fl_fault* fault, int dimension, i64 index) {
  if (__atomic_exchange_n(&fault->taken, 1, __ATOMIC_RELAXED)) return;
  fault->dimension = dimension;
  fault->index = index;
}

template <class T, bool TAIL>
FL_INLINE void check(fl_fault* fault, int dimension, bool bad, i64 index, i64) {
  if (bad) [[unlikely]]
    report(fault, dimension, index);
}
template <class T, bool TAIL>
FL_INLINE void check(fl_fault* fault, int dimension, ivec<T> bad, ivec<T> index, i64 left) {
  if constexpr (TAIL) bad &= first_lanes<T>(left);
  if (!any(bad)) [[likely]]
    return;
  for (int l = 0; l < kLanes<T>; l++)
    if (bad[l]) return report(fault, dimension, index[l]);
}
template <class T, bool TAIL>
FL_INLINE void check(fl_fault* fault, int dimension, ivec<T> bad, i64 index, i64 left) {
  check<T, TAIL>(fault, dimension, bad, isplat<T>(index), left);
}

// NOTE: half of the range: an index that is negated or counted from the end must not come back
template <class T, class S>
FL_INLINE ivec<T> saturated(pack<S, kLanes<T>> x) {
  if constexpr (sizeof(S) <= sizeof(T)) {
    return __builtin_convertvector(x, ivec<T>);
  } else {
    const S most = (S)1 << (8 * sizeof(T) - 2);
    const pack<S, kLanes<T>> top = pack<S, kLanes<T>>{} + most;
    x = x > top ? top : x;
    return __builtin_convertvector(x < -top ? -top : x, ivec<T>);
  }
}
template <class T, bool TAIL, class S>
FL_INLINE ivec<T> read_wide_s(const S* p, i64 stride, i64 left) {
  return saturated<T, S>(fetch_sn<S, kLanes<T>>(p, stride, TAIL ? left : kLanes<T>));
}
template <class T, bool TAIL, class S>
FL_INLINE ivec<T> read_wide(const S* p, i64 left) {
  return read_wide_s<T, TAIL>(p, 1, left);
}
template <class T, bool TAIL, class S>
FL_INLINE ivec<T> read_wide_at(const S* p, pack<i64, kLanes<T>> at, i64 left) {
  S x[kLanes<T>] = {};
  for (int l = 0; l < kLanes<T>; l++)
    if (!TAIL || l < left) x[l] = p[at[l]];
  return saturated<T, S>(fetch<S, kLanes<T>>(x));
}

}  // namespace fl
