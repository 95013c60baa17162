#include <algorithm>
#include <unordered_set>

#include "analysis/abstract.h"
#include "analysis/intervals.h"
#include "analysis/live.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::analysis {
namespace {

using namespace ir;

/// `live` is the side of the condition on which values are kept.
struct Mask {
  Expr condition;
  bool live;
  bool bounds = false, open = false;  // the loop; a question that only data answer
  std::vector<size_t> states;         // whose identity it gives
  std::vector<Expr> certificates;
};

void gather(const Stream& stream, Expr body, std::vector<Expr>* out) {
  visit(inlined(stream, body), [&](Expr n) {
    const bool decides = n->op == Op::Where || (n->op == Op::Cast && n->type != Type::Bool);
    if (decides && n->args[0]->type == Type::Bool) out->push_back(n->args[0]);
    if (n->op != Op::Load) return;
    for (const Computation& c : stream.tiles)
      if (c.name == n->name() && c.op != Reduce::None) gather(stream, c.body, out);
  });
}

std::vector<Expr> conditions(const Stream& stream, const StreamPass& pass) {
  std::vector<Expr> out;
  for (const StreamState& s : pass.states) gather(stream, s.body, &out);
  std::unordered_set<Expr> seen;
  std::erase_if(out, [&](Expr e) { return !seen.insert(e).second; });
  return out;
}

/// Can be evaluated before the loop, for any grid point: a guard may stand around the original.
bool is_early(const Stream& stream, Expr e) {
  const Expr zero = constant(int64_t{0}), one = constant(int64_t{1});
  for (Expr l : loads_of(e)) {
    const auto in = std::find_if(stream.inputs.begin(), stream.inputs.end(),
                                 [&](const Input& i) { return i.name == l->name(); });
    if (in == stream.inputs.end()) return false;
    for (size_t d = 0; d < l->args.size(); ++d)
      if (!known_le(zero, l->args[d]) || !known_le(l->args[d] + one, in->shape[d])) return false;
  }
  return true;
}

/// Says nothing of scores, references or earlier passes: inputs, axes and sizes alone.
bool is_testable(const Stream& stream, Expr e) {
  const auto named = [](const auto& list, Expr n) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& item) { return item.name == n->name(); });
  };
  bool found = true;
  visit(e, [&](Expr n) {
    if (n->op == Op::Load) found &= named(stream.inputs, n);
    if (n->op == Op::Symbol) found &= named(stream.symbols, n);
  });
  return found;
}

using Judge = bool (*)(const Stream&, Expr);

/// Implied by e (truth: or by its negation): what is not known is taken to be live.
Expr weakened(const Stream& stream, Expr e, bool truth, Judge known) {
  const auto part = [&](size_t i, bool side) { return weakened(stream, e->args[i], side, known); };
  if (e->op == Op::Not) return unary(Op::Not, part(0, !truth));
  if (e->op == Op::And || e->op == Op::Or) return binary(e->op, part(0, truth), part(1, truth));
  return known(stream, e) ? e : boolean(truth);
}

Expr live_condition(const Stream& stream, const Mask& m, Judge known) {
  const Expr e = weakened(stream, m.condition, m.live, known);
  return m.live ? e : unary(Op::Not, e);
}

/// Nothing is gained from a condition that bounds no loop, and it may need a certificate.
bool bounds_loop(const Stream& stream, const Mask& m) {
  const LoopRange r = may_hold(live_condition(stream, m, is_early), stream.loop, {});
  return r.lo || r.hi;
}

/// Some part of it is no range of the loop, but can be tested.
bool is_open(const Stream& stream, Expr e, bool truth, const Rows& rows) {
  if (e->op == Op::Not) return is_open(stream, e->args[0], !truth, rows);
  if (e->op == Op::And || e->op == Op::Or)
    return is_open(stream, e->args[0], truth, rows) || is_open(stream, e->args[1], truth, rows);
  const bool varies = uses(e, stream.loop) || depends_on_rows(e, rows);
  if (!varies || !is_testable(stream, e)) return false;
  const LoopRange r = may_hold(truth ? e : unary(Op::Not, e), stream.loop, rows);
  return !r.lo && !r.hi;
}

