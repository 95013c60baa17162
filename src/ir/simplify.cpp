#include "ir/simplify.h"

#include <cmath>
#include <numeric>

#include "ir/rewrite.h"
#include "ir/simplifier.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

// Products of long sums are kept as they are rather than expanded.
constexpr size_t kMaxTerms = 64;

bool compares(Op op) {
  return op == Op::Eq || op == Op::Ne || op == Op::Lt || op == Op::Le || op == Op::Gt ||
         op == Op::Ge;
}

// Positive and negative terms apart: p = first - second.
std::pair<Polynomial, Polynomial> sides(const Polynomial& p) {
  std::pair<Polynomial, Polynomial> out;
  for (const auto& [monomial, c] : p.terms()) (c > 0 ? out.first : out.second).add(monomial, c);
  out.second = -out.second;
  return out;
}

int64_t common_divisor(const Polynomial& p) {
  int64_t g = 0;
  for (const auto& [monomial, c] : p.terms())
    if (!monomial.empty()) g = std::gcd(g, c);
  return g;
}

}  // namespace

Simplifier::Simplifier(const std::vector<Expr>& context) {
  for (Expr e : context)
    for (Expr a : axes_of(e)) {
      const Polynomial extent = polynomial(a->extent());
      // A product of numbers >= 0 that is >= 1 has no zero factor.
      if (extent.terms().size() == 1)
        for (Expr atom : extent.atoms()) positive_.insert(atom);
    }
}

Expr Simplifier::simplify(Expr e) {
  if (const auto it = simplified_.find(e); it != simplified_.end()) return it->second;
  const Expr out = e->type == Type::Int ? polynomial(e).expr() : rebuild(e);
  simplified_[out] = out;
  return simplified_[e] = out;
}

// The node over simplified arguments; for Int nodes only those that are atoms.
Expr Simplifier::rebuild(Expr e) {
  if (e->args.empty() || e->op == Op::Axis) return e;
  std::vector<Expr> args;
  for (Expr arg : e->args) args.push_back(simplify(arg));
  if (e->op == Op::Not) return negation(args[0]);
  if (compares(e->op) && args[0]->type == Type::Int) return comparison(e->op, args[0], args[1]);
  return with_args(e, std::move(args));
}

Expr Simplifier::negation(Expr e) {
  const bool ints = !e->args.empty() && e->args[0]->type == Type::Int;
  if (e->op == Op::Eq || e->op == Op::Ne) {  // holds for NaN too
    const Op op = e->op == Op::Eq ? Op::Ne : Op::Eq;
    return ints ? comparison(op, e->args[0], e->args[1]) : binary(op, e->args[0], e->args[1]);
  }
  if (ints && e->op == Op::Lt) return comparison(Op::Ge, e->args[0], e->args[1]);
  if (ints && e->op == Op::Le) return comparison(Op::Gt, e->args[0], e->args[1]);
  return unary(Op::Not, e);
}

Expr Simplifier::comparison(Op op, Expr a, Expr b) {
  try {
    const Polynomial x = polynomial(a), y = polynomial(b), one(1);
    switch (op) {
      case Op::Eq:
      case Op::Ne:
        return equality(x - y, op == Op::Eq);
      case Op::Lt:
        return ordering(y - x - one);
      case Op::Le:
        return ordering(y - x);
      case Op::Gt:
        return ordering(x - y - one);
      default:
        return ordering(x - y);
    }
  } catch (const CoefficientOverflow&) {
    return binary(op, a, b);
  }
}

// difference >= 0, as `x <= y` or `x < y` with positive terms on both sides.
Expr Simplifier::ordering(const Polynomial& difference) {
  if (prove(difference)) return boolean(true);
  if (prove(-difference - Polynomial(1))) return boolean(false);
  const int64_t g = common_divisor(difference);
  Polynomial p;
  for (const auto& [monomial, c] : difference.terms())
    p.add(monomial, g > 1 ? *int_value(Op::FloorDiv, c, g) : c);
  const bool strict = p.constant_term() == -1;
  if (strict) p = p + Polynomial(1);
  const auto [right, left] = sides(p);
  return binary(strict ? Op::Lt : Op::Le, left.expr(), right.expr());
}

Expr Simplifier::equality(Polynomial p, bool equal) {
  const Polynomial one(1);
  const int64_t g = common_divisor(p);
  const bool never = prove(p - one) || prove(-p - one) || (g > 1 && p.constant_term() % g != 0);
  if (p.zero() || never) return boolean(never != equal);
  if (g > 1) p = *divide_exactly(p, Polynomial(g));
  if (p.terms().begin()->second < 0) p = -p;
  const auto [left, right] = sides(p);
  return binary(equal ? Op::Eq : Op::Ne, left.expr(), right.expr());
}

