// Twins of the functions of ptx.cuh and convert.cuh.
#pragma once
#include "emulate_cuda.cuh"

inline u32 smem_addr(const void* p) {
  const auto* byte = static_cast<const unsigned char*>(p);
  emulator::Machine& m = emulator::machine;
  if (byte < m.shared || byte > m.shared + m.shared_bytes)
    emulator::fail("smem_addr of a pointer that is not into the dynamic shared memory");
  return emulator::kSharedBase + static_cast<u32>(byte - m.shared);
}

// ---- conversions
inline Bf16 to_bf16(float x) {
  const u32 u = __float_as_uint(x);
  if ((u & 0x7fffffff) > 0x7f800000) return {0x7fff};
  return {static_cast<u16>((u + 0x7fff + ((u >> 16) & 1)) >> 16)};
}
inline float to_float(F16 x) { return static_cast<float>(emulator::bits<_Float16>(x.bits)); }
inline F16 to_f16(float x) { return {emulator::bits<u16>(static_cast<_Float16>(x))}; }
inline u32 pack_bf16(float low, float high) {
  return to_bf16(low).bits | static_cast<u32>(to_bf16(high).bits) << 16;
}
inline u32 pack_f16(float low, float high) {
  return to_f16(low).bits | static_cast<u32>(to_f16(high).bits) << 16;
}
inline u32 to_tf32(float x) { return (__float_as_uint(x) + 0x1000) & 0xffffe000; }

inline float exp2_fast(float x) { return exp2f(x); }
inline float log2_fast(float x) { return log2f(x); }
inline float tanh_fast(float x) { return tanhf(x); }
inline float rcp_fast(float x) { return 1.f / x; }
inline int warp_uniform(int x) { return __shfl_sync(~0u, x, 0); }

// ---- shared memory by address
namespace emulator {
template <class T>
inline T load_shared(u32 address, const char* who) {
  T x;
  memcpy(&x, shared_at(address, sizeof x, sizeof x, who), sizeof x);
  return x;
}
template <class T>
inline void store_shared(u32 address, const T& x, const char* who) {
  memcpy(shared_at(address, sizeof x, sizeof x, who), &x, sizeof x);
}

/// 0xff is a NaN in every float type.
inline void copy_later(u32 dst, const void* src, int src_bytes, int bytes) {
  if (src_bytes < 0 || src_bytes > bytes) fail("cp_async of %d of %d bytes", src_bytes, bytes);
  const u32 n = static_cast<u32>(bytes);
  if (src_bytes > 0 && reinterpret_cast<uintptr_t>(src) % n != 0)
    fail("cp_async%d from %p, which is no multiple of it", bytes, src);
  memset(shared_at(dst, n, n, "cp_async"), 0xff, n);
  machine.current->copies.push({dst, src, src_bytes, bytes});
}
}  // namespace emulator

inline u16 lds16(u32 a) { return emulator::load_shared<u16>(a, "lds16"); }
inline u32 lds32(u32 a) { return emulator::load_shared<u32>(a, "lds32"); }
inline Pair lds64(u32 a) { return emulator::load_shared<Pair>(a, "lds64"); }
inline Quad lds128(u32 a) { return emulator::load_shared<Quad>(a, "lds128"); }
inline void sts16(u32 a, u16 x) { emulator::store_shared(a, x, "sts16"); }
inline void sts32(u32 a, u32 x) { emulator::store_shared(a, x, "sts32"); }
inline void sts64(u32 a, Pair x) { emulator::store_shared(a, x, "sts64"); }
inline void sts128(u32 a, Quad x) { emulator::store_shared(a, x, "sts128"); }

inline void store16(void* p, Quad x) { *static_cast<Quad*>(p) = x; }
inline void keep_branch() {}

// ---- cp.async
inline void cp_async16(u32 dst, const void* src, int n) { emulator::copy_later(dst, src, n, 16); }
inline void cp_async16(u32 dst, const void* src) { emulator::copy_later(dst, src, 16, 16); }
inline void cp_async8(u32 dst, const void* src, int n) { emulator::copy_later(dst, src, n, 8); }
inline void cp_async4(u32 dst, const void* src, int n) { emulator::copy_later(dst, src, n, 4); }

inline void prefetch_l2(const void*) {}
inline void cp_async_commit() {
  emulator::Fiber& f = *emulator::machine.current;
  size_t grouped = 0;
  for (size_t n : f.copy_groups) grouped += n;
  f.copy_groups.push(f.copies.size - grouped);
}
template <int Pending>
inline void cp_async_wait() {
  emulator::Fiber& f = *emulator::machine.current;
  size_t done = 0;
  for (; f.copy_groups.size > Pending; f.copy_groups.erase(0, 1)) done += f.copy_groups[0];
  for (size_t k = 0; k < done; k++) {
    const emulator::PendingCopy& c = f.copies[k];
    unsigned char* dst = emulator::machine.shared + (c.dst - emulator::kSharedBase);
    memset(dst, 0, static_cast<size_t>(c.bytes));
    if (c.src_bytes > 0) memcpy(dst, c.src, static_cast<size_t>(c.src_bytes));
  }
  f.copies.erase(0, done);
}

// ---- ldmatrix
namespace emulator {

struct MatrixAccess {
  u32* r;
  u32 address;
};

template <int Count, bool Trans, bool Store>
inline void move_matrices(void** arguments) {
  for (int i = 0; i < Count; i++) {
    u16* rows[8];
    for (int r = 0; r < 8; r++) {
      const u32 address = static_cast<MatrixAccess*>(arguments[8 * i + r])->address;
      rows[r] = reinterpret_cast<u16*>(shared_at(address, 16, 16, Store ? "stmatrix" : "ldmatrix"));
    }
    for (int lane = 0; lane < kWarp; lane++) {
      auto* half = reinterpret_cast<u16*>(&static_cast<MatrixAccess*>(arguments[lane])->r[i]);
      for (int e = 0; e < 2; e++) {
        const int line = lane / 4, other = 2 * (lane % 4) + e;
        u16& cell = Trans ? rows[other][line] : rows[line][other];
        if (Store)
          cell = half[e];
        else
          half[e] = cell;
      }
    }
  }
}

template <int Count, bool Trans, bool Store = false>
inline void matrices(const char* name, u32* r, u32 address) {
  MatrixAccess access{r, address};
  warp_together(name, move_matrices<Count, Trans, Store>, &access);
}

}  // namespace emulator

inline void ldmatrix4(u32* r, u32 address) {
  emulator::matrices<4, false>("ldmatrix4", r, address);
}
inline void ldmatrix4_trans(u32* r, u32 address) {
  emulator::matrices<4, true>("ldmatrix4_trans", r, address);
}
inline void ldmatrix2(u32* r, u32 address) {
  emulator::matrices<2, false>("ldmatrix2", r, address);
}
inline void ldmatrix2_trans(u32* r, u32 address) {
  emulator::matrices<2, true>("ldmatrix2_trans", r, address);
}
