// Switching between stacks of one host thread.
#pragma once
#include <sys/mman.h>

#include <stddef.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulator {

constexpr size_t kStackBytes = 256 << 10;  // touched pages only are real

#if defined(__x86_64__)

using StackPointer = void*;

// Saves what a function must keep on the stack, stores its pointer, takes up the other stack. No
// system call, unlike swapcontext, which sets the signal mask.
extern "C" __attribute__((visibility("hidden"))) void flashlight_switch_stack(StackPointer* save,
                                                                              StackPointer load);
asm(R"(
.text
.p2align 4
.globl flashlight_switch_stack
.hidden flashlight_switch_stack
.type flashlight_switch_stack, @function
flashlight_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size flashlight_switch_stack, .-flashlight_switch_stack
)");

inline void switch_stack(StackPointer* save, StackPointer load) {
  flashlight_switch_stack(save, load);
}

/// A stack that runs `body`, which must not return, when it is switched to.
inline StackPointer make_stack(char* memory, void (*body)()) {
  void** top = reinterpret_cast<void**>(memory + kStackBytes);
  *--top = nullptr;  // body finds its return address at 8 modulo 16, as after a call
  *--top = reinterpret_cast<void*>(body);
  for (int k = 0; k < 6; k++) *--top = nullptr;
  return top;
}

#else

using StackPointer = ucontext_t*;

inline void switch_stack(StackPointer* save, StackPointer load) {
  ucontext_t here;
  *save = &here;
  swapcontext(&here, load);
}

inline StackPointer make_stack(char* memory, void (*body)()) {
  auto* context = reinterpret_cast<ucontext_t*>(memory);  // at the far end of the stack
  getcontext(context);
  context->uc_stack.ss_sp = memory + sizeof(ucontext_t);
  context->uc_stack.ss_size = kStackBytes - sizeof(ucontext_t);
  context->uc_link = nullptr;
  makecontext(context, body, 0);
  return context;
}

#endif

/// The stacks of one launch, each above a page that must not be touched.
class Stacks {
 public:
  explicit Stacks(int count) : bytes_(static_cast<size_t>(count) * kStep) {
    memory_ = static_cast<char*>(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (size_t at = 0; at < bytes_; at += kStep) mprotect(memory_ + at, kGuard, PROT_NONE);
  }
  ~Stacks() { munmap(memory_, bytes_); }
  Stacks(const Stacks&) = delete;
  char* of(int id) const { return memory_ + static_cast<size_t>(id) * kStep + kGuard; }

 private:
  static constexpr size_t kGuard = 4096, kStep = kStackBytes + kGuard;
  size_t bytes_;
  char* memory_;
};

}  // namespace emulator
