// __syncthreads and the sixteen named barriers.
#pragma once
#include "emulate_core.cuh"

namespace emulator {

struct Barrier {
  u32 generation = 0;
  int arrived = 0, expected = 0;
};
static Barrier barriers[16];

inline void barrier(int id, int threads, bool wait, const char* what) {
  if (id < 0 || id >= 16) fail("%s: there is no barrier %d", what, id);
  if (threads <= 0 || threads > machine.threads)
    fail("%s %d of %d threads in a CTA of %d", what, id, threads, machine.threads);
  if (threads % kWarp != 0 && threads != machine.threads)
    fail("%s %d of %d threads, which is no multiple of a warp", what, id, threads);
  Barrier& b = barriers[id];
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

}  // namespace emulator

inline void __syncthreads() {
  emulator::barrier(0, emulator::machine.threads, true, "__syncthreads");
}
static inline void named_sync(int id, int threads) {
  emulator::barrier(id, threads, true, "named_sync");
}
static inline void named_arrive(int id, int threads) {
  emulator::barrier(id, threads, false, "named_arrive");
}
