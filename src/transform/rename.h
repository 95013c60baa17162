// Names by position, so that equal computations have equal texts wherever they stood in a graph:
// layers of a model share kernels, in a process and on disk. Inputs become in0.., symbols size0..,
// reductions dot0, max0, sum0 .. by what they are, outputs (and other pointwise values) out0 ...
// Needs: a verified program. Before: stream. Idempotent. Read tests/unit/transform/rename_test.cpp.
#pragma once
#include <map>
#include <string>

#include "ir/program.h"

namespace flashlight::transform {

struct Renamed {
  ir::Program program;
  std::map<std::string, std::string> original;  // new name of an input or computation -> old one
};

/// The same inputs, symbols, computations and outputs in the same order under new names. Names of
/// axes stay: canonicalize has made them by position.
Renamed rename(const ir::Program& program);

}  // namespace flashlight::transform
