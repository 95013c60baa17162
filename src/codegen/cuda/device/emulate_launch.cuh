// Runs a grid: its CTAs one after another.
#pragma once
#include "emulate_abi.cuh"
#include "emulate_barrier.cuh"
#include "emulate_core.cuh"
#include "emulate_fault.cuh"

namespace emulator {

static Stacks* stacks;
inline void (*kernel_body)();  // the kernel with its parameters, for the fiber that calls it

inline void fiber_main() {
  kernel_body();
  Machine& m = machine;
  m.current->done = true;
  m.running--;
  yield();
  __builtin_unreachable();
}

/// Something asynchronous that may happen now (sm_90: a copy of the TMA unit). False: nothing.
inline bool (*complete_something)() = nullptr;
inline void (*start_cta)() = nullptr;

/// Groups fibers that wait for the same.
inline void describe_deadlock() {
  Machine& m = machine;
  char text[1500];
  size_t n = 0;
  for (int id = 0; id < m.threads && n + 200 < sizeof text;) {
    const Fiber& f = m.fibers[id];
    const auto same = [&](const Fiber& g) {
      return f.done == g.done &&
             (f.done || (f.reason.what == g.reason.what && f.word == g.word && f.value == g.value));
    };
    int end = id + 1;
    while (end < m.threads && same(m.fibers[end])) end++;
    n += static_cast<size_t>(
        snprintf(text + n, sizeof text - n, "\n  threads %d..%d ", id, end - 1));
    if (f.done)
      n += static_cast<size_t>(snprintf(text + n, sizeof text - n, "have ended"));
    else
      n += static_cast<size_t>(snprintf(text + n, sizeof text - n, "wait: %s (%u, %u)",
                                        f.reason.what, f.reason.object, f.reason.detail));
    id = end;
  }
  m.current = nullptr;
  m.failed = true;
  snprintf(m.error, sizeof m.error, "CTA (%u, %u, %u): deadlock%s", m.block.x, m.block.y, m.block.z,
           text);
}

inline void reset_cta() {
  Machine& m = machine;
  memset(m.shared, 0xff, static_cast<size_t>(m.shared_bytes) + 1024);  // NaN in every type
  const int warps = (m.threads + kWarp - 1) / kWarp;
  for (int w = 0; w < warps; w++) {
    m.warps[w] = {};
    m.warps[w].size = m.threads - w * kWarp < kWarp ? m.threads - w * kWarp : kWarp;
    m.warp_order[w] = w;
  }
  u32 random = m.seed;
  for (int w = warps; m.seed && w-- > 1;) {
    random = random * 1664525u + 1013904223u;
    const int other = static_cast<int>((random >> 8) % static_cast<u32>(w + 1));
    const int t = m.warp_order[w];
    m.warp_order[w] = m.warp_order[other], m.warp_order[other] = t;
  }
  for (Group& g : m.warpgroups) g = {}, g.size = 128;
  for (Barrier& b : barriers) b = {};
  if (start_cta) start_cta();
  m.running = m.threads;
  for (int id = 0; id < m.threads; id++) {
    Fiber& f = m.fibers[id];
    f.stack = make_stack(stacks->of(id), fiber_main);
    f.id = id, f.done = false, f.word = nullptr;
    f.copies.clear(), f.copy_groups.clear(), f.products.clear();
    f.fenced = false;
    for (Accumulator& a : f.saved) a.users = 0;
  }
}

inline void run_cta() {
  Machine& m = machine;
  reset_cta();
  while (m.running > 0 && !m.failed) {
    m.current = nullptr;
    Fiber* next = next_fiber();
    if (next) {
      m.current = next;
      switch_stack(&m.scheduler, next->stack);
    } else if (!complete_something || !complete_something()) {
      return describe_deadlock();
    }
  }
  for (int k = 0; k < 1024 && !m.failed; k++)
    if (m.shared[m.shared_bytes + k] != 0xff) {
      m.current = nullptr;
      m.failed = true;
      snprintf(m.error, sizeof m.error,
               "CTA (%u, %u, %u) wrote behind its %d bytes of shared memory", m.block.x, m.block.y,
               m.block.z, m.shared_bytes);
    }
}

/// Null when all went well, else what went wrong.
inline const char* run_grid(const EmulatedLaunch& launch) {
  Machine& m = machine;
  m.failed = false;
  m.current = nullptr;
  if (launch.threads < 1 || launch.threads > kMaxThreads || launch.shared_bytes < 0 ||
      launch.shared_bytes > kSharedBytes)
    return "no CTA has so many threads or so much shared memory";
  m.threads = launch.threads, m.shared_bytes = launch.shared_bytes, m.seed = launch.seed;
  m.grid = {launch.grid[0], launch.grid[1], launch.grid[2]};
  const FaultHandler handler;
  Stacks memory(m.threads);
  stacks = &memory;
  for (m.block.z = 0; m.block.z < m.grid.z; m.block.z++)
    for (m.block.y = 0; m.block.y < m.grid.y; m.block.y++)
      for (m.block.x = 0; m.block.x < m.grid.x; m.block.x++) {
        run_cta();
        if (m.failed) return m.error;
      }
  return nullptr;
}

inline const void* kernel_params;

template <class Params, void (*Kernel)(Params)>
inline void call_kernel() {
  Kernel(*static_cast<const Params*>(kernel_params));
}

template <class Params>
struct ParamsOf;
template <class P>
struct ParamsOf<void (*)(P)> {
  using type = P;
};

}  // namespace emulator

/// The entry point that the host finds in the compiled kernel.
#define EMULATED_ENTRY(kernel)                                                       \
  extern "C" __attribute__((visibility("default"))) const char* flashlight_emulate(  \
      const EmulatedLaunch* launch) {                                                \
    emulator::kernel_params = launch->params;                                        \
    emulator::kernel_body =                                                          \
        emulator::call_kernel<emulator::ParamsOf<decltype(&kernel)>::type, &kernel>; \
    return emulator::run_grid(*launch);                                              \
  }
