#include "transform/algebra.h"

#include <algorithm>
#include <cmath>

namespace flashlight::transform {

using ir::Expr;
using ir::Op;
using ir::Type;

namespace {

bool is_integer(double p) { return p == std::nearbyint(p); }

bool excludes(Expr a, Expr b) {
  return (a->op == Op::Not && a->args[0] == b) || (b->op == Op::Not && b->args[0] == a);
}

void multiply_in(Term& t, Expr factor, double p) {
  const bool indicator = factor->type == Type::Bool;
  for (auto it = t.factors.begin(); it != t.factors.end(); ++it) {
    if (indicator && excludes(it->first, factor)) t.coefficient = 0;
    if (it->first != factor) continue;
    if (!indicator) it->second += p;
    if (it->second == 0) t.factors.erase(it);
    return;
  }
  t.factors.emplace_back(factor, indicator ? 1 : p);
}

double power_in(const Term& t, Expr factor) {
  for (const auto& [f, p] : t.factors)
    if (f == factor) return p;
  return 0;
}

}  // namespace

Term atom(Expr e, double power) { return {1, {{e, power}}}; }

Term multiply(const Term& a, const Term& b) {
  Term out = a;
  out.coefficient *= b.coefficient;
  for (const auto& [f, p] : b.factors) multiply_in(out, f, p);
  return out;
}

Term power(const Term& a, double p) {
  Term out = a;
  out.coefficient = std::pow(a.coefficient, p);
  for (auto& [f, q] : out.factors)
    if (f->type != Type::Bool) q *= p;
  return out;
}

bool alike(const Term& a, const Term& b) {
  if (a.factors.size() != b.factors.size()) return false;
  return std::all_of(a.factors.begin(), a.factors.end(),
                     [&](const auto& f) { return power_in(b, f.first) == f.second; });
}

void add(Sum& a, const Sum& b, const Term& scale) {
  for (const Term& t : b) {
    const Term scaled = multiply(scale, t);
    const auto it = std::find_if(a.begin(), a.end(), [&](auto& k) { return alike(k, scaled); });
    if (it == a.end()) {
      if (scaled.coefficient != 0) a.push_back(scaled);
      continue;
    }
    it->coefficient += scaled.coefficient;
    if (it->coefficient == 0) a.erase(it);
  }
}

Sum multiply(const Sum& a, const Sum& b) {
  Sum out;
  for (const Term& t : a) add(out, b, t);
  return out;
}

bool equal(const Sum& a, const Sum& b) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&](const Term& t) {
    return std::any_of(b.begin(), b.end(), [&](const Term& k) {
      return alike(t, k) &&
             std::fabs(t.coefficient - k.coefficient) <= 1e-12 * std::fabs(k.coefficient);
    });
  });
}

namespace {

Sum expand_power(Expr whole, Expr base, double p) {
  const Sum s = expand(base);
  if (s.size() == 1 && is_integer(p)) return {power(s[0], p)};
  if (p < 2 || p > 4 || !is_integer(p)) return {atom(whole)};
  Sum out = s;
  for (int i = 1; i < p; ++i) out = multiply(out, s);
  return out;
}

Sum expand_quotient(Expr e) {
  const Sum b = expand(e->args[1]);
  const Term inverse = b.size() == 1 ? power(b[0], -1) : atom(e->args[1], -1);
  Sum out;
  add(out, expand(e->args[0]), inverse);
  return out;
}

}  // namespace

Sum expand(Expr e) {
  Sum out;
  switch (e->op) {
    case Op::Const:
      if (!std::isfinite(ir::const_value(e))) return {atom(e)};
      add(out, {Term{ir::const_value(e), {}}});
      return out;
    case Op::Add:
    case Op::Sub:
      out = expand(e->args[0]);
      add(out, expand(e->args[1]), Term{e->op == Op::Add ? 1.0 : -1.0, {}});
      return out;
    case Op::Neg:
      add(out, expand(e->args[0]), Term{-1, {}});
      return out;
    case Op::Mul:
      out = multiply(expand(e->args[0]), expand(e->args[1]));
      return out.size() > kMaxTerms ? Sum{atom(e)} : out;
    case Op::Div:
      return expand_quotient(e);
    case Op::Reciprocal:
      return expand_power(e, e->args[0], -1);
    case Op::Pow:
      if (!ir::is_const(e->args[1])) return {atom(e)};
      return expand_power(e, e->args[0], ir::const_value(e->args[1]));
    case Op::Cast:
      if (ir::is_float(e->type) && ir::is_float(e->args[0]->type)) return expand(e->args[0]);
      return {atom(e)};
    default:
      return {atom(e)};
  }
}

