// __syncthreads and the sixteen named barriers.
#pragma once
#include "emulate_core.cuh"

namespace emulator {

struct Barrier {
  u32 generation = 0;
  int arrived = 0, expected = 0;
};
static Barrier barriers[kMaxCluster][16];

inline void barrier(int id, int threads, bool wait, const char* what) {
  if (id < 0 || id >= 16) fail("%s: there is no barrier %d", what, id);
  if (threads <= 0 || threads > machine.threads)
    fail("%s %d of %d threads in a CTA of %d", what, id, threads, machine.threads);
  if (threads % kWarp != 0 && threads != machine.threads)
    fail("%s %d of %d threads, which is no multiple of a warp", what, id, threads);
  Barrier& b = barriers[rank()][id];
  if (b.arrived > 0 && b.expected != threads)
    fail("%s %d for %d threads, while others came for %d", what, id, threads, b.expected);
  b.expected = threads;
  if (++b.arrived == threads) {
    b.arrived = 0;
    b.generation++;
  } else if (wait) {
    wait_while(&b.generation, b.generation,
               {what, static_cast<u32>(id), static_cast<u32>(threads)});
  }
}

/// Of all threads of the cluster that have not ended.
static Barrier cluster_barrier;
inline void end_cluster_barrier_if_complete() {
  Barrier& b = cluster_barrier;
  if (b.arrived < machine.running) return;
  b.arrived = 0;
  b.generation++;
}

}  // namespace emulator

inline void cluster_sync() {
  emulator::Barrier& b = emulator::cluster_barrier;
  const u32 before = b.generation;
  b.arrived++;
  emulator::end_cluster_barrier_if_complete();
  if (b.generation == before) emulator::wait_while(&b.generation, before, {"cluster_sync", 0, 0});
}
inline void __syncthreads() {
  emulator::barrier(0, emulator::machine.threads, true, "__syncthreads");
}
static inline void named_sync(int id, int threads) {
  emulator::barrier(id, threads, true, "named_sync");
}
static inline void named_arrive(int id, int threads) {
  emulator::barrier(id, threads, false, "named_arrive");
}
