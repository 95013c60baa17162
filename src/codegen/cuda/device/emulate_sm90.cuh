// Twins of hopper.cuh: mbarriers, the copy engine, stmatrix, and what the CPU need not do.
#pragma once
#include "emulate_abi.cuh"
#include "emulate_launch.cuh"
#include "emulate_registers.cuh"
#include "emulate_sm80.cuh"

namespace emulator {

/// Swizzles exchange 16-byte pieces by bits of the address itself.
inline u32 swizzled(u32 address, u32 swizzle_bytes) {
  return address ^ ((address >> 7 & (swizzle_bytes / 16 - (swizzle_bytes > 0))) << 4);
}

// ---- mbarriers, one possible at every 8 bytes
struct Mbarrier {
  bool made = false;
  u32 phase = 0;
  int count = 0, pending = 0;
  i64 bytes = 0;  // announced and not yet here
};
static Mbarrier mbarriers[kSharedBytes / 8];
static List<u32> made_barriers;

inline Mbarrier& mbarrier_at(u32 address, const char* who) {
  shared_at(address, 8, 8, who);
  Mbarrier& b = mbarriers[(address - kSharedBase) / 8];
  if (!b.made) fail("%s: no mbarrier was made at %u", who, address);
  return b;
}
inline void end_phase_if_complete(Mbarrier& b) {
  if (b.pending > 0 || b.bytes != 0) return;
  b.phase ^= 1;
  b.pending = b.count;
}
inline void arrive(u32 address, i64 bytes, const char* who) {
  Mbarrier& b = mbarrier_at(address, who);
  if (b.pending == 0)
    fail("%s: more arrivals at mbarrier %u than its %d in one phase", who, address, b.count);
  b.bytes += bytes;
  b.pending--;
  end_phase_if_complete(b);
}

// ---- copies under way
struct PendingBox {
  EmulatedMap map;
  u32 shared, barrier;
  i64 at[5];
};
static List<PendingBox> boxes;
static u32 box_random;

/// Calls visit(shared address, global address or null where out of range) for every element.
template <class Visit>
inline void each_element(const PendingBox& b, const Visit& visit) {
  const EmulatedMap& m = b.map;
  u32 index[5] = {}, total = 1;
  for (u32 d = 0; d < m.rank; d++) total *= m.box[d];
  for (u32 e = 0; e < total; e++) {
    bool inside = true;
    unsigned char* p = m.base;
    for (u32 d = 0; d < m.rank; d++) {
      const i64 x = b.at[d] + index[d];
      inside &= x >= 0 && x < m.size[d];
      p += x * static_cast<i64>(d == 0 ? m.element_bytes : m.stride[d - 1]);
    }
    visit(swizzled(b.shared + e * m.element_bytes, m.swizzle), inside ? p : nullptr);
    for (u32 d = 0; d < m.rank && ++index[d] == m.box[d]; d++) index[d] = 0;
  }
}
inline u32 box_bytes(const EmulatedMap& m) {
  u32 bytes = m.element_bytes;
  for (u32 d = 0; d < m.rank; d++) bytes *= m.box[d];
  return bytes;
}
inline unsigned char* raw_shared(u32 address) { return machine.shared + (address - kSharedBase); }

inline PendingBox box_of(u32 shared, const void* map, u32 rank, const int* at, const char* who) {
  PendingBox b{*static_cast<const EmulatedMap*>(map), shared, 0, {}};
  if (b.map.rank != rank) fail("%s of a map with %u dimensions", who, b.map.rank);
  if (b.map.swizzle && b.map.box[0] * b.map.element_bytes != b.map.swizzle)
    fail("%s: rows of %u bytes do not fill the swizzle of %u: how they lie is not emulated", who,
         b.map.box[0] * b.map.element_bytes, b.map.swizzle);
  shared_at(shared, box_bytes(b.map), b.map.swizzle ? 8 * b.map.swizzle : 128, who);
  for (u32 d = 0; d < rank; d++) b.at[d] = at[d];
  return b;
}

/// The memory is poisoned now and filled when nothing else can run.
template <class Map, class... Coordinates>
inline void load_box(u32 dst, const Map* map, u32 barrier, Coordinates... at) {
  const int coordinates[] = {at...};
  PendingBox b = box_of(dst, map, sizeof...(at), coordinates, "tma_load");
  b.barrier = barrier;
  mbarrier_at(barrier, "tma_load");
  memset(raw_shared(dst), 0xff, box_bytes(b.map));
  boxes.push(b);
}
inline bool complete_box() {
  if (boxes.size == 0) return false;
  box_random = box_random * 1664525u + 1013904223u;
  const size_t k = (box_random >> 8) % boxes.size;
  const PendingBox b = boxes[k];
  boxes.erase(k, 1);
  each_element(b, [&](u32 shared, const unsigned char* p) {
    if (p)
      memcpy(raw_shared(shared), p, b.map.element_bytes);
    else
      memset(raw_shared(shared), 0, b.map.element_bytes);
  });
  Mbarrier& bar = mbarriers[(b.barrier - kSharedBase) / 8];
  bar.bytes -= box_bytes(b.map);
  end_phase_if_complete(bar);
  return true;
}
inline void reset_sm90() {
  for (u32 a : made_barriers) mbarriers[(a - kSharedBase) / 8] = {};
  made_barriers.clear();
  boxes.clear();
  reset_registers();
  box_random = machine.seed;
}
static const bool sm90_is_there = (complete_something = complete_box, start_cta = reset_sm90, true);

}  // namespace emulator