Polynomial Simplifier::polynomial(Expr e) {
  if (const auto it = polynomials_.find(e); it != polynomials_.end()) return it->second;
  Polynomial p;
  try {
    p = compute(e);
  } catch (const CoefficientOverflow&) {
    p = Polynomial::of_atom(e);
  }
  return polynomials_[e] = p;
}

Polynomial Simplifier::compute(Expr e) {
  const auto arg = [&](int i) { return polynomial(e->args[i]); };
  switch (e->op) {
    case Op::Const:
      return Polynomial(int_const(e));
    case Op::Add:
      return combine(arg(0) + arg(1));
    case Op::Sub:
      return combine(arg(0) - arg(1));
    case Op::Neg:
      return -arg(0);
    case Op::Mul:
      if (arg(0).terms().size() * arg(1).terms().size() > kMaxTerms)
        return Polynomial::of_atom(rebuild(e));
      return combine(arg(0) * arg(1));
    case Op::FloorDiv:
      return combine(divide(arg(0), arg(1)).quotient);
    case Op::Mod:
      return combine(divide(arg(0), arg(1)).remainder);
    case Op::Max:
    case Op::Min:
      return minmax(e);
    case Op::Abs:
      if (prove(arg(0))) return arg(0);
      if (prove(-arg(0))) return -arg(0);
      break;
    default:
      break;
  }
  const Expr atom = rebuild(e);
  if (atom->op != e->op) return polynomial(atom);  // a decided Where, a folded cast
  return Polynomial::of_atom(atom);
}

Polynomial Simplifier::minmax(Expr e) {
  const Polynomial a = polynomial(e->args[0]), b = polynomial(e->args[1]);
  const bool max = e->op == Op::Max;
  if (prove(a - b)) return max ? a : b;
  if (prove(b - a)) return max ? b : a;
  return Polynomial::of_atom(rebuild(e));
}

Expr simplify(Expr e) { return Simplifier({e}).simplify(e); }

double take_factor(Expr* e) {
  const Expr x = *e;
  if (!is_float(x->type)) return 1;
  if (x->op == Op::Neg) {
    *e = x->args[0];
    return -take_factor(e);
  }
  const bool quotient = x->op == Op::Div && is_const(x->args[1]);
  if (x->op != Op::Mul && !quotient) return 1;
  Expr a = x->args[0], b = x->args[1];
  if (is_const(a)) std::swap(a, b);
  double factor = take_factor(&a);
  if (is_const(b))
    factor = quotient ? factor / const_value(b) : factor * const_value(b);
  else
    factor *= take_factor(&b);
  if (!std::isfinite(factor) || factor == 0) return 1;  // as it was
  *e = is_const(b) ? a : a * b;
  return factor;
}

Expr Affine::coefficient(Expr axis) const {
  const auto it = coefficients.find(axis);
  return it == coefficients.end() ? constant(int64_t{0}) : it->second;
}

std::optional<Affine> affine(Expr e) {
  if (e->type != Type::Int) return std::nullopt;
  Simplifier simplifier({e});
  std::map<Expr, Polynomial> coefficients;
  Polynomial rest;
  const Polynomial p = simplifier.polynomial(e);
  for (const auto& [monomial, c] : p.terms()) {
    Expr axis;
    Monomial others;
    for (Expr atom : monomial) {
      if (atom->op != Op::Axis) {
        if (!axes_of(atom).empty()) return std::nullopt;
        others.push_back(atom);
      } else if (axis) {
        return std::nullopt;
      } else {
        axis = atom;
      }
    }
    (axis ? coefficients[axis] : rest).add(others, c);
  }
  Affine out;
  for (const auto& [axis, c] : coefficients) out.coefficients[axis] = c.expr();
  out.rest = rest.expr();
  return out;
}

std::optional<Expr> exact_div(Expr a, Expr b) {
  Simplifier simplifier({a, b});
  const auto q = divide_exactly(simplifier.polynomial(a), simplifier.polynomial(b));
  if (!q) return std::nullopt;
  return q->expr();
}

bool known_equal(Expr a, Expr b) {
  if (a == b) return true;
  Simplifier simplifier({a, b});
  return simplifier.prove_equal(simplifier.polynomial(a), simplifier.polynomial(b));
}

bool known_le(Expr a, Expr b) {
  Simplifier simplifier({a, b});
  try {
    return simplifier.prove(simplifier.polynomial(b) - simplifier.polynomial(a));
  } catch (const CoefficientOverflow&) {
    return false;
  }
}

namespace {

bool in_range(Expr index, Expr extent) {
  return known_le(constant(int64_t{0}), index) && known_le(index, extent - constant(int64_t{1}));
}

}  // namespace

bool is_unchecked(Expr index, Expr extent) {
  return !loads_of(index).empty() && !in_range(index, extent);
}

Expr clamped(Expr index, Expr extent) {
  if (in_range(index, extent)) return index;
  return binary(Op::Max, constant(int64_t{0}),
                binary(Op::Min, index, extent - constant(int64_t{1})));
}

}  // namespace flashlight::ir