std::optional<Term> ratio(const Sum& a, const Sum& b) {
  if (a.empty() || a.size() != b.size()) return std::nullopt;
  for (const Term& k : a) {
    const Term t = multiply(k, power(b[0], -1));
    Sum scaled;
    add(scaled, b, t);
    if (equal(scaled, a)) return t;
  }
  return std::nullopt;
}

bool same_value(Expr a, Expr b) { return a == b || equal(expand(a), expand(b)); }

Expr as(Expr e, Type type) { return ir::cast(e, type); }

Expr power_of(Expr base, double p) {
  if (p == 1) return base;
  if (p == 0.5) return ir::unary(Op::Sqrt, base);
  if (p < 2 || p > 8 || !is_integer(p))
    return ir::binary(Op::Pow, base, ir::constant(p, base->type));
  const int n = static_cast<int>(p);
  const Expr half = power_of(base, n / 2);
  const Expr square = half * half;
  return n % 2 ? square * base : square;
}

namespace {

Expr times(Expr a, Expr b) { return a ? a * b : b; }

// 1/97 as a division by 97: what eager computes, and exact where the quotient is.
Expr scaled(Expr e, double c, Type type) {
  const double inverse = std::nearbyint(1 / c);
  if (!is_integer(c) && std::fabs(inverse) > 1 && 1 / inverse == c)
    return e / ir::constant(inverse, type);
  return ir::constant(c, type) * e;
}

}  // namespace

Expr to_expr(const Term& t, Type type) {
  Expr above, below, condition;
  for (const auto& [f, p] : t.factors) {
    if (f->type == Type::Bool) {
      condition = condition ? ir::binary(Op::And, condition, f) : f;
    } else if (p > 0) {
      above = times(above, power_of(as(f, type), p));
    } else {
      below = times(below, power_of(as(f, type), -p));
    }
  }
  const double c = t.coefficient;
  Expr e = above ? above : ir::constant(below ? c : 1.0, type);
  if (below) e = e / below;
  if (c == -1) {
    e = above ? ir::unary(Op::Neg, e) : (below ? e : ir::constant(-1.0, type));
  } else if (c != 1 && (above || !below)) {
    e = scaled(e, c, type);
  }
  return condition ? ir::where(condition, e, ir::constant(0.0, type)) : e;
}

namespace {

// The factors with the smaller power where both have the same sign of it.
Term common(const Sum& s) {
  Term out;
  for (const auto& [f, p] : s[0].factors) {
    double shared = p;
    for (const Term& t : s) {
      const double q = power_in(t, f);
      shared = q * shared <= 0 ? 0 : (std::fabs(q) < std::fabs(shared) ? q : shared);
    }
    if (shared != 0) out.factors.emplace_back(f, shared);
  }
  return out;
}

Expr plain_sum(const Sum& s, Type type) {
  Expr out;
  for (const bool positive : {true, false}) {  // x - r, not -r + x
    for (const Term& t : s) {
      if ((t.coefficient > 0) != positive) continue;
      Term magnitude = t;
      magnitude.coefficient = std::fabs(t.coefficient);
      out = !out ? to_expr(t, type)
                 : (positive ? out + to_expr(t, type) : out - to_expr(magnitude, type));
    }
  }
  return out;
}

}  // namespace

Expr to_expr(const Sum& s, Type type) {
  if (s.empty()) return ir::constant(0.0, type);
  if (s.size() == 1) return to_expr(s[0], type);
  const Term shared = common(s);
  if (shared.factors.empty()) return plain_sum(s, type);
  Sum inner;
  add(inner, s, power(shared, -1));
  // power() keeps an indicator, which is its own inverse where it holds.
  for (Term& t : inner)
    std::erase_if(t.factors, [&](const auto& f) {
      return f.first->type == Type::Bool && power_in(shared, f.first) != 0;
    });
  Term outer;
  outer.factors = {{plain_sum(inner, type), 1.0}};
  return to_expr(multiply(outer, shared), type);
}

}  // namespace flashlight::transform
