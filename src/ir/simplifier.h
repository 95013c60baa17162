// The state of one simplification. Private to src/ir; see simplify.h for what it promises.
#pragma once
#include <set>
#include <unordered_map>

#include "ir/polynomial.h"

namespace flashlight::ir {

class Simplifier {
 public:
  /// Axes of `context` exist, so their extents are at least 1 wherever these are evaluated.
  explicit Simplifier(const std::vector<Expr>& context);

  Expr simplify(Expr e);
  Polynomial polynomial(Expr e);  // of an Int expression
  /// p >= 0 for all values of its atoms; false: not known.
  bool prove(const Polynomial& p);
  bool prove_equal(const Polynomial& a, const Polynomial& b);

 private:
  // simplify.cpp
  Expr rebuild(Expr e);
  Expr comparison(Op op, Expr a, Expr b);
  Expr ordering(const Polynomial& difference);
  Expr equality(Polynomial difference, bool equal);
  Expr negation(Expr e);
  Polynomial compute(Expr e);
  Polynomial minmax(Expr e);
  // divide.cpp
  Division divide(const Polynomial& a, const Polynomial& b);
  Division divide_remainder(const Polynomial& r, const Polynomial& b);
  std::optional<Division> by_common_factor(const Polynomial& r, const Polynomial& b);
  std::optional<Division> of_single_atom(const Polynomial& r, const Polynomial& b);
  Division as_atoms(const Polynomial& a, const Polynomial& b);
  bool in_range(const Polynomial& r, const Polynomial& b);
  Polynomial combine(Polynomial p);
  std::optional<Polynomial> join_mod(const Polynomial& p, Expr mod);
  std::optional<Polynomial> make_mod(const Polynomial& p, Expr floor);
  // prove.cpp
  bool prove_step(const Polynomial& p, int depth);
  bool prove_without(Expr atom, const Polynomial& p, int depth);
  bool prove_floor(Expr floor, const Polynomial& a, const Polynomial& b, bool lower, int depth);
  bool prove_bound(Expr atom, const Polynomial& a, const Polynomial& b, bool lower, int depth);
  bool prove_symbols(const Polynomial& p);

  std::unordered_map<Expr, Expr> simplified_;
  std::unordered_map<Expr, Polynomial> polynomials_;
  std::set<Expr, ByStructure> positive_;  // atoms known to be >= 1 from the context
  int steps_ = 0;
};

}  // namespace flashlight::ir
