// setmaxnreg: warpgroups give back registers and take more, of what the CTA was started with.
#pragma once
#include "emulate_core.cuh"

namespace emulator {

/// Per thread in each warpgroup, and those that nobody has. `releases` counts, for those who wait.
struct Registers {
  int held[kMaxThreads / 128];
  int free = 0;
  u32 releases = 0;
};
static Registers registers;

/// A kernel that uses setmaxnreg is compiled for one CTA of a multiprocessor: it starts with an
/// even share of 65536.
inline int registers_at_launch(int threads) {
  const int share = 65536 / threads / 8 * 8;
  return share > 256 ? 256 : share;
}

inline void reset_registers() {
  registers.free = 0;
  for (int& held : registers.held) held = registers_at_launch(machine.threads);
}

template <int Count>
inline void take_registers(void**) {
  Registers& r = registers;
  int& held = r.held[thread_id() / 128];
  const int more = 128 * (Count - held);
  if (more < 0) fail("regs_grow<%d> of a warpgroup that has %d", Count, held);
  while (r.free < more)
    wait_while(&r.releases, r.releases,
               {"regs_grow (registers that it needs, that are free)", static_cast<u32>(more),
                static_cast<u32>(r.free)});
  r.free -= more, held = Count;
}

template <int Count>
inline void give_registers(void**) {
  Registers& r = registers;
  int& held = r.held[thread_id() / 128];
  if (Count > held) fail("regs_shrink<%d> of a warpgroup that has %d", Count, held);
  r.free += 128 * (held - Count), held = Count;
  r.releases++;
}

inline void warpgroup_registers(const char* name, void (*run)(void**)) {
  const int id = thread_id();
  if (machine.threads % 128 != 0) fail("%s in a CTA of %d threads", name, machine.threads);
  together(machine.warpgroups[id / 128], id % 128, name, run, nullptr);
}

}  // namespace emulator

template <int Count>
inline void regs_grow() {
  static_assert(Count % 8 == 0 && Count >= 24 && Count <= 256);
  emulator::warpgroup_registers("regs_grow", emulator::take_registers<Count>);
}
template <int Count>
inline void regs_shrink() {
  static_assert(Count % 8 == 0 && Count >= 24 && Count <= 256);
  emulator::warpgroup_registers("regs_shrink", emulator::give_registers<Count>);
}
