// Floor division and modulo of polynomials, and the sums that undo them.
#include <algorithm>
#include <numeric>

#include "ir/simplifier.h"

namespace flashlight::ir {
namespace {

// Factors g of a one-term divisor c * m worth trying on r, larger ones first.
std::vector<Polynomial> factors(const Polynomial& r, const Polynomial& divisor) {
  constexpr size_t kMaxAtoms = 6;
  std::vector<Polynomial> out;
  if (divisor.terms().size() != 1) return out;
  const auto& [monomial, c] = *divisor.terms().begin();
  if (monomial.size() > kMaxAtoms) return out;
  std::set<int64_t, std::greater<>> numbers = {1, c};
  for (const auto& [m, k] : r.terms()) numbers.insert(std::gcd(k, c));
  std::vector<unsigned> subsets(size_t{1} << monomial.size());
  std::iota(subsets.begin(), subsets.end(), 0u);
  std::stable_sort(subsets.begin(), subsets.end(), [](unsigned a, unsigned b) {
    return __builtin_popcount(a) > __builtin_popcount(b);
  });
  for (unsigned subset : subsets)
    for (int64_t number : numbers) {
      Monomial part;
      for (size_t i = 0; i < monomial.size(); ++i)
        if (subset >> i & 1) part.push_back(monomial[i]);
      Polynomial factor;
      factor.add(part, number);
      if (factor != divisor && factor != Polynomial(1)) out.push_back(factor);
    }
  return out;
}

Expr single_atom(const Polynomial& p) {
  if (p.terms().size() != 1) return Expr();
  const auto& [monomial, c] = *p.terms().begin();
  return c == 1 && monomial.size() == 1 ? monomial[0] : Expr();
}

bool has_atom(const Polynomial& p, Op op) {
  const std::vector<Expr> atoms = p.atoms();
  return std::any_of(atoms.begin(), atoms.end(), [op](Expr a) { return a->op == op; });
}

// All terms of `part` stand in p with these very coefficients.
bool contains(const Polynomial& p, const Polynomial& part) {
  return std::all_of(part.terms().begin(), part.terms().end(), [&](const auto& t) {
    const auto it = p.terms().find(t.first);
    return it != p.terms().end() && it->second == t.second;
  });
}

Polynomial linear_coefficient(const Polynomial& p, Expr atom) {
  const std::vector<Polynomial> powers = p.by_powers(atom);
  return powers.size() == 2 ? powers[1] : Polynomial();
}

}  // namespace

bool Simplifier::in_range(const Polynomial& r, const Polynomial& b) {
  return prove(r) && prove(b - r - Polynomial(1));
}

Division Simplifier::as_atoms(const Polynomial& a, const Polynomial& b) {
  if (a.zero()) return {};
  const Expr x = a.expr(), d = b.expr();
  return {Polynomial::of_atom(binary(Op::FloorDiv, x, d)),
          Polynomial::of_atom(binary(Op::Mod, x, d))};
}

Division Simplifier::divide(const Polynomial& a, const Polynomial& b) {
  const Polynomial one(1);
  if (b == one) return {a, {}};
  if (!prove(b - one)) return as_atoms(a, b);
  Division d = long_division(a, b);
  for (int step : {0, -1, 1}) {
    const Polynomial n(step);
    if (in_range(d.remainder - n * b, b)) return {d.quotient + n, d.remainder - n * b};
  }
  // A divisor of several terms may divide symbolically without dividing.
  if (b.terms().size() > 1) {
    if (in_range(a, b)) return {{}, a};
    if (d.quotient.terms().size() + d.remainder.terms().size() > a.terms().size())
      return as_atoms(a, b);
  }
  Division rest = divide_remainder(d.remainder, b);
  return {d.quotient + rest.quotient, rest.remainder};
}

Division Simplifier::divide_remainder(const Polynomial& r, const Polynomial& b) {
  if (auto d = by_common_factor(r, b)) return *d;
  if (auto d = of_single_atom(r, b)) return *d;
  return as_atoms(r, b);
}

// (g*u + v) floordiv (g*c) = u floordiv c for 0 <= v < g, and the modulo to match.
std::optional<Division> Simplifier::by_common_factor(const Polynomial& r, const Polynomial& b) {
  for (const Polynomial& g : factors(r, b)) {
    const Division inner = long_division(r, g);
    if (inner.quotient.zero() || !in_range(inner.remainder, g)) continue;
    const Division outer = divide(inner.quotient, *divide_exactly(b, g));
    return Division{outer.quotient, g * outer.remainder + inner.remainder};
  }
  return std::nullopt;
}

std::optional<Division> Simplifier::of_single_atom(const Polynomial& r, const Polynomial& b) {
  const Expr atom = single_atom(r);
  if (!atom || (atom->op != Op::FloorDiv && atom->op != Op::Mod)) return std::nullopt;
  const Polynomial x = polynomial(atom->args[0]), c = polynomial(atom->args[1]);
  if (!prove(c - Polynomial(1))) return std::nullopt;
  if (atom->op == Op::FloorDiv) {
    const Polynomial q = divide(x, c * b).quotient;
    return Division{q, has_atom(q, Op::FloorDiv) ? as_atoms(r, b).remainder : r - b * q};
  }
  const auto n = divide_exactly(c, b);  // (x mod n*b) by b
  if (!n) return std::nullopt;
  const Division inner = divide(x, b);
  return Division{divide(inner.quotient, *n).remainder, inner.remainder};
}

Polynomial Simplifier::combine(Polynomial p) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Expr atom : p.atoms()) {
      std::optional<Polynomial> better;
      if (atom->op == Op::Mod) better = join_mod(p, atom);
      if (atom->op == Op::FloorDiv) better = make_mod(p, atom);
      if (!better) continue;
      p = *better;
      changed = true;
      break;
    }
  }
  return p;
}

// c * (x mod d) + c * d * (x floordiv d) = c * x
std::optional<Polynomial> Simplifier::join_mod(const Polynomial& p, Expr mod) {
  const Polynomial c = linear_coefficient(p, mod);
  if (c.zero()) return std::nullopt;
  const Polynomial x = polynomial(mod->args[0]), d = polynomial(mod->args[1]);
  const Polynomial floor = c * d * divide(x, d).quotient;
  if (floor.zero() || !contains(p, floor)) return std::nullopt;
  return p - c * Polynomial::of_atom(mod) - floor + c * x;
}

// c * x - c * d * (x floordiv d) = c * (x mod d), also where x itself is a floordiv.
std::optional<Polynomial> Simplifier::make_mod(const Polynomial& p, Expr floor) {
  const Polynomial outer = linear_coefficient(p, floor);
  const Polynomial x = polynomial(floor->args[0]), d = polynomial(floor->args[1]);
  const Polynomial whole = outer * Polynomial::of_atom(floor);
  if (const auto c = divide_exactly(-outer, d); c && !c->zero() && contains(p, *c * x))
    return p - whole - *c * x + *c * as_atoms(x, d).remainder;
  for (Expr inner : p.atoms()) {
    if (inner == floor || inner->op != Op::FloorDiv || inner->args[0] != floor->args[0]) continue;
    const auto n = divide_exactly(d, polynomial(inner->args[1]));
    const Polynomial c = linear_coefficient(p, inner);
    if (!n || c.zero() || outer != -(c * *n)) continue;
    const Polynomial f = Polynomial::of_atom(inner);
    return p - whole - c * f + c * as_atoms(f, *n).remainder;
  }
  return std::nullopt;
}

}  // namespace flashlight::ir
