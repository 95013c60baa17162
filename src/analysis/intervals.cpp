#include "analysis/intervals.h"

#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::analysis {
namespace {

using namespace ir;
using Bounds = std::optional<Interval>;

Expr lesser(Expr a, Expr b) { return binary(Op::Min, a, b); }
Expr greater(Expr a, Expr b) { return binary(Op::Max, a, b); }
Expr quotient(Expr a, Expr b) { return binary(Op::FloorDiv, a, b); }
bool known_positive(Expr e) { return known_le(constant(int64_t{1}), e); }

Interval hull(const Interval& a, const Interval& b) {
  return {lesser(a.lo, b.lo), greater(a.hi, b.hi)};
}

Interval product(const Interval& a, const Interval& b) {
  const Expr zero = constant(int64_t{0});
  for (const auto& [x, y] : {std::pair(a, b), std::pair(b, a)}) {
    if (x.lo != x.hi) continue;
    if (known_le(zero, x.lo)) return {x.lo * y.lo, x.lo * y.hi};
    if (known_le(x.lo, zero)) return {x.lo * y.hi, x.lo * y.lo};
  }
  return hull(hull({a.lo * b.lo, a.lo * b.lo}, {a.lo * b.hi, a.lo * b.hi}),
              hull({a.hi * b.lo, a.hi * b.lo}, {a.hi * b.hi, a.hi * b.hi}));
}

Interval magnitude(const Interval& a) {
  const Expr zero = constant(int64_t{0});
  const Expr farthest = greater(a.hi, unary(Op::Neg, a.lo));
  return {greater(zero, greater(a.lo, unary(Op::Neg, a.hi))), farthest};
}

Bounds divided(Op op, const Interval& a, Expr divisor) {
  if (!known_positive(divisor)) return std::nullopt;
  if (op == Op::FloorDiv) return Interval{quotient(a.lo, divisor), quotient(a.hi, divisor)};
  return Interval{constant(int64_t{0}), divisor - constant(int64_t{1})};
}

Bounds branches(Expr e, const Rows& rows) {
  const Bounds a = bounds(e->args[1], rows), b = bounds(e->args[2], rows);
  if (!a || !b) return std::nullopt;
  if (depends_on_rows(e->args[0], rows)) return hull(*a, *b);
  return Interval{where(e->args[0], a->lo, b->lo), where(e->args[0], a->hi, b->hi)};
}

Bounds of_two(Expr e, const Interval& a, const Interval& b) {
  switch (e->op) {
    case Op::Add:
      return Interval{a.lo + b.lo, a.hi + b.hi};
    case Op::Sub:
      return Interval{a.lo - b.hi, a.hi - b.lo};
    case Op::Mul:
      return product(a, b);
    case Op::Max:
      return Interval{greater(a.lo, b.lo), greater(a.hi, b.hi)};
    case Op::Min:
      return Interval{lesser(a.lo, b.lo), lesser(a.hi, b.hi)};
    case Op::FloorDiv:
    case Op::Mod:
      if (b.lo == b.hi) return divided(e->op, a, b.lo);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Bounds of_one(Expr e, const Rows& rows) {
  if (e->op == Op::Cast && e->args[0]->type == Type::Bool)
    return Interval{constant(int64_t{0}), constant(int64_t{1})};
  const Bounds a = bounds(e->args[0], rows);
  if (!a) return std::nullopt;
  if (e->op == Op::Neg) return Interval{unary(Op::Neg, a->hi), unary(Op::Neg, a->lo)};
  if (e->op == Op::Abs) return magnitude(*a);
  return std::nullopt;
}

}  // namespace

bool depends_on_rows(Expr e, const Rows& rows) {
  bool found = false;
  visit(e, [&](Expr n) { found |= rows.count(n) != 0; });
  return found;
}

std::optional<Interval> bounds(Expr e, const Rows& rows) {
  if (e->type != Type::Int) return std::nullopt;
  if (auto it = rows.find(e); it != rows.end()) return it->second;
  if (!depends_on_rows(e, rows)) return Interval{e, e};
  if (e->op == Op::Where) return branches(e, rows);
  if (e->op == Op::Load) return std::nullopt;
  if (e->args.size() == 1) return of_one(e, rows);
  const Bounds a = bounds(e->args[0], rows), b = bounds(e->args[1], rows);
  if (!a || !b) return std::nullopt;
  return of_two(e, *a, *b);
}

}  // namespace flashlight::analysis
