// Operands on their way to shared memory.
#pragma once
#include "codegen/cuda/text.h"

namespace flashlight::codegen::cuda {

/// Where an operand lies and how its rows are spaced, in bytes.
struct Location {
  std::string base;  // u32 text of its first row
  int64_t pitch;
};

/// Loads `count` rows from row `first` (texts: an int) to `to` by `threads` threads of which this
/// is number `thread`. Rows and columns out of range become zeros. Asynchronous where rows are
/// copied: cp.async, not committed.
void print_load(Writer& out, const Plan& plan, const Operand& o, const Place& place,
                const std::string& first, const std::string& end, int64_t count, const Location& to,
                const std::string& thread, int threads);

}  // namespace flashlight::codegen::cuda
