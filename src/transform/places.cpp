#include "transform/places.h"

#include <algorithm>
#include <cmath>

namespace flashlight::transform {

using ir::Expr;
using ir::Op;
using ir::Type;

Term indicator(Expr condition) {
  if (condition->op == Op::And)
    return multiply(indicator(condition->args[0]), indicator(condition->args[1]));
  if (ir::is_const(condition)) return Term{ir::const_value(condition), {}};
  return atom(condition);
}

std::optional<Sum> Places::decompose(Expr body) {
  failed_ = false;
  centre_ = true;
  Sum out = sum_of(body);
  if (failed_) return std::nullopt;
  return out;
}

const Place* Places::find(Expr symbol) const {
  for (const Place& p : places_)
    if (p.symbol == symbol) return &p;
  return nullptr;
}

int Places::bits(Expr e) {
  if (const auto it = bits_.find(e); it != bits_.end()) return it->second;
  int found = 0;
  const auto& leaves = scope_.leaves;
  if (std::find(leaves.begin(), leaves.end(), e) != leaves.end()) found |= kVaries;
  if (e->op == Op::Symbol && scope_.live.contains(e->name())) found |= kWaits;
  for (Expr arg : e->args) found |= bits(arg);
  return bits_[e] = found;
}

int Places::bits(const Term& t) {
  int found = 0;
  for (const auto& [f, p] : t.factors) found |= bits(f);
  return found;
}

Sum Places::fail() {
  failed_ = true;
  return {};
}

Sum Places::sum_of(Expr e) {
  if (failed_) return {};
  if (!mixed(e)) return unmixed(e);
  if (!ir::is_float(e->type)) return fail();
  const Expr w = e->args[0];
  if (e->args.size() > 1 || w->op != Op::Where || !mixed(w)) return mixed_sum(e);
  // f(where(c, a, b)) = where(c, f(a), f(b))
  return sum_of(
      ir::where(w->args[0], ir::with_args(e, {w->args[1]}), ir::with_args(e, {w->args[2]})));
}

Sum Places::plain_sum(Expr e) {
  const bool before = std::exchange(centre_, false);
  Sum out = sum_of(e);
  centre_ = before;
  return out;
}

Sum Places::mixed_sum(Expr e) {
  switch (e->op) {
    case Op::Add:
    case Op::Sub:
    case Op::Neg:
      return addition(e);
    case Op::Mul:
      if (e->args[0] == e->args[1]) return power(e->args[0], 2);
      return product(sum_of(e->args[0]), sum_of(e->args[1]));
    case Op::Div:
      return product(sum_of(e->args[0]), power(e->args[1], -1));
    case Op::Reciprocal:
      return power(e->args[0], -1);
    case Op::Sqrt:
      return power(e->args[0], 0.5);
    case Op::Rsqrt:
      return power(e->args[0], -0.5);
    case Op::Pow:
      return ir::is_const(e->args[1]) ? power(e->args[0], ir::const_value(e->args[1])) : fail();
    case Op::Cast:  // transparent between float types
      return ir::is_float(e->args[0]->type) ? sum_of(e->args[0]) : fail();
    case Op::Where:
      return select(e);
    case Op::Exp:
    case Op::Exp2:
      return exponential(e);
    case Op::Log:
      return logarithm(e);
    case Op::Abs:
    case Op::Max:
    case Op::Min:
      return homogeneous(e);
    default:
      return fail();
  }
}

// Products and quotients are taken apart, so that a coefficient can leave the loop; the rest stays
// as it was written.
Sum Places::unmixed(Expr e) {
  if (!ir::is_float(e->type)) return {atom(e)};
  switch (e->op) {
    case Op::Const:
      return expand(e);
    case Op::Neg:
      return product({Term{-1, {}}}, unmixed(e->args[0]));
    case Op::Mul:
      return product(unmixed(e->args[0]), unmixed(e->args[1]));
    case Op::Div:
    case Op::Reciprocal: {
      const Sum below = unmixed(e->args.back());
      if (below.size() != 1) return {atom(e)};
      const Sum above = e->op == Op::Div ? unmixed(e->args[0]) : Sum{Term{}};
      return product(above, {transform::power(below[0], -1)});
    }
    case Op::Where:
      if (!ir::is_const(e->args[2], 0)) return {atom(e)};
      return product({indicator(e->args[0])}, unmixed(e->args[1]));
    default:
      return {atom(e)};
  }
}

Sum Places::product(const Sum& a, const Sum& b) {
  if (a.size() * b.size() > kMaxTerms) return fail();
  return multiply(a, b);
}

Sum Places::power(Expr base, double p) {
  const Sum s = sum_of(base);
  if (failed_ || p == 1) return s;
  // The square of a difference would become a difference of squares: exact, and all digits lost.
  if (s.size() != 1) return fail();
  const bool whole = p == std::nearbyint(p);
  if (!whole && s[0].coefficient < 0) return fail();
  for (const auto& [f, q] : s[0].factors) {
    if (f->type == Type::Bool && p < 0) return fail();
    if (!whole && f->type != Type::Bool && scope_.signs.of(f) == Sign::Unknown) return fail();
  }
  return {transform::power(s[0], p)};
}

Sum Places::select(Expr e) {
  Expr condition = e->args[0], a = e->args[1], b = e->args[2];
  if (condition->op == Op::Not) {
    condition = condition->args[0];
    std::swap(a, b);
  }
  if (mixed(condition)) return fail();
  Sum out;
  for (const bool taken : {true, false}) {
    const Expr branch = taken ? a : b;
    if (ir::is_const(branch, 0)) continue;
    if (ir::is_const(branch) && !std::isfinite(ir::const_value(branch))) return fail();
    const Expr when = taken ? condition : ir::unary(Op::Not, condition);
    add(out, product({indicator(when)}, sum_of(branch)));
  }
  return out;
}

void Places::collect(Expr e, double sign, Addends& out) {
  if (e->op == Op::Neg) return collect(e->args[0], -sign, out);
  const bool open = mixed(e) || !varies(e);
  if (open && (e->op == Op::Add || e->op == Op::Sub)) {
    collect(e->args[0], sign, out);
    return collect(e->args[1], e->op == Op::Add ? sign : -sign, out);
  }
  if (mixed(e) && e->op == Op::Cast && ir::is_float(e->args[0]->type))
    return collect(e->args[0], sign, out);
  out.emplace_back(sign, e);
}

Sum Places::addition(Expr e) {
  Addends addends;
  collect(e, 1, addends);
  Sum out, element, known, far, elements;
  for (const auto& [sign, a] : addends) {
    if (mixed(a)) {
      add(out, sum_of(a), Term{sign, {}});
    } else if (varies(a)) {
      add(element, {atom(a)}, Term{sign, {}});
      add(elements, expand(a), Term{sign, {}});
    }
  }
  for (const auto& [sign, a] : addends) {
    if (varies(a)) continue;
    const Expr subtracted = sign < 0 ? a : ir::unary(Op::Neg, a);
    if (waits(a) && centre_ && scope_.lies_among(subtracted, elements))
      add(known, {atom(a)}, Term{-sign, {}});
    else
      add(far, unmixed(a), Term{sign, {}});
  }
  if (element.empty() || known.empty()) {
    add(out, element);
    add(out, known, Term{-1, {}});
  } else {
    add(out, name({.kind = Place::Kind::Centred,
                   .op = Op::Sub,
                   .element = to_expr(element, e->type),
                   .known = to_expr(known, e->type)},
                  e->type, Sign::Unknown));
  }
  add(out, far);
  return out;
}

}  // namespace flashlight::transform
