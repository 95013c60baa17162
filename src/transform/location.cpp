// Where a reduction lies relative to elements. A polynomial in element - r is as large as eager's
// own only if r lies among the elements that it is subtracted from; elsewhere the states would be
// large and their combination small: exact, and without a digit left.
#include <algorithm>
#include <cmath>

#include "ir/rewrite.h"
#include "transform/draft.h"

namespace flashlight::transform {

using ir::Expr;
using ir::Op;
using ir::Reduce;

namespace {

Expr unmasked(Expr body, Expr fill) {
  while (body->op == Op::Where && body->args[2] == fill) body = body->args[1];
  return body;
}

Expr zero_of(Expr e) { return ir::constant(0.0, e->type); }

}  // namespace

const State* Draft::state_of(Expr e) const {
  return e->op == Op::Symbol ? find_state(e->name()) : nullptr;
}

// A sum of ones, masked or not.
bool Draft::is_count(Expr e) const {
  if (e->op == Op::Cast) return is_count(e->args[0]);
  const State* s = state_of(e);
  if (!s || s->op != Reduce::Sum) return false;
  const Expr one = unmasked(s->body, zero_of(s->body));
  return ir::is_const(one, 1) || (one->op == Op::Cast && one->args[0]->type == ir::Type::Bool);
}

// A sum over its number of elements, which a constant below a sum is taken for.
std::optional<Sum> Draft::mean(Expr e) const {
  Expr sum = e->args[0], by = e->args[1];
  const bool product = e->op == Op::Mul;
  if (product && !state_of(sum)) std::swap(sum, by);
  const State* s = state_of(sum);
  if (!s || s->op != Reduce::Sum) return std::nullopt;
  if (ir::is_const(by)) {
    const double c = std::fabs(ir::const_value(by));
    if (product ? c >= 1 : c <= 1) return std::nullopt;
  } else if (product || !is_count(by)) {
    for (Expr symbol : ir::symbols_of(by))
      if (product || find_state(symbol->name())) return std::nullopt;
  }
  return expand(unmasked(s->body, zero_of(s->body)));
}

// The elements, as a sum over leaves, that `e` is a largest, smallest or mean of.
std::optional<Sum> Draft::location(Expr e) const {
  const auto symbols = ir::symbols_of(e);
  const bool constant =
      std::none_of(symbols.begin(), symbols.end(), [&](Expr s) { return find_state(s->name()); });
  if (constant) return Sum{};
  if (const State* s = state_of(e)) {
    if (!s->references.empty() || (s->op != Reduce::Max && s->op != Reduce::Min))
      return std::nullopt;
    return expand(unmasked(s->body, ir::reduce_identity(s->op, s->body->type)));
  }
  Sum out;
  const auto take = [&](int i, const Term& scale) {
    const auto inner = location(e->args[i]);
    if (inner) add(out, *inner, scale);
    return inner.has_value();
  };
  const Term one, minus{-1, {}};
  switch (e->op) {
    case Op::Neg:
      return take(0, minus) ? std::optional(out) : std::nullopt;
    case Op::Cast:
      return take(0, one) ? std::optional(out) : std::nullopt;
    case Op::Add:
    case Op::Sub:
      if (take(0, one) && take(1, e->op == Op::Add ? one : minus)) return out;
      return std::nullopt;
    case Op::Where:  // where(isinf(m), 0, m)
      if (ir::is_const(e->args[1])) return location(e->args[2]);
      return ir::is_const(e->args[2]) ? location(e->args[1]) : std::nullopt;
    case Op::Mul:
    case Op::Div:
      return scaled_location(e);
    default:
      return std::nullopt;
  }
}

std::optional<Sum> Draft::scaled_location(Expr e) const {
  if (const auto found = mean(e)) return found;
  const bool right = e->op == Op::Mul && ir::is_const(e->args[0]);
  const Sum scale = expand(e->args[right ? 0 : 1]);
  if (scale.size() != 1 || !scale[0].factors.empty()) return std::nullopt;
  const auto inner = location(e->args[right ? 1 : 0]);
  if (!inner) return std::nullopt;
  Sum out;
  add(out, *inner, e->op == Op::Mul ? scale[0] : power(scale[0], -1));
  return out;
}

bool Draft::lies_among(Expr e, const Sum& elements) const {
  const auto found = target(e) ? location(over_states(e)) : std::nullopt;
  if (!found) return false;
  return std::all_of(found->begin(), found->end(), [&](const Term& t) {
    return std::any_of(elements.begin(), elements.end(), [&](const Term& k) {
      return alike(t, k) &&
             std::fabs(t.coefficient - k.coefficient) <= 1e-12 * std::fabs(k.coefficient);
    });
  });
}

bool Draft::dominates(Expr e, Expr element) const {
  const State* s = state_of(over_states(e));
  if (!s || !s->references.empty() || (s->op != Reduce::Max && s->op != Reduce::Sum)) return false;
  if (s->body == element) return signs_.of(element) != Sign::Unknown;
  return s->body->op == Op::Abs && s->body->args[0] == element;
}

}  // namespace flashlight::transform
