// Proofs of p >= 0: atoms are replaced by bounds, the most composed ones first, until only symbols
// are left.
#include <algorithm>

#include "ir/simplifier.h"

namespace flashlight::ir {
namespace {

// Enough for the indices of real programs; beyond it an expression is left as it is.
constexpr int kMaxSteps = 2000;
constexpr int kMaxDepth = 40;

int height(Expr e) {
  int h = 0;
  if (e->op == Op::Axis) return 1;
  for (Expr arg : e->args) h = std::max(h, height(arg));
  return h + 1;
}

bool depends_on_point(Expr e) {
  if (e->op == Op::Axis || e->op == Op::Load) return true;
  return std::any_of(e->args.begin(), e->args.end(), depends_on_point);
}

// Symbols last; before them what is built of symbols alone, as the extents of axes bring it in.
int elimination_rank(Expr atom) {
  if (atom->op == Op::Symbol) return 0;
  constexpr int kPoint = 1000;
  return height(atom) + (depends_on_point(atom) ? kPoint : 0);
}

}  // namespace

bool Simplifier::prove(const Polynomial& p) {
  steps_ = 0;
  try {
    return prove_step(p, 0);
  } catch (const CoefficientOverflow&) {
    return false;
  }
}

bool Simplifier::prove_equal(const Polynomial& a, const Polynomial& b) {
  return a == b || (prove(a - b) && prove(b - a));
}

bool Simplifier::prove_step(const Polynomial& p, int depth) {
  if (const auto c = p.constant()) return *c >= 0;
  if (++steps_ > kMaxSteps || depth > kMaxDepth) return false;
  Expr next;
  int highest = 0;
  for (Expr atom : p.atoms()) {
    const int rank = elimination_rank(atom);
    if (rank > highest) next = atom, highest = rank;
  }
  return next ? prove_without(next, p, depth + 1) : prove_symbols(p);
}

// p = sum of a_k atom^k. With all signs known, one end of the atom's range is the worst case; a
// linear p of unknown slope is worst at one of the two.
bool Simplifier::prove_without(Expr atom, const Polynomial& p, int depth) {
  const std::vector<Polynomial> powers = p.by_powers(atom);
  if (powers.size() == 2) {
    const Polynomial &b = powers[0], &a = powers[1];
    if (prove_step(a, depth)) return prove_bound(atom, a, b, /*lower=*/true, depth);
    if (prove_step(-a, depth)) return prove_bound(atom, a, b, /*lower=*/false, depth);
    return atom->op == Op::Axis && prove_bound(atom, a, b, true, depth) &&
           prove_bound(atom, a, b, false, depth);
  }
  const bool bounded = atom->op == Op::Axis || atom->op == Op::Mod;
  for (size_t k = 1; k < powers.size(); ++k)
    if (!bounded || !prove_step(powers[k], depth)) return false;
  return prove_step(powers[0], depth);  // the atom is >= 0
}

// a * atom + b >= 0, where the atom may be replaced by a lower bound (a >= 0) or an upper one.
bool Simplifier::prove_bound(Expr atom, const Polynomial& a, const Polynomial& b, bool lower,
                             int depth) {
  const auto at = [&](const Polynomial& bound) { return prove_step(a * bound + b, depth); };
  const auto arg = [&](int i) { return polynomial(atom->args[i]); };
  switch (atom->op) {
    case Op::Axis:
      return at(lower ? Polynomial() : arg(0) - Polynomial(1));
    case Op::Cast:
      return atom->args[0]->type == Type::Bool && at(Polynomial(lower ? 0 : 1));
    case Op::Abs:
      return lower && at(Polynomial());
    case Op::Where:
      return at(arg(1)) && at(arg(2));
    case Op::Min:
      return lower ? at(arg(0)) && at(arg(1)) : at(arg(0)) || at(arg(1));
    case Op::Max:
      return lower ? at(arg(0)) || at(arg(1)) : at(arg(0)) && at(arg(1));
    case Op::Mod:
      if (!prove_step(arg(1) - Polynomial(1), depth)) return false;
      if (lower) return at(Polynomial());
      return at(arg(1) - Polynomial(1)) || (prove_step(arg(0), depth) && at(arg(0)));
    case Op::FloorDiv:
      return prove_floor(atom, a, b, lower, depth);
    default:
      return false;
  }
}

// With x/d - (d-1)/d <= floor(x/d) <= x/d both sides are multiplied by d, which keeps x's relation
// to the rest of p; an integer above -1 is >= 0.
bool Simplifier::prove_floor(Expr floor, const Polynomial& a, const Polynomial& b, bool lower,
                             int depth) {
  const Polynomial one(1);
  const Polynomial x = polynomial(floor->args[0]), d = polynomial(floor->args[1]);
  if (!prove_step(d - one, depth)) return false;
  if (lower && positive_.count(floor) && prove_step(a + b, depth)) return true;
  if (lower && prove_step(b, depth) && prove_step(x, depth)) return true;
  const Polynomial bound = lower ? x - d + one : x;
  return prove_step(a * bound + d * b + d - one, depth);
}

// Every symbol is 1 + something >= 0: expanded so, no negative coefficient may be left.
bool Simplifier::prove_symbols(const Polynomial& p) {
  Polynomial shifted;
  for (const auto& [monomial, c] : p.terms()) {
    Polynomial term(c);
    for (Expr atom : monomial) term = term * (Polynomial::of_atom(atom) + Polynomial(1));
    shifted = shifted + term;
  }
  return std::all_of(shifted.terms().begin(), shifted.terms().end(),
                     [](const auto& t) { return t.second >= 0; });
}

}  // namespace flashlight::ir
