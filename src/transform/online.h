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
};

/// value = op_j body(j, references), exact for any value of the references.
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
  std::string follows;  // the reduction whose true value it takes when the loop ends
  ir::Expr target;      // where it should be by now: over Symbols of states without references and
                        // Symbol "share" (seen part of the loop, in (0, 1]). Null: it stays put
  ir::Expr start;       // value before the first element (a reduction's identity, or a constant)
};

struct Pass {
  std::vector<State> states;
  std::vector<Reference> references;
  /// In order: a reduction's name and its value over states (taken to the true references),
  /// reductions named earlier, and references by their reduction's name.
  std::vector<std::pair<std::string, ir::Expr>> finals;
};

/// The passes, in order; each reduction is final in exactly one. A leaf of type Bool is a
/// condition. `positive`: names of constants and leaves known to be > 0.
std::vector<Pass> make_online(const std::vector<Reduction>& reductions,
                              const std::vector<ir::Expr>& leaves,
                              const std::vector<std::string>& positive = {});

}  // namespace flashlight::transform
