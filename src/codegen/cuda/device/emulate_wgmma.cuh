// wgmma: issued products are done when their group is waited for, so that whatever happens to
// their operands too early, or to their results too soon, shows. Accumulators under way are NaN.
#pragma once
#include "emulate_mma.cuh"
#include "emulate_sm90.cuh"

namespace emulator {

/// One operand in shared memory, as its descriptor says. See smem_desc in hopper.cuh.
struct Operand {
  u32 start, lead, step, swizzle;
  bool k_major;

  Operand(u64 desc, bool k_major) : k_major(k_major) {
    constexpr u32 kSwizzle[] = {0, 128, 64, 32};
    start = static_cast<u32>(desc & 0x3fff) << 4;
    lead = static_cast<u32>(desc >> 16 & 0x3fff) << 4;
    step = static_cast<u32>(desc >> 32 & 0x3fff) << 4;
    swizzle = kSwizzle[desc >> 62];
    if (desc & 0x3fffc000c000c000) fail("wgmma: descriptor %016llx has bits that must be 0", desc);
  }
  /// The 16 bytes that start with element (mn, k).
  template <class T>
  const T* piece(u32 mn, u32 k) const {
    constexpr u32 kBytes = sizeof(T);
    u32 a = start;
    if (k_major && swizzle)
      a += mn / 8 * step + mn % 8 * swizzle + k * kBytes;
    else if (k_major)
      a += mn / 8 * step + mn % 8 * 16 + k * kBytes / 16 * lead;
    else if (swizzle)
      a += mn * kBytes / swizzle * lead + mn * kBytes % swizzle + k / 8 * step + k % 8 * swizzle;
    else
      a += mn / 8 * step + k / 8 * lead + k % 8 * 16;
    return reinterpret_cast<const T*>(shared_at(swizzled(a, swizzle), 16, 16, "wgmma"));
  }
};

inline float element_value(Bf16 x) { return __uint_as_float(u32{x.bits} << 16); }
inline float element_value(F16 x) { return to_float(x); }
inline float element_value(Tf32 x) { return of_tf32(x.bits); }

template <class T>
constexpr int kDepth = 32 / static_cast<int>(sizeof(T));  // elements of k in a product

/// visit(mn, k, value) over `count` x kDepth<T> elements.
template <class T, class Visit>
inline void each_value(const Operand& operand, u32 count, const Visit& visit) {
  constexpr u32 kPiece = 16 / sizeof(T);
  const u32 mn_step = operand.k_major ? 1 : kPiece, k_step = operand.k_major ? kPiece : 1;
  for (u32 mn = 0; mn < count; mn += mn_step)
    for (u32 k = 0; k < u32{kDepth<T>}; k += k_step) {
      const T* p = operand.piece<T>(mn, k);
      for (u32 e = 0; e < kPiece; e++)
        visit(operand.k_major ? mn : mn + e, operand.k_major ? k + e : k, element_value(p[e]));
    }
}

/// The accumulator of a warpgroup, and how it lies in the threads.
template <int N>
struct Tile {
  alignas(32) float at[64][N];
  template <class Move>
  static void each(const Move& move) {  // move(thread, its register, row, column)
    for (int thread = 0; thread < 128; thread++)
      for (int i = 0; i < N / 2; i++)
        move(thread, i, thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8,
             i / 4 * 8 + thread % 4 * 2 + i % 2);
  }
};

template <class T>
inline void registers_of(void** threads, size_t product, float (&a)[64][kDepth<T>]) {
  for (int thread = 0; thread < 128; thread++) {
    const u32* regs = static_cast<Fiber*>(threads[thread])->products[product].a_regs;
    const int row = thread / 32 * 16 + thread % 32 / 4, t = thread % 4;
    for (int i = 0; i < 4; i++) {
      float* const line = a[row + i % 2 * 8];
      if constexpr (sizeof(T) == 4) {
        line[t + i / 2 * 4] = of_tf32(regs[i]);
      } else {
        for (int e = 0; e < 2; e++) line[2 * t + i / 2 * 8 + e] = half_of(regs[i], e, T{});
      }
    }
  }
}

/// Product number `product` of every thread. Its accumulator is first.saved.
template <int N, class T, bool BKMajor>
inline void run_wgmma(void** threads, size_t product) {
  constexpr int K = kDepth<T>;
  static Tile<N> c;
  static float a[64][K];
  static Row8 b[K][N / 8];
  const PendingProduct& p = static_cast<Fiber*>(threads[0])->products[product];
  if (p.a_regs)
    registers_of<T>(threads, product, a);
  else
    each_value<T>(Operand(p.a_desc, true), 64, [](u32 m, u32 k, float x) { a[m][k] = x; });
  each_value<T>(Operand(p.b_desc, BKMajor), N,
                [](u32 n, u32 k, float x) { b[k][n / 8][n % 8] = x; });
  const auto part = [&](int thread) {
    Fiber* f = static_cast<Fiber*>(threads[thread]);
    return f->saved[f->products[product].saved].values;
  };
  if (p.accumulate)
    Tile<N>::each([&](int thread, int i, int row, int n) { c.at[row][n] = part(thread)[i]; });
  for (int row = 0; row < 64; row++)
    for (int j = 0; j < N / 8; j++) {
      Row8 sum = {};
      if (p.accumulate) memcpy(&sum, &c.at[row][8 * j], sizeof sum);
      for (int k = 0; k < K; k++) sum += a[row][k] * b[k][j];
      memcpy(&c.at[row][8 * j], &sum, sizeof sum);
    }
  Tile<N>::each([&](int thread, int i, int row, int n) { part(thread)[i] = c.at[row][n]; });
}

/// The accumulator leaves the thread's registers until no product uses it.
inline int take_accumulator(Fiber& f, float* d, int size) {
  int free = -1;
  for (int k = 0; k < Fiber::kAccumulators; k++) {
    if (f.saved[k].users > 0 && f.saved[k].d == d) return f.saved[k].users++, k;
    if (f.saved[k].users == 0) free = k;
  }
  if (free < 0) fail("more than %d accumulators under way", Fiber::kAccumulators);
  Accumulator& s = f.saved[free];
  s.d = d, s.size = size, s.users = 1;
  memcpy(s.values, d, static_cast<size_t>(size) * sizeof *d);
  memset(d, 0xff, static_cast<size_t>(size) * sizeof *d);
  return free;
}

inline void issue(RunProduct run, float* d, int size, const u32* a_regs, u64 a_desc, u64 b_desc,
                  bool accumulate) {
  Fiber& f = *machine.current;
  if (!f.fenced) fail("wgmma: no wgmma_fence since the last wait, or since the start");
  const int saved = take_accumulator(f, d, size);
  f.products.push({run, a_regs, a_desc, b_desc, saved, accumulate});
}

struct Wait {
  Fiber* fiber;
  size_t pending;
};

/// All threads of the warpgroup are here: does the products of all groups but the newest ones.
inline void run_groups(void** waits) {
  void* threads[128];
  const auto* first = static_cast<const Wait*>(waits[0]);
  for (int t = 0; t < 128; t++) threads[t] = static_cast<Wait*>(waits[t])->fiber;
  const auto& leader = first->fiber->products;
  size_t groups = 0, end = 0;
  for (size_t k = 0; k < leader.size; k++) groups += leader[k].run == nullptr;
  for (size_t g = first->pending; g < groups; end++) g += leader[end].run == nullptr;
  for (int t = 0; t < 128; t++) {
    const auto& other = static_cast<Fiber*>(threads[t])->products;
    bool same =
        static_cast<const Wait*>(waits[t])->pending == first->pending && other.size == leader.size;
    for (size_t k = 0; same && k < leader.size; k++)
      same = other[k].run == leader[k].run && other[k].a_desc == leader[k].a_desc &&
             other[k].b_desc == leader[k].b_desc && other[k].accumulate == leader[k].accumulate;
    if (!same) fail("wgmma: thread %d of the warpgroup issued other products than thread 0", t);
  }
  for (size_t k = 0; k < end; k++)
    if (leader[k].run) leader[k].run(threads, k);
  for (void* thread : threads) {
    Fiber& f = *static_cast<Fiber*>(thread);
    for (size_t k = 0; k < end; k++) {
      if (!f.products[k].run) continue;
      Accumulator& s = f.saved[f.products[k].saved];
      if (--s.users == 0) memcpy(s.d, s.values, static_cast<size_t>(s.size) * sizeof *s.d);
    }
    f.products.erase(0, end);
  }
}

inline void wait_products(size_t pending) {
  Fiber& f = *machine.current;
  if ((f.id / 128 + 1) * 128 > machine.threads) fail("wgmma by a part of a warpgroup");
  f.fenced = false;
  Wait wait{&f, pending};
  together(machine.warpgroups[f.id / 128], f.id % 128, "wgmma_wait", run_groups, &wait);
}

}  // namespace emulator

