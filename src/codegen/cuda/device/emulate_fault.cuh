// A kernel that touches memory it must not touch ends the launch with a text, as other errors do.
#pragma once
#include <signal.h>
#include <ucontext.h>

#include "emulate_core.cuh"

namespace emulator {

static void* fault_address;

[[noreturn]] inline void report_fault() {
  fail("reads or writes global memory that is not its own, at %p (or its stack overflowed)",
       fault_address);
}

#if defined(__x86_64__) && defined(__linux__)

/// While it lives, SIGSEGV and SIGBUS of this thread go on in report_fault on a spare stack.
class FaultHandler {
 public:
  FaultHandler() {
    static char memory[64 << 10];
    stack_t stack = {};
    stack.ss_sp = memory, stack.ss_size = sizeof memory;
    sigaltstack(&stack, &old_stack_);
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &old_segv_);
    sigaction(SIGBUS, &action, &old_bus_);
  }
  ~FaultHandler() {
    sigaction(SIGSEGV, &old_segv_, nullptr);
    sigaction(SIGBUS, &old_bus_, nullptr);
    sigaltstack(&old_stack_, nullptr);
  }
  FaultHandler(const FaultHandler&) = delete;

 private:
  static void on_fault(int, siginfo_t* info, void* context) {
    alignas(16) static char spare[32 << 10];
    fault_address = info->si_addr;
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    registers[REG_RSP] = reinterpret_cast<greg_t>(spare + sizeof spare - 8);
    registers[REG_RIP] = reinterpret_cast<greg_t>(&report_fault);
  }

  stack_t old_stack_ = {};
  struct sigaction old_segv_ = {}, old_bus_ = {};
};

#else
struct FaultHandler {
  FaultHandler() {}
};
#endif

}  // namespace emulator
