#include "transform/unseen.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/rewrite.h"

namespace flashlight::transform {
namespace {

using ir::Expr;
using ir::Op;

/// Whatever the leaves are. Knows ops that keep a NaN; of others it is not sure.
bool always_nan(Expr e) {
  if (!ir::is_float(e->type)) return false;
  switch (e->op) {
    case Op::Const:
      return std::isnan(ir::const_value(e));
    case Op::Symbol:
    case Op::Axis:
    case Op::Load:
    case Op::Pow:  // pow(NaN, 0) is 1
      return false;
    case Op::Where:
      return always_nan(e->args[1]) && always_nan(e->args[2]);
    default:
      return std::any_of(e->args.begin(), e->args.end(), always_nan);
  }
}

template <class All>
auto named(const All& all, const std::string& name) {
  return std::find_if(all.begin(), all.end(), [&](const auto& x) { return x.name == name; });
}

class Settler {
 public:
  explicit Settler(Pass& pass) : pass_(pass) {}

  void settle(const Reduction& red, Expr& value) {
    if (!ir::is_float(value->type)) return;
    const Expr nan = ir::constant(std::numeric_limits<double>::quiet_NaN(), value->type);
    for (const Reference& r : pass_.references) {
      if (!ir::is_const(r.start) || !std::isinf(ir::const_value(r.start))) continue;
      if (!rests_on(value, r.name) || !always_nan(at_start(red.body, r))) continue;
      if (always_nan(ir::substitute(value, unseen(r.name)))) continue;
      const Expr reached = ir::symbol(r.follows, r.start->type);
      value = ir::where(ir::binary(Op::Eq, reached, r.start), nan, value);
      nans_[ir::symbol(red.name, value->type)] = nan;
    }
  }

 private:
  Expr final_of(const std::string& name) const {
    for (const auto& [n, value] : pass_.finals)
      if (n == name) return value;
    return Expr();
  }

  /// Is it made of a state that uses this reference?
  bool rests_on(Expr value, const std::string& reference) const {
    for (Expr s : ir::symbols_of(value)) {
      const auto state = named(pass_.states, s->name());
      if (state != pass_.states.end()) {
        const auto& used = state->references;
        if (std::find(used.begin(), used.end(), reference) != used.end()) return true;
      }
    }
    return false;
  }

  /// What a final is made of, where nothing was seen: states at 0, and finals that are NaN.
  ir::Substitution unseen(const std::string& reference) const {
    ir::Substitution out = nans_;
    for (const State& s : pass_.states)
      if (std::find(s.references.begin(), s.references.end(), reference) != s.references.end())
        out[ir::symbol(s.name, s.body->type)] = ir::constant(0.0, s.body->type);
    return out;
  }

  /// The definition where the extremum that `r` follows is its start, hence all its elements are.
  Expr at_start(Expr body, const Reference& r) const {
    const Expr final = final_of(r.follows);
    if (!final || final->op != Op::Symbol) return body;
    const auto state = named(pass_.states, final->name());
    if (state == pass_.states.end() || !state->references.empty()) return body;
    if (state->op != ir::Reduce::Max && state->op != ir::Reduce::Min) return body;
    ir::Substitution at{{state->body, r.start}};
    for (const auto& [name, value] : pass_.finals)
      if (value == final) at[ir::symbol(name, r.start->type)] = r.start;
    return ir::substitute(body, at);
  }

  Pass& pass_;
  ir::Substitution nans_;  // finals that say it
};

}  // namespace

void settle_unseen(Pass& pass, const std::vector<Reduction>& reductions) {
  Settler settler(pass);
  for (auto& [name, value] : pass.finals) {
    const auto red = named(reductions, name);
    if (red != reductions.end()) settler.settle(*red, value);
  }
}

}  // namespace flashlight::transform
