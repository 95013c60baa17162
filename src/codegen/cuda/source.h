// What the CUDA emitter hands to the runtime: text, and everything a launch needs to know.
//
// The kernel has one parameter, `const __grid_constant__ Params p`, which every kernel lays out
// alike, so that one launcher serves all of them:
//   TensorMap maps[n];        // 128 bytes each, 64-byte aligned: CUtensorMap, one per `maps`
//   unsigned long long words[m];
// words: data pointers (inputs, then outputs); strides of each of them, per dimension, in elements;
// values of the kernel's symbols in their order; if it has a counter, a pointer to two ints that
// are 0 between launches (the kernel sets them back) and belong to one launch at a time.
#pragma once
#include <string>
#include <vector>

#include "ir/node.h"

namespace flashlight::codegen::cuda {

/// A tensor as the copy engine (TMA) reads it: boxes of `box` elements, zeros out of range.
struct TensorMap {
  int tensor = 0;         // inputs, then outputs
  std::vector<int> dims;  // its dimensions from the innermost of the map; the first is unit-stride
  std::vector<int> box;   // elements per dimension of the map; the first spans <= swizzle bytes
  int swizzle = 128;      // bytes: 128, 64, 32, or 0 for none
};

struct Source {
  std::string entry, text;
  std::string arch;      // "sm_80", "sm_90a" ...: what it must be compiled for
  int threads = 128;     // of a CTA
  int shared_bytes = 0;  // dynamic shared memory of a CTA
  int ctas_per_sm = 0;   // persistent: no more of them; 0: one for each unit
  ir::Expr units;        // Int, over Symbols: CTAs that have work
  bool counter = false;  // of units that were claimed
  /// Global memory that each CTA of the grid needs, at blockIdx.x times so many bytes from a
  /// pointer (256-byte aligned) that is one more word after the symbols. 0: none, and no word.
  int64_t workspace_bytes = 0;
  std::vector<TensorMap> maps;
  /// For people, one line each: roles, which shortcuts apply, and why others do not.
  std::vector<std::string> notes;
};

}  // namespace flashlight::codegen::cuda
