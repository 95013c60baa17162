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
  out.lies_among = [this](Expr e, const Sum& elements) { return lies_among(e, elements); };
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

Expr Draft::over_states(Expr e) const {
  ir::Substitution map;
  for (Expr s : ir::symbols_of(e))
    if (const Expr value = final_of(s->name())) map[s] = over_states(value);
  return ir::substitute(e, map);
}

std::optional<Expr> Draft::target(Expr e) const {
  e = over_states(e);
  ir::Substitution whole;
  bool counts = false;
  for (Expr s : ir::symbols_of(e)) {
    const State* state = find_state(s->name());
    if (!state) continue;
    if (!state->references.empty()) return std::nullopt;
    if (state->op != Reduce::Sum) continue;
    counts |= !ir::is_float(s->type);
    if (ir::is_float(s->type)) whole[s] = s / ir::symbol("share", s->type);
  }
  // Beside a count of what was seen, a sum so far needs no extrapolation.
  return counts ? e : ir::substitute(e, whole);
}

Expr Draft::named(Expr e) {
  if (e->op == Op::Symbol && final_of(e->name())) return e;
  for (const auto& [name, value] : pass_.finals)
    if (value == e) return ir::symbol(name, e->type);
  const std::string name = fresh("h");
  finish(name, e);
  return ir::symbol(name, e->type);
}

// element = scale * body, so that the peak of one is that of the other.
std::optional<Term> Draft::scale_to(const State& s, const Sum& element,
                                    const std::vector<Expr>& conditions) const {
  const bool least = s.op == Reduce::Min;
  if (!s.references.empty() || !(least || s.op == Reduce::Max)) return std::nullopt;
  const auto scale = ratio(element, expand(under(s.body, conditions)));
  if (!scale) return std::nullopt;
  for (const auto& [f, p] : scale->factors)
    if (ir::uses_any(f, leaves_)) return std::nullopt;
  const Term direction = multiply(*scale, Term{least ? -1.0 : 1.0, {}});
  if (signs_.of(direction) != Sign::Positive) return std::nullopt;
  return scale;
}

std::optional<Peak> Draft::subtracted(Expr element, const std::vector<Expr>& conditions,
                                      Expr known) const {
  const Sum elements = expand(under(element, conditions)), value = expand(known);
  for (Expr name : ir::symbols_of(known)) {
    const Expr final = final_of(name->name());
    const State* state = final && final->op == Op::Symbol ? find_state(final->name()) : nullptr;
    if (!state) continue;
    const auto scale = scale_to(*state, elements, conditions);
    if (scale && equal(value, {multiply(*scale, atom(name))})) return Peak{name, *scale};
  }
  return std::nullopt;
}

std::optional<Peak> Draft::own_peak(Expr element, const std::vector<Expr>& conditions,
                                    Expr known) const {
  if (const auto peak = subtracted(element, conditions, known)) return peak;
  // The largest of all elements bounds those that a mask leaves.
  const Expr lowest = ir::reduce_identity(Reduce::Max, element->type);
  if (element->op != Op::Where || element->args[2] != lowest) return std::nullopt;
  return subtracted(element->args[1], conditions, known);
}

Peak Draft::peak(Expr element, const std::vector<Expr>& conditions, Expr known) {
  if (const auto own = own_peak(element, conditions, known)) return *own;
  const Sum elements = expand(under(element, conditions));
  for (const State& s : pass_.states)
    if (const auto scale = scale_to(s, elements, conditions))
      return {named(ir::symbol(s.name, s.body->type)), *scale};
  const Expr lowest = ir::reduce_identity(Reduce::Max, element->type);
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
