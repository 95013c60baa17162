// One function, one instruction (or one idiom) of NVIDIA GPUs from sm_80 on. Nothing here knows
// about attention. Addresses of shared memory are u32 (smem_addr). Every function has a twin of the
// same name in emulate_sm80.cuh.
//
// Arrays that live in registers are passed by pointer: all is inlined, so that &acc[4 * j] with a
// constant j stays in registers.
#pragma once
#include "types.cuh"
//
#include "convert.cuh"
#ifndef FLASHLIGHT_EMULATE

DEVICE u32 smem_addr(const void* p) { return (u32)__cvta_generic_to_shared(p); }

// ---- asynchronous copies from global to shared memory, in groups that complete in order

/// 16 bytes; those past `src_bytes` (0..16) become zero and are not read. Both ends aligned to 16.
DEVICE void cp_async16(u32 dst, const void* src, int src_bytes) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(dst), "l"(src),
               "r"(src_bytes)
               : "memory");
}
DEVICE void cp_async16(u32 dst, const void* src) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(dst), "l"(src)
               : "memory");
}
/// 8 and 4 bytes, for rows that are aligned no better.
DEVICE void cp_async8(u32 dst, const void* src, int src_bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(dst), "l"(src), "r"(src_bytes)
               : "memory");
}
DEVICE void cp_async4(u32 dst, const void* src, int src_bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(dst), "l"(src), "r"(src_bytes)
               : "memory");
}
DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Until at most `Pending` of this thread's newest groups are under way.
template <int Pending>
DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

// ---- 8x8 matrices of 16-bit elements. Lane 8 i + r names row r (16 bytes) of matrix i; register i
// of lane l gets elements 2 (l % 4) and the next of row l / 4 (_trans: of column l / 4).

DEVICE void ldmatrix4(u32* r, u32 addr) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(addr)
               : "memory");
}
DEVICE void ldmatrix4_trans(u32* r, u32 addr) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(addr)
               : "memory");
}
DEVICE void ldmatrix2(u32* r, u32 addr) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(addr)
               : "memory");
}
DEVICE void ldmatrix2_trans(u32* r, u32 addr) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(addr)
               : "memory");
}

// ---- d[16 x 8] += a b. With g = lane / 4, t = lane % 4, d[i] is row g + 8 (i / 2), column
// 2 t + i % 2. 16-bit types: a[16 x 16], register i holds columns 2 t + 8 (i / 2) and the next of
// row g + 8 (i % 2); b[16 x 8], b0 holds rows 2 t, 2 t + 1 of column g, b1 those 8 further down.

DEVICE void mma_bf16(float* d, const u32* a, u32 b0, u32 b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEVICE void mma_f16(float* d, const u32* a, u32 b0, u32 b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// a[16 x 8], register i: row g + 8 (i % 2), column t + 4 (i / 2); b[8 x 8], b0: row t, column g;
/// b1: row t + 4.
DEVICE void mma_tf32(float* d, const u32* a, u32 b0, u32 b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// ---- loads and stores by shared address

DEVICE u16 lds16(u32 addr) {
  u16 x;
  asm volatile("ld.shared.b16 %0, [%1];" : "=h"(x) : "r"(addr) : "memory");
  return x;
}
DEVICE void prefetch_l2(const void* at) { asm volatile("prefetch.global.L2 [%0];" ::"l"(at)); }
DEVICE u32 lds32(u32 addr) {
  u32 x;
  asm volatile("ld.shared.b32 %0, [%1];" : "=r"(x) : "r"(addr) : "memory");
  return x;
}
DEVICE Pair lds64(u32 addr) {
  Pair v;
  asm volatile("ld.shared.v2.b32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(addr) : "memory");
  return v;
}
DEVICE Quad lds128(u32 addr) {
  Quad v;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(addr)
               : "memory");
  return v;
}
DEVICE void sts16(u32 addr, u16 x) {
  asm volatile("st.shared.b16 [%0], %1;" ::"r"(addr), "h"(x) : "memory");
}
DEVICE void sts32(u32 addr, u32 x) {
  asm volatile("st.shared.b32 [%0], %1;" ::"r"(addr), "r"(x) : "memory");
}
DEVICE void sts64(u32 addr, Pair v) {
  asm volatile("st.shared.v2.b32 [%0], {%1, %2};" ::"r"(addr), "r"(v.x), "r"(v.y) : "memory");
}
DEVICE void sts128(u32 addr, Quad v) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(addr), "r"(v.x), "r"(v.y), "r"(v.z),
               "r"(v.w)
               : "memory");
}

DEVICE void store16(void* p, Quad v) {  // the compiler splits one that is stored under a condition
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(v.x), "r"(v.y), "r"(v.z),
               "r"(v.w)
               : "memory");
}

/// A branch that stays one: what follows in it is not done by selects.
DEVICE void keep_branch() { asm volatile(""); }

// ---- the special-function unit; relative errors about 2^-22 (tanh: absolute 2^-11)

DEVICE float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
DEVICE float log2_fast(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
DEVICE float tanh_fast(float x) {
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
DEVICE float rcp_fast(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// ---- barriers of a part of the CTA; id 1..15 (0 is __syncthreads), threads a multiple of 32

DEVICE void named_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
/// Counts, but does not wait.
DEVICE void named_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/// The same value in every lane, told to the compiler: branches on it do not diverge.
DEVICE int warp_uniform(int x) { return __shfl_sync(~0u, x, 0); }

#endif
