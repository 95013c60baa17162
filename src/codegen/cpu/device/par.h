// Threads and memory of one call.
//   parallel(tasks, f)   f(thread) on every thread of the OpenMP pool that the host (PyTorch) has,
//   or
//                        on this one alone where there is one task; returns when all have. f must
//                        not throw
//   max_threads()        how many threads parallel() may use: sizes per-thread buffers
//   Counter c; c.take(n) the next n units of work for this thread: returns the first of them
//   Ftz                  while alive, this thread flushes denormals (a denormal operand costs an
//                        assist of 100+ cycles). Restores what was set before
//   Buffer(bytes)        64-byte aligned memory that lives as long as the object
//   thread_scratch(n)    >= n bytes, 64-byte aligned, kept for this thread's next call. Contents
//   are
//                        whatever the last user left; a further call may move it
// NOTE: GOMP_parallel is called directly, with no <omp.h> and no -fopenmp: code of any compiler
// joins the one pool, and torch.set_num_threads is obeyed.
#pragma once
#include "types.h"

extern "C" {
void GOMP_parallel(void (*)(void*), void*, unsigned, unsigned);
int omp_get_thread_num();
int omp_get_max_threads();
void* aligned_alloc(fl::usize, fl::usize);
void free(void*);
}

namespace fl {

FL_INLINE int max_threads() { return omp_get_max_threads(); }

// NOTE: not on as many threads as there are tasks: libgomp ends those that it does not need
template <class F>
FL_INLINE void parallel(i64 tasks, F&& f) {
  if (tasks <= 1) return f(omp_get_thread_num());
  typedef decltype(&f) Body;
  GOMP_parallel([](void* p) { (*(Body)p)(omp_get_thread_num()); }, (void*)&f, 0, 0);
}

struct Counter {
  i64 next = 0;
  i64 take(i64 n = 1) { return __atomic_fetch_add(&next, n, __ATOMIC_RELAXED); }
};

struct Ftz {
#if defined(__SSE2__)
  unsigned before = __builtin_ia32_stmxcsr();
  Ftz() { __builtin_ia32_ldmxcsr(before | 0x8040); }  // flush to zero, denormals are zero
  ~Ftz() { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
  u64 before;
  Ftz() {
    asm volatile("mrs %0, fpcr" : "=r"(before));
    asm volatile("msr fpcr, %0" ::"r"(before | 1ull << 24));
  }
  ~Ftz() { asm volatile("msr fpcr, %0" ::"r"(before)); }
#else
  Ftz() {}
  ~Ftz() {}
#endif
  Ftz(const Ftz&) = delete;
};

FL_INLINE usize padded_bytes(usize bytes) { return (bytes + 4095) / 4096 * 4096; }

struct Buffer {
  void* p;
  explicit Buffer(usize bytes) : p(aligned_alloc(4096, padded_bytes(bytes + 1))) {
    if (!p) __builtin_trap();
  }
  ~Buffer() { free(p); }
  Buffer(const Buffer&) = delete;
  template <class T>
  T* as() {
    return (T*)p;
  }
};

struct ThreadScratch {
  void* p = nullptr;
  usize bytes = 0;
  ~ThreadScratch() { free(p); }
};
static inline void* thread_scratch(usize bytes) {
  static thread_local ThreadScratch own;
  if (own.bytes < bytes) {
    free(own.p);
    own.bytes = padded_bytes(bytes);
    own.p = aligned_alloc(4096, own.bytes);
    if (!own.p) __builtin_trap();
  }
  return own.p;
}

}  // namespace fl
