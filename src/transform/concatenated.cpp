#include "transform/concatenated.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::transform {
namespace {

using namespace ir;

bool is_fixed(Expr e) { return axes_of(e).empty() && loads_of(e).empty(); }

/// The first index for which a comparison of the axis with a fixed bound says something else than
/// for the one before; null: it is no such comparison.
Expr border(Expr condition, Expr axis) {
  if (!is_order(condition->op) || condition->args[0]->type != Type::Int) return {};
  const auto parts = affine(condition->args[0] - condition->args[1]);
  if (!parts || parts->coefficients.size() != 1 || !is_fixed(parts->rest)) return {};
  const Expr coefficient = parts->coefficient(axis);
  const bool falls = is_const(coefficient, -1);
  if (!falls && !is_const(coefficient, 1)) return {};
  const bool strict = condition->op == Op::Lt || condition->op == Op::Ge;
  const Expr first = falls ? parts->rest : constant(int64_t{-1}) * parts->rest;
  return simplify(first + constant(int64_t{falls == strict}));
}

/// Some value of the program that is no input is read along the axis.
bool reads_along(const Program& p, Expr body, Expr axis) {
  const std::vector<Expr> loads = loads_of(body);
  return std::any_of(loads.begin(), loads.end(),
                     [&](Expr l) { return uses(l, axis) && p.computation(l->name()); });
}

/// The two parts of a reduction, and it as what they give together. Empty: there is no border.
std::vector<Computation> parts_of(const Program& p, const Computation& c) {
  if (c.op == Reduce::None || c.reduce_axes.size() != 1) return {};
  const Expr r = c.reduce_axes[0], one = constant(int64_t{1});
  Expr at;
  visit(c.body, [&](Expr e) {
    if (e->op != Op::Where || at) return;
    const Expr n = border(e->args[0], r);
    if (n && known_le(one, n) && known_le(n + one, r->extent())) at = n;
  });
  if (!at) return {};
  const std::vector<Expr> index(c.axes.begin(), c.axes.end());
  const auto part = [&](const char* name, Expr extent, Expr first) {
    const Expr a = axis(r->name(), extent);
    const bool unit = is_const(extent, 1);
    const Expr body = simplify(substitute(c.body, {{r, unit ? first : first + a}}));
    Computation out{c.name + name, c.dtype, c.axes, unit ? Reduce::None : c.op, {}, body};
    if (!unit) out.reduce_axes = {a};
    return out;
  };
  const Computation low = part(".low", at, constant(int64_t{0})),
                    high = part(".high", simplify(r->extent() - at), at);
  const auto along = [&](const Computation& x) {
    return !x.reduce_axes.empty() && reads_along(p, x.body, x.reduce_axes[0]);
  };
  if (along(low) == along(high)) return {};
  const Type type = c.body->type;
  const Expr both = reduce_combine(c.op, load(low.name, index, type), load(high.name, index, type));
  return {low, high, {c.name, c.dtype, c.axes, Reduce::None, {}, both}};
}

}  // namespace

Program split_concatenated(const Program& program) {
  Program out = program;
  out.computations.clear();
  for (const Computation& c : program.computations) {
    const std::vector<Computation> parts = parts_of(program, c);
    if (parts.empty())
      out.computations.push_back(c);
    else
      out.computations.insert(out.computations.end(), parts.begin(), parts.end());
  }
  return out;
}

}  // namespace flashlight::transform