/// A test stands alone: indices that a guard kept in range are clamped. Where the guard is false,
/// any value will do.
Expr in_range(const Stream& stream, Expr e) {
  const Expr zero = constant(int64_t{0}), one = constant(int64_t{1});
  return transform(e, [&](Expr n) {
    if (n->op != Op::Load) return n;
    const auto in = std::find_if(stream.inputs.begin(), stream.inputs.end(),
                                 [&](const Input& i) { return i.name == n->name(); });
    std::vector<Expr> index = n->args;
    for (size_t d = 0; d < index.size(); ++d) {
      const Expr last = in->shape[d] - one;
      if (!known_le(index[d], last)) index[d] = binary(Op::Min, index[d], last);
      if (!known_le(zero, n->args[d])) index[d] = binary(Op::Max, zero, index[d]);
    }
    return load(n->name(), index, n->type);
  });
}

std::vector<Mask> masks(const Stream& stream, const StreamPass& pass, const Rows& rows) {
  std::vector<Mask> out;
  for (Expr condition : conditions(stream, pass))
    for (const bool live : {true, false}) {
      Mask m{condition, live, false, false, {}, {}};
      m.bounds = bounds_loop(stream, m);
      m.open = is_open(stream, condition, live, rows);
      if (!m.bounds && !m.open) continue;
      for (size_t i = 0; i < pass.states.size(); ++i) {
        AbstractEvaluator evaluate(stream, pass, {condition, !live});
        if (!evaluate.is_identity(pass.states[i])) continue;
        m.states.push_back(i);
        for (Expr c : evaluate.certificates()) m.certificates.push_back(c);
      }
      if (!m.states.empty()) out.push_back(m);
    }
  return out;
}

void add_once(std::vector<Expr>* list, Expr e) {
  if (std::find(list->begin(), list->end(), e) == list->end()) list->push_back(e);
}

/// The conjuncts of a mask's live side of which something is known for whole tiles.
void collect_predicates(const Stream& stream, Expr e, bool truth, std::vector<Expr>* out) {
  if (e->op == Op::Not) return collect_predicates(stream, e->args[0], !truth, out);
  if (e->op == (truth ? Op::And : Op::Or)) {
    for (Expr arg : e->args) collect_predicates(stream, arg, truth, out);
    return;
  }
  const Expr p = truth ? e : unary(Op::Not, e);
  if (!is_early(stream, p)) return;
  const LoopRange r = must_hold(p, stream.loop, {});
  if (!r.hi || !is_const(r.hi, 0)) add_once(out, p);
}

Expr all_of(const std::vector<Expr>& list) {
  Expr out;
  for (Expr e : list) out = out ? binary(Op::And, out, e) : e;
  return out;
}

/// Null if some state has no mask: it is fed everywhere.
Expr live_anywhere(const Stream& stream, const std::vector<const Mask*>& used, size_t states,
                   Judge known) {
  Expr out;
  for (size_t i = 0; i < states; ++i) {
    std::vector<Expr> kept;
    for (const Mask* m : used)
      if (std::count(m->states.begin(), m->states.end(), i))
        add_once(&kept, live_condition(stream, *m, known));
    if (kept.empty()) return Expr();
    out = out ? binary(Op::Or, out, all_of(kept)) : all_of(kept);
  }
  return out;
}

Expr certificate_of(const std::vector<const Mask*>& used) {
  std::vector<Expr> all;
  for (const Mask* m : used)
    for (Expr c : m->certificates) add_once(&all, c);
  return all_of(all);
}

using Flag = bool Mask::*;

/// Masks with the flag, those that kill every state if there are any.
std::vector<const Mask*> chosen(const std::vector<Mask>& found, Flag flag, size_t states) {
  std::vector<const Mask*> common, all;
  for (const Mask& m : found) {
    if (!(m.*flag)) continue;
    all.push_back(&m);
    if (m.states.size() == states) common.push_back(&m);
  }
  return common.empty() ? all : common;
}

}  // namespace

Liveness liveness(const Stream& stream, const StreamPass& pass, const Rows& rows) {
  const std::vector<Mask> found = masks(stream, pass, rows);
  const size_t states = pass.states.size();
  Liveness out;
  for (const Mask& m : found)
    if (m.bounds) collect_predicates(stream, m.condition, m.live, &out.predicates);
  const auto bounding = chosen(found, &Mask::bounds, states);
  out.condition = live_anywhere(stream, bounding, states, is_early);
  if (out.condition) out.certificate = certificate_of(bounding);
  const auto open = chosen(found, &Mask::open, states);
  if (Expr probe = live_anywhere(stream, open, states, is_testable)) {
    out.probe = in_range(stream, probe);
    out.probe_certificate = certificate_of(open);
  }
  return out;
}

}  // namespace flashlight::analysis
