// Which products a kernel has, what their operands are and in which type they are computed.
#include <algorithm>

#include "codegen/cuda/plan.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

/// The factors of a product that have an axis, and the others.
std::pair<Expr, Expr> split(Expr body, const std::vector<Expr>& axes) {
  Expr with, without;
  const std::function<void(Expr)> take = [&](Expr e) {
    if (e->op == Op::Mul && uses_any(e, axes)) return take(e->args[0]), take(e->args[1]);
    Expr& into = uses_any(e, axes) ? with : without;
    into = into ? into * e : e;
  };
  take(body);
  return {with, without};
}

}  // namespace

bool is_product(const tile::Contraction& c) {
  const Expr e = c.combine;  // a square of a difference has two symbols as well
  return c.op == Reduce::Sum && e->op == Op::Mul && e->args[0]->op == Op::Symbol &&
         e->args[1]->op == Op::Symbol && e->args[0] != e->args[1];
}

Math Plan::wider(Math a, Math b) const {
  if (a == b) return a;
  if (a == Math::F32 || b == Math::F32) return Math::F32;
  return kernel.specialization.tf32 ? Math::Tf32 : Math::F32;
}

/// Both operands of a product have one type; an operand of two products has that of both.
void Plan::plan_math() {
  auto body = [&](const std::string& name) {
    const tile::Statement* s = find(name);
    FLASHLIGHT_CHECK(s, "no operand " + name);
    return s->body;
  };
  auto widen = [&](const std::string& name, Math math) {
    const auto known = math_.find(name);
    const Math now = known == math_.end() ? math : wider(known->second, math);
    const bool changed = known == math_.end() || known->second != now;
    math_[name] = now;
    return changed;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const tile::Pass& p : kernel.passes) {
      for (const tile::Contraction& c : p.contractions) {
        Math math = is_product(c) ? math_of(body(c.a), body(c.b)) : Math::F32;
        for (const std::string& name : {c.a, c.b})
          if (math_.count(name)) math = wider(math, math_[name]);
        changed |= widen(c.a, math);
        changed |= widen(c.b, math);
      }
      for (const tile::State& s : p.states)
        if (s.contraction) changed |= widen(s.contraction->b, math_of(Expr(), body(s.contraction->b)));
    }
  }
}

void Plan::plan_operands() {
  if (!kernel.prologue_contractions.empty()) refuse("a product before the loop");
  plan_math();
  for (tile::Pass& p : kernel.passes) {
    for (const tile::Contraction& c : p.contractions) contraction(c);
    for (tile::State& s : p.states) state(p, s);
  }
}

/// Scores: a sum of products, or any reduction of any function of two elements in float32.
void Plan::contraction(const tile::Contraction& c) {
  if (!is_product(c)) {
    const std::string why = c.value + " is no sum of products";
    if (!wide_ || c.op == Reduce::Any || c.op == Reduce::All) refuse(why);
    for (Expr x : symbols_of(c.combine))
      if (x->name() != "a" && x->name() != "b") refuse(why);
  }
  if (!c.batch.empty()) refuse(c.value + " has the axis " + c.batch[0]->name() + " inside the tile");
  if (c.m.size() != 1 || c.m[0] != rows) refuse(c.value + " has no row axis");
  add_operand(*find(c.a), rows, math_.at(c.a));
  add_operand(*find(c.b), loop, math_.at(c.b));
}

void Plan::state(tile::Pass& pass, tile::State& s) {
  std::vector<Expr> columns;
  for (Expr a : s.axes)
    if (a != rows) columns.push_back(a);
  if (!s.contraction) {
    if (columns.empty() || s.op != Reduce::Sum || s.type != Type::F32) return;
    if (!wide_) refuse("state " + s.name + " is no product");
    if (!contains(s.axes, rows) && !uses(s.body, rows)) return column_sum(s);
    const auto [value, weight] = split(s.body, columns);
    if (!value || !weight || !uses(value, rows)) refuse("state " + s.name + " is no product");
    std::string weights;
    if (weight->op == Op::Load && !tensors.count(weight->name()) && weight->args.size() == 2) {
      weights = weight->name();
    } else {  // weights of its own: kept as those of products are
      weights = names.fresh(s.name + "_weights");
      tile::Statement w;
      w.name = weights, w.type = weight->type, w.axes = {rows, loop}, w.body = weight;
      auto& list = s.references.empty() ? pass.before : pass.after;
      list.push_back(w);
      if (s.body_full) w.body = split(s.body_full, columns).second;
      (s.references.empty() ? pass.before_full : pass.after_full).push_back(w);
    }
    return row_value(pass, s, value, weights);
  }
  const tile::Contraction& c = *s.contraction;
  if (!is_product(c)) refuse(c.value + " is no sum of products");
  const tile::Statement* b = find(c.b);
  FLASHLIGHT_CHECK(b, "no operand " + c.b);
  if (uses(b->body, rows)) {
    if (!wide_) refuse("values of " + c.value + " change with the row");
    const Expr body = b->body;
    const std::string value = c.b, weights = c.a;
    for (auto* list : {&pass.before, &pass.after, &pass.before_full, &pass.after_full})
      list->erase(std::remove_if(list->begin(), list->end(),
                                 [&](const tile::Statement& x) { return x.name == value; }),
                  list->end());
    return row_value(pass, s, body, weights);
  }
  if (!c.batch.empty()) refuse(c.value + " has the axis " + c.batch[0]->name() + " inside the tile");
  if (c.m.size() != 1 || c.m[0] != rows) refuse(c.value + " has no row axis");
  add_operand(*b, loop, math_.at(c.b));
}

