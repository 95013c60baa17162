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

/// Whether what is copied still has to be rounded, and that: each thread what it has copied itself,
/// which therefore needs no barrier before.
bool is_rounded(const Operand& o);
void print_round(Writer& out, const Operand& o, int64_t count, const Location& to,
                 const std::string& thread, int threads);

/// Registers that a thread needs to have `count` rows under way; 0: they are copied.
int64_t words_of_thread(const Operand& o, int64_t count, int threads);

/// Declares them.
std::string words_text(const Operand& o, int64_t words);

/// Rows that are not copied, element by element: to registers <id>_next, from there to `to`, or
/// both.
enum class Phase : uint8_t { Fetch, Put, Both };
void print_elements(Writer& out, const Plan& plan, const Operand& o, const Place& place,
                    const std::string& first, const std::string& end, int64_t count,
                    const Location& to, const std::string& thread, int threads, Phase phase);

}  // namespace flashlight::codegen::cuda
