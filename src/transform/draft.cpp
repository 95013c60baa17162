#include "transform/draft.h"

#include <algorithm>

#include "ir/rewrite.h"

namespace flashlight::transform {

using ir::Expr;
using ir::Op;
using ir::Reduce;
using ir::Type;

Expr under(Expr e, const std::vector<Expr>& conditions) {
  while (e->op == Op::Where) {
    const Term when = indicator(e->args[0]);
    const bool holds = std::all_of(when.factors.begin(), when.factors.end(), [&](const auto& f) {
      return std::find(conditions.begin(), conditions.end(), f.first) != conditions.end();
    });
    if (!holds) break;
    e = e->args[1];
  }
  return e;
}

Scope Draft::scope() const {
  Scope out{leaves_, {}, signs_, {}};
  for (const auto& [name, value] : pass_.finals) out.live.insert(name);
  out.follows = [this](Expr e) { return target(e).has_value(); };
  return out;
}

std::string Draft::fresh(const std::string& stem) {
  for (int i = 0;; ++i) {
    const std::string name = stem + std::to_string(i);
    if (taken_.insert(name).second) return name;
  }
}

const State* Draft::find_state(const std::string& name) const {
  for (const State& s : pass_.states)
    if (s.name == name) return &s;
  return nullptr;
}

Expr Draft::final_of(const std::string& name) const {
  for (const auto& [n, value] : pass_.finals)
    if (n == name) return value;
  return Expr();
}

Expr Draft::state(Reduce op, Expr body, std::vector<std::string> references) {
  for (const State& s : pass_.states)
    if (s.op == op && s.body == body) return ir::symbol(s.name, body->type);
  std::sort(references.begin(), references.end());
  references.erase(std::unique(references.begin(), references.end()), references.end());
  pass_.states.push_back({fresh("S"), op, body, std::move(references), {}});
  return ir::symbol(pass_.states.back().name, body->type);
}

void Draft::set_move(Expr state, std::map<std::string, Expr> row) {
  for (State& s : pass_.states)
    if (s.name == state->name()) s.move = std::move(row);
}

void Draft::finish(const std::string& name, Expr value) {
  taken_.insert(name);
  pass_.finals.emplace_back(name, value);
}

std::optional<Expr> Draft::target(Expr e) const {
  ir::Substitution map;
  for (Expr s : ir::symbols_of(e)) {
    if (const Expr value = final_of(s->name())) {
      const auto inner = target(value);
      if (!inner) return std::nullopt;
      map[s] = *inner;
    } else if (const State* state = find_state(s->name())) {
      if (!state->references.empty() || !ir::is_float(s->type)) return std::nullopt;
      if (state->op == Reduce::Sum) map[s] = s / ir::symbol("share", s->type);
    }
  }
  return ir::substitute(e, map);
}

Expr Draft::named(Expr e) {
  if (e->op == Op::Symbol && final_of(e->name())) return e;
  for (const auto& [name, value] : pass_.finals)
    if (value == e) return ir::symbol(name, e->type);
  const std::string name = fresh("h");
  finish(name, e);
  return ir::symbol(name, e->type);
}

Expr Draft::name_of(Expr state, Expr known) {
  for (Expr s : ir::symbols_of(known))
    if (final_of(s->name()) == state) return s;
  return named(state);
}

std::optional<Peak> Draft::match(Expr element, const std::vector<Expr>& conditions, Expr known) {
  const Sum wanted = expand(under(element, conditions));
  for (const State& s : pass_.states) {
    const bool least = s.op == Reduce::Min;
    if (!s.references.empty() || !(least || s.op == Reduce::Max)) continue;
    const auto scale = ratio(wanted, expand(under(s.body, conditions)));
    if (!scale) continue;
    bool constant = true;
    for (const auto& [f, p] : scale->factors) constant &= !ir::uses_any(f, leaves_);
    const Term direction = multiply(*scale, Term{least ? -1.0 : 1.0, {}});
    if (!constant || signs_.of(direction) != Sign::Positive) continue;
    return Peak{name_of(ir::symbol(s.name, s.body->type), known), *scale};
  }
  return std::nullopt;
}

Peak Draft::peak(Expr element, const std::vector<Expr>& conditions, Expr known) {
  if (const auto found = match(element, conditions, known)) return *found;
  const Expr lowest = ir::reduce_identity(Reduce::Max, element->type);
  if (element->op == Op::Where && element->args[2] == lowest) {
    // The largest of all elements bounds those that a mask leaves. As far below it as in eager's
    // own expression, provided that eager subtracts the same.
    const size_t before = pass_.finals.size();
    const auto loose = match(element->args[1], conditions, known);
    if (loose && before == pass_.finals.size() &&
        equal(expand(known), {multiply(loose->scale, atom(loose->name))}))
      return *loose;
  }
  Expr body = element;
  for (Expr c : conditions) body = ir::where(c, body, lowest);
  return {named(state(Reduce::Max, body)), Term{}};
}

Expr Draft::reference(Expr name, Expr target, Expr start) {
  for (const Reference& r : pass_.references)
    if (r.follows == name->name() && r.target == target) return ir::symbol(r.name, name->type);
  std::string text = "r_" + name->name();
  if (!taken_.insert(text).second) text = fresh(text + "_");
  pass_.references.push_back({text, name->name(), target, start});
  return ir::symbol(text, name->type);
}

}  // namespace flashlight::transform
