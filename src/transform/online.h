// Semantic fusion: reductions over one axis j that wait for each other become loops that carry
// states (design.md 4.3; the executable model is shared/algebra). One rule, no table of patterns:
//   F(j, M) = sum_t c_t(M) f_t(j, M),   f_t(j, r') = sum_s T_ts(r, r') f_s(j, r)
// The states are S_t = sum_j f_t(j, r) for any reference r; moving r is S <- T(r, r') S.
// Never refuses: a reduction that finds no finite closed set waits for another pass, in which
// earlier results are constants. Read tests/unit/transform/online_test.cpp.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ir/program.h"

namespace flashlight::transform {

/// value = op_j body; body is over `leaves` (Symbols that change with j) and Symbols named like
/// earlier reductions; every other Symbol is a constant of the loop.
struct Reduction {
  std::string name;
  ir::Reduce op;
  ir::Expr body;
  bool zeroed = false;  // see transform/zeroed.h
};

/// value = op_j body(j, references), exact for any value of the references.
///
/// Per block of the loop, in this order: add the block to the states without references; take each
/// reference to its target; move what the states with references held *before* this block; add the
/// block to them. Two rules stand in for guards in the expressions:
///   - while a reference equals an infinite `start`, no live element was seen: states that use it
///     are left alone (their value is 0), and r == r' never moves anything;
///   - in a move, a factor times a state that is 0 is 0, whatever the factor.
struct State {
  std::string name;
  ir::Reduce op;
  ir::Expr body;                         // over leaves, references, finals of earlier passes
  std::vector<std::string> references;   // those that body uses
  std::map<std::string, ir::Expr> move;  // state -> factor over Symbols r (old) and r' (new);
                                         // empty: nothing to do when a reference moves
};

/// Stands for a reduction inside the loop; follows it so that bodies stay bounded.
struct Reference {
  std::string name;
  std::string follows;  // the final whose true value it takes when the loop ends
  ir::Expr target;      // where it should be by now: over Symbols of states without references and
                        // Symbol "share" (seen part of the loop, in (0, 1])
  ir::Expr start;       // value before the first element; infinite, or any constant
};

struct Pass {
  std::vector<State> states;
  std::vector<Reference> references;
  /// In order: a name and its value over states, finals before it and constants. A state stands for
  /// its value at the true references, which are finals before it. Beside the reductions there are
  /// auxiliary ones that references follow (h0 = max(m, 0)).
  std::vector<std::pair<std::string, ir::Expr>> finals;
};

/// The passes, in order; each reduction is final in exactly one. A leaf of type Bool is a
/// condition. `positive`: names of constants and leaves known to be > 0.
std::vector<Pass> make_online(const std::vector<Reduction>& reductions,
                              const std::vector<ir::Expr>& leaves,
                              const std::vector<std::string>& positive = {});

}  // namespace flashlight::transform