inline void wgmma_fence() { emulator::machine.current->fenced = true; }
inline void wgmma_commit() { emulator::machine.current->products.push({}); }
template <int Pending>
inline void wgmma_wait() {
  emulator::wait_products(Pending);
}

/// One instruction: d[64 x N] (+)= a[64 x K] b[K x N] of a warpgroup, K = 16 (tf32: 8);
/// asynchronous. With g = lane / 4, t = lane % 4, d[4 j + e] of warp w is row 16 w + g + 8 (e / 2),
/// column 8 j + 2 t + e % 2.
///   ss(d, a, b): both by descriptor, both with k dense ("K-major");
///   ss_tn:       b with n dense (16-bit types only);
///   rs(d, regs, b), rs_tn: a in four registers, laid out as for mma.
/// d and regs must stay untouched until wgmma_wait.
template <int N, class T>
struct Wgmma {
  static_assert(N % 8 == 0 && N >= 8 && N <= 256);
  template <int Accumulate>
  static void ss(float (&d)[N / 2], u64 a, u64 b) {
    emulator::issue(emulator::run_wgmma<N, T, true>, d, N / 2, nullptr, a, b, Accumulate);
  }
  template <int Accumulate>
  static void ss_tn(float (&d)[N / 2], u64 a, u64 b) {
    static_assert(sizeof(T) == 2, "only 16-bit types may be n-major");
    emulator::issue(emulator::run_wgmma<N, T, false>, d, N / 2, nullptr, a, b, Accumulate);
  }
  template <int Accumulate>
  static void rs(float (&d)[N / 2], const u32* a, u64 b) {
    emulator::issue(emulator::run_wgmma<N, T, true>, d, N / 2, a, 0, b, Accumulate);
  }
  template <int Accumulate>
  static void rs_tn(float (&d)[N / 2], const u32* a, u64 b) {
    static_assert(sizeof(T) == 2, "only 16-bit types may be n-major");
    emulator::issue(emulator::run_wgmma<N, T, false>, d, N / 2, a, 0, b, Accumulate);
  }
};
