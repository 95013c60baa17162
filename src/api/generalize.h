// Constant lengths become symbols, so that one kernel serves every static shape of a function.
#pragma once
#include <cstdint>
#include <vector>

#include "ir/program.h"

namespace flashlight::api {

/// `program` with `values` for its last symbols is the program that it was made of. Two programs
/// that differ in such lengths alone become equal (but for hints).
struct General {
  ir::Program program;
  std::vector<int64_t> values;  // of the symbols that were added, in order
};

/// Lifts constant extents of at least `least` wherever tensors are indexed by whole axes there.
/// Needs: canonicalize has run.
General generalize(const ir::Program& program, int64_t least = 16);

}  // namespace flashlight::api
