// Units of work over threads. Units of one group share packed operands, which are made in `items`
// independent pieces.
//   run(work, pack, unit)   pack(char* to, i64 group, i64 item) makes a piece of the packs;
//                           unit(const char* packs, char* tile, i64 group, i64 unit) computes.
//                           0, or 1 when memory ran out
// Many groups: a thread owns a group, packs for it (that stays in its cache) and computes all its
// units. Few groups: all threads pack, then all compute, by a shared counter.
#pragma once
#include "par.h"

namespace fl {

struct Work {
  i64 groups, units, items;  // units and items per group
  usize pack_bytes;          // of one group
  usize tile_bytes;          // what a thread needs for its units
};

// NOTE: null where memory ran out: a host process must survive that
struct Memory {
  char* p;
  explicit Memory(usize bytes) : p((char*)aligned_alloc(4096, padded_bytes(bytes + 1))) {}
  ~Memory() { free(p); }
  Memory(const Memory&) = delete;
};

template <class Pack, class Unit>
static int run_owned(const Work& w, Pack& pack, Unit& unit) {
  Counter next;
  int failed = 0;
  parallel(w.groups, [&](int) {
    Ftz ftz;
    Memory packs(w.pack_bytes), tile(w.tile_bytes);
    if (!packs.p || !tile.p) {
      __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
      return;
    }
    for (i64 g; (g = next.take(1)) < w.groups;) {
      for (i64 e = 0; e < w.items; e++) pack(packs.p, g, e);
      for (i64 u = w.units; u-- > 0;) unit(packs.p, tile.p, g, u);
    }
  });
  return failed;
}

template <class Pack, class Unit>
static int run_shared(const Work& w, Pack& pack, Unit& unit) {
  Memory packs(w.pack_bytes * (usize)w.groups);
  if (!packs.p) return 1;
  Counter packed, done;
  int failed = 0;
  const i64 chunk = 8;
  if (w.pack_bytes > 0) {
    parallel((w.groups * w.items + chunk - 1) / chunk, [&](int) {
      Ftz ftz;
      for (i64 e; (e = packed.take(chunk)) < w.groups * w.items;)
        for (i64 i = e; i < e + chunk && i < w.groups * w.items; i++)
          pack(packs.p + w.pack_bytes * (usize)(i / w.items), i / w.items, i % w.items);
    });
  }
  parallel(w.groups * w.units, [&](int) {
    Ftz ftz;
    Memory tile(w.tile_bytes);
    if (!tile.p) {
      __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
      return;
    }
    for (i64 u; (u = done.take(1)) < w.groups * w.units;) {
      const i64 g = u / w.units;  // the last unit first: it has the longest rows where they differ
      unit(packs.p + w.pack_bytes * (usize)g, tile.p, g, w.units - 1 - u % w.units);
    }
  });
  return failed;
}

template <class Pack, class Unit>
FL_INLINE int run(const Work& w, Pack pack, Unit unit) {
  const bool own = w.pack_bytes > 0 && w.groups >= 4 * (i64)max_threads();
  return own ? run_owned(w, pack, unit) : run_shared(w, pack, unit);
}

}  // namespace fl
