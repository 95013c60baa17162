// Which parts of a program become kernels of ours, and why the rest does not.
//
// A region grows from a computation that pairs two axes no operand has together (a score matrix):
// everything that still has both axes, the reductions that remove one of them, and what lies
// between. It is worth a kernel when the paired value is larger than its operands, or when it is
// normalised (read more than once). Cheap producers and pointwise consumers come along.
// Sizes are judged by hints, legality by the transforms themselves.
// Read tests/unit/transform/discover_test.cpp.
#pragma once
#include <string>
#include <vector>

#include "ir/program.h"

namespace flashlight::transform {

/// A sub-program; its inputs and outputs are named as in the whole. `order` of outputs is empty.
struct Region {
  ir::Program program;
  std::vector<std::string> computations;  // of the whole program, that it replaces
};

struct Left {
  std::string computation;
  std::string reason;
};

struct Discovery {
  std::vector<Region> regions;
  std::vector<Left> left;  // paired values that stay with the host compiler
};

/// `packs`: kernels make an operand of their loop once for all rows, as they do on a CPU. Else one
/// that is computed, for many rows, is left to whoever makes the region's inputs.
Discovery discover(const ir::Program& program, bool packs = true);

}  // namespace flashlight::transform
