#include "tile/assume.h"

#include <optional>

#include "ir/simplify.h"

namespace flashlight::tile {
namespace {

using namespace ir;

struct Mirror {
  Op op, complement, swapped;
};
constexpr Mirror kComparisons[] = {
    {Op::Lt, Op::Ge, Op::Gt}, {Op::Le, Op::Gt, Op::Ge}, {Op::Gt, Op::Le, Op::Lt},
    {Op::Ge, Op::Lt, Op::Le}, {Op::Eq, Op::Ne, Op::Eq}, {Op::Ne, Op::Eq, Op::Ne},
};

const Mirror* comparison(Expr e) {
  for (const Mirror& m : kComparisons)
    if (m.op == e->op) return &m;
  return nullptr;
}

/// Int comparisons have complements; float ones do not (NaN).
Expr complement(Expr e) {
  if (e->op == Op::Not) return e->args[0];
  if (e->op == Op::And || e->op == Op::Or)
    return binary(e->op == Op::And ? Op::Or : Op::And, complement(e->args[0]),
                  complement(e->args[1]));
  const Mirror* m = comparison(e);
  if (m && e->args[0]->type == Type::Int) return binary(m->complement, e->args[0], e->args[1]);
  return unary(Op::Not, e);
}

}  // namespace

Assumptions::Assumptions(const std::vector<Expr>& conditions) {
  for (Expr c : conditions) add(c, true);
}

void Assumptions::add(Expr condition, bool value) {
  if (is_const(condition)) return;
  if (!known_.emplace(condition, boolean(value)).second) return;
  if (const Mirror* m = comparison(condition))
    add(binary(m->swapped, condition->args[1], condition->args[0]), value);
  if (condition->op == (value ? Op::And : Op::Or))
    for (Expr a : condition->args) add(a, value);
  if (condition->op == Op::Not) add(condition->args[0], !value);
  add(complement(condition), !value);
}

Expr Assumptions::apply(Expr e) const { return simplify(substitute(e, known_)); }

}  // namespace flashlight::tile
