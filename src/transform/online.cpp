#include "transform/online.h"

#include <set>

#include "ir/rewrite.h"
#include "support/error.h"
#include "transform/rests.h"
#include "transform/unseen.h"

namespace flashlight::transform {

using ir::Expr;
using ir::Op;
using ir::Reduce;
using ir::Type;

namespace {

/// max and min: what is increasing, and known once the loop ends, moves out of the loop.
class Order {
 public:
  Order(Draft& draft, Places& places) : draft_(draft), places_(places) {}

  /// op_j e where the conditions hold. Null: another pass.
  Expr operator()(Reduce op, Expr e, Expr condition = {}) {
    if (!places_.waits(e)) return places_.varies(e) ? still(op, e, condition) : Expr();
    const Reduce other = op == Reduce::Max ? Reduce::Min : Reduce::Max;
    switch (e->op) {
      case Op::Where:
        return masked(op, e, condition);
      case Op::Neg:
        return apply(e, (*this)(other, e->args[0], condition));
      case Op::Cast:
        return ir::is_float(e->args[0]->type) ? apply(e, (*this)(op, e->args[0], condition))
                                              : Expr();
      case Op::Exp:
      case Op::Exp2:
      case Op::Log:
      case Op::Log2:
      case Op::Sqrt:
      case Op::Sigmoid:
      case Op::Tanh:
        // A mask's -inf would not pass through a bounded function.
        return condition ? Expr() : apply(e, (*this)(op, e->args[0]));
      case Op::Max:
      case Op::Min:
        return lattice(op, e, condition);
      case Op::Add:
      case Op::Sub:
      case Op::Mul:
      case Op::Div:
        return affine(op, e, condition);
      default:
        return Expr();
    }
  }

 private:
  Expr still(Reduce op, Expr e, Expr condition) {
    if (condition) e = ir::where(condition, e, ir::reduce_identity(op, e->type));
    return draft_.state(op, e);
  }

  static Expr apply(Expr e, Expr inner) { return inner ? ir::with_args(e, {inner}) : Expr(); }

  Expr masked(Reduce op, Expr e, Expr condition) {
    const Expr when = e->args[0];
    if (places_.waits(when) || e->args[2] != ir::reduce_identity(op, e->type)) return Expr();
    return (*this)(op, e->args[1], condition ? ir::binary(Op::And, condition, when) : when);
  }

  Expr lattice(Reduce op, Expr e, Expr condition) {
    if ((e->op == Op::Max) != (op == Reduce::Max)) return Expr();
    Expr args[2];
    for (int i = 0; i < 2; ++i) {
      const bool known = !places_.varies(e->args[i]);
      if (known && condition) return Expr();
      args[i] = known ? e->args[i] : (*this)(op, e->args[i], condition);
      if (!args[i]) return Expr();
    }
    return ir::binary(e->op, args[0], args[1]);
  }

  Expr affine(Reduce op, Expr e, Expr condition) {
    const bool left = places_.varies(e->args[0]), right = places_.varies(e->args[1]);
    if (left == right || (right && e->op == Op::Div)) return Expr();
    const Expr known = e->args[left ? 1 : 0];
    const bool scales = e->op == Op::Mul || e->op == Op::Div;
    if (scales && places_.signs().of(known) == Sign::Unknown) return Expr();
    const bool flips = e->op == Op::Sub && right;
    const Reduce inner = !flips ? op : (op == Reduce::Max ? Reduce::Min : Reduce::Max);
    const Expr moved = (*this)(inner, e->args[left ? 0 : 1], condition);
    if (!moved) return Expr();
    return left ? ir::binary(e->op, moved, known) : ir::binary(e->op, known, moved);
  }

  Draft& draft_;
  Places& places_;
};

using Names = std::set<std::string>;

/// A state times what moved out of the loop; 0 where the state is 0, whatever moved: in rows
/// without a live element it is 1 / 0.
Expr shielded(const Term& rest, Type type, const Names& rows) {
  const Expr value = to_expr(rest, type), state = rest.factors.front().first;
  if (!ir::mentions_any(value, rows)) return value;
  const Expr zero = ir::constant(0.0, type);
  return ir::where(ir::binary(Op::Eq, as(state, type), zero), zero, value);
}

bool place_sum(Draft& draft, Places& places, const Reduction& red, const Names& rows) {
  const Type type = red.body->type;
  const auto body = places.decompose(red.body);
  if (!body) return false;
  Sum total;
  Expr shielded_total;
  for (const Term& t : *body) {
    const auto rest = add_rest(draft, places, t, type);
    if (!rest) return false;
    add(total, {*rest});
    const Expr part = shielded(*rest, type, rows);
    shielded_total = shielded_total ? shielded_total + part : part;
  }
  draft.finish(red.name, shielded_total && red.zeroed ? shielded_total : to_expr(total, type));
  return true;
}

/// True when the reduction joins the pass.
bool place(Draft& draft, const Reduction& red, const Names& rows) {
  Places places(draft.scope());
  const Type type = red.body->type;
  if (red.op == Reduce::Sum && ir::is_float(type)) return place_sum(draft, places, red, rows);
  Expr value;
  if (!places.waits(red.body))
    value = draft.state(red.op, red.body);
  else if ((red.op == Reduce::Max || red.op == Reduce::Min) && ir::is_float(type))
    value = Order(draft, places)(red.op, red.body);
  if (!value) return false;
  draft.finish(red.name, value);
  return true;
}

bool waits_for(const Reduction& red, const std::vector<Reduction>& later) {
  for (Expr s : ir::symbols_of(red.body))
    for (const Reduction& other : later)
      if (s->name() == other.name) return true;
  return false;
}

}  // namespace

std::vector<Pass> make_online(const std::vector<Reduction>& reductions,
                              const std::vector<Expr>& leaves,
                              const std::vector<std::string>& positive) {
  Signs signs;
  std::set<std::string> taken(positive.begin(), positive.end());
  for (const std::string& name : positive) signs.learn(name, Sign::Positive);
  for (Expr leaf : leaves) taken.insert(leaf->name());
  Names rows;
  for (const Reduction& red : reductions) {
    rows.insert(red.name);
    taken.insert(red.name);
    for (Expr s : ir::symbols_of(red.body)) taken.insert(s->name());
    signs.learn(red.name, signs.of(red.op, red.body));
  }
  std::vector<Pass> passes;
  std::vector<Reduction> todo = reductions;
  while (!todo.empty()) {
    Draft draft(leaves, signs, taken);
    std::vector<Reduction> later;
    for (const Reduction& red : todo) {
      Draft trial = draft;
      if (!waits_for(red, later) && place(trial, red, rows))
        draft = std::move(trial);
      else
        later.push_back(red);
    }
    FLASHLIGHT_CHECK(later.size() < todo.size(), "no reduction fits a pass of its own");
    passes.push_back(draft.pass());
    settle_unseen(passes.back(), reductions);
    taken = draft.taken();
    todo = std::move(later);
  }
  return passes;
}

}  // namespace flashlight::transform
