// How a Stream runs: a plain value, separate from what it computes. Nothing here is specific to a
// back end; a back end reads the fields it has a use for.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/program.h"

namespace flashlight::tile {

/// What is known of a tensor's strides when a kernel is made. Elements, per dimension. Joined: of
/// constant extents, the next one's times its stride.
enum class StrideClass : uint8_t { Any, Zero, One, Joined };

/// What a kernel is made for: extents that are fixed (inner axes), layouts. Part of the key under
/// which a compiled kernel is kept.
struct Specialization {
  ir::Bindings fixed;                                       // symbol -> value
  std::map<std::string, std::vector<StrideClass>> strides;  // tensor -> class per dimension
  std::set<std::string>
      aligned;  // tensors whose base and strides (but 1) are multiples of 16 bytes
  std::set<std::string> half_aligned;  // tensors of narrow rows (joined dimensions): of 8 bytes
  bool tf32 = false;                   // products of F32 may round their operands to tf32
  friend bool operator==(const Specialization&, const Specialization&) = default;
};

/// Facts of the machine that the resource model needs.
struct Target {
  std::string name;       // "avx2", "avx512", later "sm_90a" ...
  int vector_bytes = 32;  // SIMD width (CPU)
  int vector_registers = 16;
  int64_t l1_bytes = 32 << 10;
  int64_t l2_bytes = 512 << 10;
  int64_t shared_bytes = 0;  // of a CTA at most (GPU)
  int multiprocessors = 0;   // (GPU)
  friend bool operator==(const Target&, const Target&) = default;
};

struct Schedule {
  int64_t row_tile = 192;   // rows of the tiled axis per unit of work, at most
  int64_t loop_tile = 128;  // columns per step of the loop, a multiple of panel
  int64_t panel = 16;       // columns per packed panel (registers: micro-kernel width)
  int micro_rows = 6;       // register block of contractions: rows x vectors
  int micro_vectors = 2;
  int64_t value_step = 64;              // loop elements per call of a value contraction
  std::string path;                     // GPU: "hopper", "tensor_core" or "simt", see codegen/cuda
  int warps = 4;                        // GPU: those that compute
  int stages = 2;                       // GPU: tiles of loop operands in flight
  int row_buffers = 2;                  // GPU: row operands of so many units at a time
  int teams = 1;                        // GPU: of `warps` each, in a CTA, with units of their own
  std::vector<std::string> whole_rows;  // row axes (constant extents) that lie whole in a tile
  friend bool operator==(const Schedule&, const Schedule&) = default;
};

}  // namespace flashlight::tile
