// Fibers of a CTA, what they wait for, shared memory, and errors.
#pragma once
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "emulate_list.cuh"
#include "emulate_switch.cuh"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-strict-aliasing")  // kernels see bytes of shared memory as what they need
#endif

namespace emulator {

constexpr u32 kSharedBase = 1024;  // address of the first dynamic byte, as on sm_90
constexpr int kMaxThreads = 1024, kWarp = 32;
constexpr int kSharedBytes = 232448;

/// Why a fiber waits, for the text of a deadlock.
struct Reason {
  const char* what = "";
  u32 object = 0, detail = 0;
};

/// A copy that cp.async issued; done when its group is waited for.
struct PendingCopy {
  u32 dst;
  const void* src;
  int src_bytes, bytes;
};

/// A wgmma that a thread issued; done when its group is waited for. No `run`: the end of a group.
using RunProduct = void (*)(void** fibers, size_t product);
struct PendingProduct {
  RunProduct run = nullptr;
  const u32* a_regs = nullptr;  // null: a_desc
  u64 a_desc = 0, b_desc = 0;
  int saved = 0;
  bool accumulate = false;
};

/// A thread's part of an accumulator that products under way use.
struct Accumulator {
  float* d;
  int size, users = 0;
  float values[128];
};

struct Fiber {
  StackPointer stack = nullptr;
  int id = 0;
  bool done = false;
  const u32* word = nullptr;  // waits while *word == value
  u32 value = 0;
  Reason reason;
  List<PendingCopy> copies;
  List<size_t> copy_groups;  // sizes
  static constexpr int kAccumulators = 8;
  bool fenced = false;
  List<PendingProduct> products;
  Accumulator saved[kAccumulators];
};

/// Threads that execute one instruction together. The last to arrive does it for all.
struct Group {
  u32 generation = 0;
  int size = 0, arrived = 0;
  const char* name = "";
  void (*run)(void** arguments) = nullptr;
  void* arguments[128];
};

struct Index3 {
  u32 x = 0, y = 0, z = 0;
};

struct Machine {
  Index3 block, grid;
  int threads = 0, running = 0;
  int shared_bytes = 0;
  u32 seed = 0;
  Fiber fibers[kMaxThreads];
  Fiber* current = nullptr;
  StackPointer scheduler = nullptr;
  Group warps[kMaxThreads / kWarp], warpgroups[kMaxThreads / 128];
  int warp_order[kMaxThreads / kWarp];
  bool failed = false;
  char error[2048];
  alignas(1024) unsigned char shared[kSharedBytes + 1024];
};
static Machine machine;

inline unsigned char* shared_memory() { return machine.shared; }
inline int thread_id() { return machine.current->id; }

/// Ends the launch with a text. Does not return: the fibers are abandoned where they are.
[[noreturn]] inline void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
inline void fail(const char* format, ...) {
  Machine& m = machine;
  int n = snprintf(m.error, sizeof m.error, "CTA (%u, %u, %u), thread %d: ", m.block.x, m.block.y,
                   m.block.z, m.current ? m.current->id : -1);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(m.error + n, sizeof m.error - static_cast<size_t>(n), format, arguments);
  va_end(arguments);
  m.failed = true;
  StackPointer abandoned;
  switch_stack(&abandoned, m.scheduler);
  __builtin_unreachable();
}

/// The byte at a shared address. Fails unless [address, address + bytes) is in the CTA's memory and
/// address is a multiple of `alignment`.
inline unsigned char* shared_at(u32 address, u32 bytes, u32 alignment, const char* who) {
  const u32 end = kSharedBase + static_cast<u32>(machine.shared_bytes);
  if (address < kSharedBase || address > end || bytes > end - address)
    fail("%s at shared address %u, %u bytes: the CTA has [%u, %u)", who, address, bytes,
         kSharedBase, end);
  if (address % alignment != 0)
    fail("%s at shared address %u, which is no multiple of %u", who, address, alignment);
  return machine.shared + (address - kSharedBase);
}

inline bool can_run(const Fiber& f) { return !f.done && (!f.word || *f.word != f.value); }

/// The next fiber: lanes of this warp first, so that a warp runs as far as it can.
inline Fiber* next_fiber() {
  Machine& m = machine;
  const int me = m.current ? m.current->id : 0, base = me / kWarp * kWarp;
  for (int k = 1; k <= kWarp; k++) {
    const int id = base + (me + k) % kWarp;
    if (id < m.threads && can_run(m.fibers[id])) return &m.fibers[id];
  }
  const int warps = (m.threads + kWarp - 1) / kWarp;
  for (int w = 0; w < warps; w++) {
    const int first = m.warp_order[w] * kWarp;
    for (int id = first; id < first + kWarp && id < m.threads; id++)
      if (can_run(m.fibers[id])) return &m.fibers[id];
  }
  return nullptr;
}

/// Gives the processor to whoever can run, else to the scheduler.
inline void yield() {
  Machine& m = machine;
  Fiber* me = m.current;
  Fiber* next = next_fiber();
  if (next == me) return;
  m.current = next;
  switch_stack(&me->stack, next ? next->stack : m.scheduler);
}

inline void wait_while(const u32* word, u32 value, const Reason& reason) {
  Fiber* me = machine.current;
  me->word = word, me->value = value, me->reason = reason;
  while (*word == value) yield();
  me->word = nullptr;
}

/// One instruction of a warp or warpgroup. run(arguments) is called once, when all have arrived,
/// with every thread's argument.
inline void together(Group& g, int rank, const char* name, void (*run)(void**), void* argument) {
  if (g.arrived == 0)
    g.name = name, g.run = run;
  else if (g.run != run || strcmp(g.name, name) != 0)
    fail("diverged: %s, while other threads of its warp are at %s", name, g.name);
  g.arguments[rank] = argument;
  if (++g.arrived < g.size)
    return wait_while(&g.generation, g.generation,
                      {name, static_cast<u32>(g.arrived), static_cast<u32>(g.size)});
  g.arrived = 0;
  if (run) run(g.arguments);
  g.generation++;
}

inline void warp_together(const char* name, void (*run)(void**), void* argument) {
  const int id = thread_id();
  together(machine.warps[id / kWarp], id % kWarp, name, run, argument);
}

}  // namespace emulator
