#include "transform/merge.h"

#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::transform {

using ir::Expr;

namespace {

Expr add_to(Expr sum, Expr e) { return sum ? sum + e : e; }

}  // namespace

Expr moved_state(const Pass& pass, const State& state, const std::string& suffix) {
  const ir::Type type = state.body->type;
  if (state.move.empty()) return ir::symbol(state.name + suffix, type);
  ir::Substitution old;
  for (const Reference& r : pass.references) {
    const ir::Type t = r.start->type;
    old[ir::symbol(r.name, t)] = ir::symbol(r.name + suffix, t);
  }
  Expr out;
  for (const State& from : pass.states) {  // in order of the states, not of their names
    const auto it = state.move.find(from.name);
    if (it == state.move.end()) continue;
    const Expr value = ir::symbol(from.name + suffix, from.body->type);
    out = add_to(out, ir::substitute(it->second, old) * ir::cast(value, type));
  }
  FLASHLIGHT_CHECK(out, "state " + state.name + " moves to nothing");
  return out;
}

Merge make_merge(const Pass& pass) {
  Merge out;
  for (const State& s : pass.states) {
    if (!s.references.empty()) continue;
    const ir::Type type = s.body->type;
    out.values.emplace_back(s.name, ir::reduce_combine(s.op, ir::symbol(s.name + "@a", type),
                                                       ir::symbol(s.name + "@b", type)));
  }
  for (const Reference& r : pass.references) out.values.emplace_back(r.name + "'", r.target);
  for (const State& s : pass.states) {
    if (s.references.empty()) continue;
    out.values.emplace_back(s.name, moved_state(pass, s, "@a") + moved_state(pass, s, "@b"));
  }
  return out;
}

}  // namespace flashlight::transform
