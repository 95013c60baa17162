// Tensor-level program -> reductions and outputs only: every pointwise value is inlined into its
// users, indices are simplified, and axes are atomic (no floor division or modulo of an axis is
// left where the axis can be split instead), so that all spellings of one computation agree.
// Needs: a verified program. Before: stream. Idempotent.
// Read tests/unit/transform/canonicalize_test.cpp.
#pragma once
#include "ir/program.h"

namespace flashlight::transform {

ir::Program canonicalize(const ir::Program& program);

}  // namespace flashlight::transform
