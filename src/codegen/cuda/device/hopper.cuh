// What sm_90a adds: barriers that count bytes, the copy engine (TMA), warpgroup control. One
// function, one instruction. The products themselves: warpgroup.cuh. Twins: emulate_sm90.cuh.
#pragma once
#include "ptx.cuh"

/// A CUtensorMap. Kernels get it inside their __grid_constant__ parameter and only pass it on.
struct alignas(64) TensorMap {
  u64 opaque[16];
};

/// Descriptor of an operand in shared memory. `swizzle` bytes: 128, 64, 32 or 0. With S = swizzle:
///   K-major: rows of S bytes, eight rows one below the other; step: bytes to the next eight rows
///     (8 S); lead unused (0: bytes between 16-byte columns). The next K elements: + 32 bytes.
///   n-major: S bytes of n, eight k one below the other; step: bytes to the next eight k; lead:
///     bytes to the next S bytes of n.
DEVICE u64 smem_desc(u32 addr, u32 lead_bytes, u32 step_bytes, int swizzle) {
  const u64 mode = swizzle == 128 ? 1 : swizzle == 64 ? 2 : swizzle == 32 ? 3 : 0;
  return (u64)((addr & 0x3ffff) >> 4) | ((u64)(lead_bytes >> 4) << 16) |
         ((u64)(step_bytes >> 4) << 32) | (mode << 62);
}
/// The descriptor of an operand `bytes` further on.
DEVICE u64 desc_advance(u64 desc, u32 bytes) { return desc + (u64)(bytes >> 4); }

#ifdef FLASHLIGHT_EMULATE
#include "emulate_sm90.cuh"
#include "emulate_wgmma.cuh"
#else

// ---- mbarrier: a phase ends when all arrivals and all announced bytes have come. A waiter names
// the parity of the phase that must have ended; the first phase has parity 0.

DEVICE void mbar_init(u32 bar, u32 arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bar), "r"(arrivals) : "memory");
}
/// After the last mbar_init, before the __syncthreads that publishes the barriers.
DEVICE void mbar_init_fence() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
DEVICE void mbar_arrive(u32 bar) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(bar) : "memory");
}
/// The address is found without a branch: it is that of other barriers of the stage.
DEVICE void mbar_arrive_if(bool arrives, u32 bar) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.u32 p, %0, 0;\n@p mbarrier.arrive.shared::cta.b64 _, [%1];\n}" ::
          "r"((u32)arrives),
      "r"(bar)
      : "memory");
}
/// Arrives, and announces bytes that copies will bring.
DEVICE void mbar_arrive_expect(u32 bar, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes)
               : "memory");
}
#define FLASHLIGHT_MBAR_ASK(name, instruction)                                    \
  DEVICE bool name(u32 bar, u32 parity) {                                         \
    u32 done;                                                                     \
    asm volatile("{\n.reg .pred p;\nmbarrier." instruction                        \
                 ".parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}" \
                 : "=r"(done)                                                     \
                 : "r"(bar), "r"(parity)                                          \
                 : "memory");                                                     \
    return done != 0;                                                             \
  }
FLASHLIGHT_MBAR_ASK(mbar_try_wait, "try_wait")  // may wait for a while
FLASHLIGHT_MBAR_ASK(mbar_test, "test_wait")
#undef FLASHLIGHT_MBAR_ASK
DEVICE void mbar_wait(u32 bar, u32 parity) {
  while (!mbar_try_wait(bar, parity)) {
  }
}

// ---- TMA: one thread copies a box; c0 is the element index along the dense dimension. What is out
// of range arrives as zeros and counts as bytes; on the way back it is not written.

DEVICE void tma_load_2d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%3, %4}], [%2];" ::"r"(dst),
      "l"(map), "r"(bar), "r"(c0), "r"(c1)
      : "memory");
}
DEVICE void tma_load_3d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1, int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%3, %4, %5}], [%2];" ::"r"(dst),
      "l"(map), "r"(bar), "r"(c0), "r"(c1), "r"(c2)
      : "memory");
}
DEVICE void tma_load_4d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1, int c2, int c3) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%3, %4, %5, %6}], [%2];" ::"r"(dst),
      "l"(map), "r"(bar), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
      : "memory");
}
DEVICE void tma_load_5d(u32 dst, const TensorMap* map, u32 bar, int c0, int c1, int c2, int c3,
                        int c4) {
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%3, %4, %5, %6, %7}], [%2];" ::"r"(dst),
      "l"(map), "r"(bar), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
      : "memory");
}
DEVICE void tma_store_4d(const TensorMap* map, u32 src, int c0, int c1, int c2, int c3) {
  asm volatile(
      "cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(
          map),
      "r"(src), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
      : "memory");
}
DEVICE void tma_store_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
/// Until at most `Pending` groups of this thread's stores still read shared memory.
template <int Pending>
DEVICE void tma_store_wait() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Pending) : "memory");
}
DEVICE void tma_prefetch_map(const TensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

// ---- warpgroups

/// Before the first product after registers of d or a were touched.
DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
/// Until at most `Pending` of the newest groups are under way.
template <int Pending>
DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
/// Registers per thread of this warpgroup from here on; all of its threads call it.
template <int Registers>
DEVICE void regs_grow() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}
template <int Registers>
DEVICE void regs_shrink() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}
/// What this thread wrote to shared memory is seen by TMA and wgmma after the next barrier.
DEVICE void fence_proxy_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/// True in one lane of a converged warp.
DEVICE bool elect_lane() {
  u32 elected;
  asm volatile("{\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\nselp.u32 %0, 1, 0, p;\n}"
               : "=r"(elected)::"memory");
  return elected != 0;
}

/// Four 8x8 matrices from registers to shared memory: ldmatrix4 backwards.
DEVICE void stmatrix4(u32 addr, const u32* r) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(addr),
               "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
               : "memory");
}
DEVICE void stmatrix4_trans(u32 addr, const u32* r) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(addr),
               "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
               : "memory");
}

#endif
