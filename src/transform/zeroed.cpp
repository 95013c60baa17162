#include "transform/zeroed.h"

#include <cmath>

#include "ir/rewrite.h"

namespace flashlight::transform {

using ir::Expr;
using ir::Op;

namespace {

using Rows = std::set<std::string>;

/// The condition, or its negation, put in place of what it says.
void assume(Expr condition, bool truth, ir::Substitution& known) {
  if (condition->op == Op::Not) return assume(condition->args[0], !truth, known);
  known[condition] = ir::boolean(truth);
  if (condition->op == (truth ? Op::And : Op::Or))
    for (Expr a : condition->args) assume(a, truth, known);
}

bool has_infinity(Expr e) {
  bool found = false;
  ir::visit(e, [&](Expr n) {
    found |= n->op == Op::Const && is_float(n->type) && std::isinf(ir::const_value(n));
  });
  return found;
}

/// In a row whose elements are all -inf `x` is NaN. Is there none where the condition is `truth`?
/// The mask that made it -inf is that condition, or an order that no NaN has.
bool leaves_dead(Expr condition, bool truth, Expr x, const Rows& rows) {
  if (ir::mentions_any(condition, rows)) return truth && is_order(condition->op);
  ir::Substitution known;
  assume(condition, truth, known);
  return has_infinity(x) && !has_infinity(ir::substitute(x, known));
}

}  // namespace

bool zeroes_dead_rows(Expr e, const Rows& rows) {
  const auto arg = [&](size_t i) { return zeroes_dead_rows(e->args[i], rows); };
  const auto is_free = [&](size_t i) { return !ir::mentions_any(e->args[i], rows); };
  switch (e->op) {
    case Op::Where:
      for (const size_t i : {1, 2})
        if (ir::is_const(e->args[i], 0) && !is_free(3 - i))
          return leaves_dead(e->args[0], i == 2, e->args[3 - i], rows);
      return false;
    case Op::Cast:
    case Op::Neg:
      return arg(0);
    case Op::Add:
    case Op::Sub:
      return (arg(0) && (arg(1) || is_free(1))) || (arg(1) && is_free(0));
    case Op::Mul:
      return (arg(0) && is_free(1)) || (arg(1) && is_free(0));
    case Op::Div:
      return arg(0) && is_free(1);
    default:
      return false;
  }
}

}  // namespace flashlight::transform