/// A sum of values alone: a product with weights of one, in all rows the same.
void Plan::column_sum(const tile::State& s) {
  if (!s.references.empty() || (s.body_full && s.body_full != s.body))
    refuse("state " + s.name + " is no product");
  std::vector<Expr> axes = {loop};
  for (Expr a : s.axes) axes.push_back(a);
  for (const auto& [name, k] : operand_of) {
    const Operand& o = operands[static_cast<size_t>(k)];
    if (o.row == loop && o.body == s.body && o.columns == s.axes) {
      column_sums[s.name] = k;
      return;
    }
  }
  tile::Statement b;
  b.name = names.fresh(s.name + "_columns"), b.type = s.type, b.axes = axes, b.body = s.body;
  kernel.packs.push_back(b);
  add_operand(b, loop, math_of(Expr(), s.body));
  column_sums[s.name] = operand_of.at(b.name);
}

void Plan::row_value(tile::Pass& pass, tile::State& s, Expr body, std::string weights) {
  (void)pass;
  const std::string why = "values of " + s.name + " change with the row";
  RowValues v;
  v.state = s.name, v.weights = weights, v.body = body;
  for (Expr a : s.axes)
    if (a != rows && v.column) refuse(why + " and have two axes");
    else if (a != rows) v.column = a;
  if (body->op != Op::Load || !tensors.count(body->name())) refuse(why + " and are computed");
  v.tensor = &tensors.at(body->name()), v.extent = extent_of(v.column);
  const auto last = affine(body->args.back());
  bool as_it_lies = v.tensor->aligned && v.tensor->strides.back() == "1" && last &&
                    is_const(last->coefficient(v.column), 1) && last->coefficients.size() == 1 &&
                    is_const(last->rest, 0) && v.extent % 16 == 0 && v.extent <= 128;
  int loops = 0;
  for (size_t d = 0; d + 1 < body->args.size(); ++d) {
    const Expr at = body->args[d];
    as_it_lies = as_it_lies && !uses(at, v.column) && loads_of(at).empty();
    if (uses(at, loop)) loops += at == loop ? 1 : 2;
  }
  if (!as_it_lies || loops != 1) refuse(why + " and do not lie in memory as they are needed");
  if (s.op != Reduce::Sum || (!s.move.empty() && (s.move.size() != 1 || !s.move.count(s.name))))
    refuse(why + " and move with other states");
  if (!s.body) s.body = s.body_full = load(weights, {rows, loop}, Type::F32) * body;
  s.contraction.reset();
  row_values.push_back(v);
}

bool Plan::is_row_values(const std::string& state) const {
  return std::any_of(row_values.begin(), row_values.end(),
                     [&](const RowValues& v) { return v.state == state; });
}

std::string Plan::weights_of(const tile::State& s) const {
  for (const RowValues& v : row_values)
    if (v.state == s.name) return v.weights;
  return s.contraction ? s.contraction->a : "";
}

/// Values that change with the row are shared by the values of another axis alone (the heads): it
/// lies in the warps of a CTA, so that they are read once for all of them.
void Plan::choose_across() {
  if (row_values.empty()) return;
  constexpr int64_t kMost = 16;  // rows of one matrix instruction
  int64_t best = 1;
  for (Expr a : kernel.grid) {
    if (!is_const(a->extent())) continue;
    const int64_t n = int_const(a->extent());
    bool shared = n > best && n <= kMost;
    for (const RowValues& v : row_values) shared = shared && !uses(v.body, a);
    for (const tile::Pass& p : kernel.passes)
      for (Expr e : {p.live.lo, p.live.hi}) shared = shared && !uses(e, a);
    if (shared) across = a, best = n;
  }
  if (!across) refuse("values of " + row_values[0].state + " change with the row, and no axis shares them");
  slots = static_cast<int>(best), warps = 1;
  for (Operand& o : operands) o.own = uses(o.body, across);
}

}  // namespace flashlight::codegen::cuda