inline void mbar_init(u32 bar, u32 arrivals) {
  emulator::shared_at(bar, 8, 8, "mbar_init");
  const int n = static_cast<int>(arrivals);
  emulator::mbarriers[(bar - emulator::kSharedBase) / 8] = {true, 0, n, n, 0};
  emulator::made_barriers.push(bar);
}
inline void mbar_init_fence() {}
inline void mbar_arrive(u32 bar) { emulator::arrive(bar, 0, "mbar_arrive"); }
inline void mbar_arrive_if(bool arrives, u32 bar) {
  if (arrives) mbar_arrive(bar);
}
inline void mbar_arrive_expect(u32 bar, u32 bytes) {
  emulator::arrive(bar, bytes, "mbar_arrive_expect");
}
inline void mbar_wait(u32 bar, u32 parity) {
  const emulator::Mbarrier& b = emulator::mbarrier_at(bar, "mbar_wait");
  emulator::wait_while(&b.phase, parity & 1, {"mbar_wait (address, parity)", bar, parity & 1});
}
inline bool mbar_try_wait(u32 bar, u32 parity) {
  mbar_wait(bar, parity);
  return true;
}
inline bool mbar_test(u32 bar, u32 parity) {
  return emulator::mbarrier_at(bar, "mbar_test").phase != (parity & 1);
}

inline void tma_load_2d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1) {
  emulator::load_box(dst, map, bar, c0, c1);
}
inline void tma_load_3d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1, int c2) {
  emulator::load_box(dst, map, bar, c0, c1, c2);
}
inline void tma_load_4d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1, int c2, int c3) {
  emulator::load_box(dst, map, bar, c0, c1, c2, c3);
}
inline void tma_load_5d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1, int c2, int c3,
                        int c4) {
  emulator::load_box(dst, map, bar, c0, c1, c2, c3, c4);
}
inline void tma_store_4d(const TensorMap* map, u32 src, int c0, int c1, int c2, int c3) {
  const int at[] = {c0, c1, c2, c3};
  const emulator::PendingBox b = emulator::box_of(src, map, 4, at, "tma_store");
  emulator::each_element(b, [&](u32 shared, unsigned char* p) {
    if (p) memcpy(p, emulator::raw_shared(shared), b.map.element_bytes);
  });
}
inline void tma_store_commit() {}
template <int Pending>
inline void tma_store_wait() {}
inline void tma_prefetch_map(const TensorMap*) {}

inline void fence_proxy_async() {}
inline bool elect_lane() { return emulator::lane() == 0; }

inline void stmatrix4(u32 address, const u32* r) {
  emulator::matrices<4, false, true>("stmatrix4", const_cast<u32*>(r), address);
}
inline void stmatrix4_trans(u32 address, const u32* r) {
  emulator::matrices<4, true, true>("stmatrix4_trans", const_cast<u32*>(r), address);
}
