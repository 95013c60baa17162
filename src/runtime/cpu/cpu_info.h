#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flashlight::runtime::cpu {

/** The instruction sets that kernels are compiled for, worst first: "generic" (16-byte vectors of
 * the compiler's baseline: SSE2, NEON), "avx2" (with FMA and F16C), "avx512" (F, VL, BW, DQ). */
const std::vector<std::string>& known_isas();

/** Whether this machine and its operating system can run `isa`. */
bool isa_supported(const std::string& isa);

/** The best supported one, or FLASHLIGHT_ISA. Throws CompileError when that is unknown or when this
 *  machine cannot run it. */
std::string host_isa();

/** Compiler flags of `isa`. */
std::vector<std::string> isa_flags(const std::string& isa);

/** What the resource model needs of `isa`. */
struct VectorUnit {
  int bytes = 16;
  int registers = 16;
};
VectorUnit vector_unit(const std::string& isa);

/** Data cache sizes in bytes of one core, as the system reports them; usual sizes where it does
 * not. */
struct CacheSizes {
  int64_t l1 = 32 << 10;
  int64_t l2 = 512 << 10;
  int64_t l3 = 8 << 20;
};
CacheSizes cache_sizes();

}  // namespace flashlight::runtime::cpu
