// What a pass keeps in memory between its two phases, and where its masks are needed.
#include <algorithm>
#include <functional>
#include <set>

#include "analysis/live.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "tile/assume.h"
#include "tile/lower_pass.h"
#include "tile/probe.h"

namespace flashlight::tile {

using namespace ir;

namespace {

/// Below this a value is computed twice rather than kept.
constexpr int kCheap = 2;

int cost(Op op) {
  switch (op) {
    case Op::Const:
    case Op::Symbol:
    case Op::Axis:
    case Op::Cast:
      return 0;
    case Op::Neg:
    case Op::Abs:
    case Op::Add:
    case Op::Sub:
    case Op::Mul:
      return 1;
    case Op::Max:
    case Op::Min:
      return 1;
    default:
      return 4;  // where, comparisons on a lane axis, transcendental functions
  }
}

int cost(Expr e, const Roles& roles) {
  int sum = 0;
  visit(e, [&](Expr x) {
    if (x->op == Op::Load)
      sum += roles.is_input(x->name()) ? 2 : 0;
    else if (is_float(x->type) || x->op == Op::Where)
      sum += cost(x->op);
  });
  return sum;
}

bool in_any(const std::vector<Expr>& roots, Expr e) {
  return std::any_of(roots.begin(), roots.end(), [&](Expr r) { return uses(r, e); });
}

bool loads(Expr e, const std::string& name) { return e && names_loaded(e).count(name) > 0; }

}  // namespace

/// Values needed before and after the references move are made once, if they cost enough; left
/// operands of matrix products are always in memory.
void PassLowering::share_values() {
  std::vector<Expr> before, after;
  for (const State& s : pass_.states)
    if (s.body) (s.references.empty() ? before : after).push_back(s.body);
  for (auto& [k, a] : operands_) (uses_reference(a) ? after : before).push_back(a);

  std::vector<Expr> shared;
  std::unordered_set<Expr> seen;
  std::function<void(Expr)> look = [&](Expr e) {
    if (!seen.insert(e).second) return;
    if (!uses_reference(e) && uses(e, stream_.loop)) {
      bool held = e->op == Op::Load && !roles_.is_input(e->name());
      if (!held && in_any(before, e) && cost(e, roles_) > kCheap) shared.push_back(e);
      if (held || in_any(before, e)) return;
    }
    for (Expr a : e->args) look(a);
  };
  for (Expr e : after) look(e);
  for (Expr e : shared) materialise(e, axes_of_value(e), false);

  for (auto& [k, a] : operands_) {
    Contraction& c = *pass_.states[k].contraction;
    bool held = a->op == Op::Load && !roles_.is_input(a->name());
    if (held) {
      c.a = a->name();
      continue;
    }
    if (!made_.count(a)) {
      std::vector<Expr> axes = c.m;
      axes.push_back(stream_.loop);
      for (Expr x : axes_of_value(a))
        if (std::find(axes.begin(), axes.end(), x) == axes.end()) axes.push_back(x);
      materialise(a, by_rank(axes), uses_reference(a));
    }
    c.a = made_.at(a)->name();
  }
  for (State& s : pass_.states)
    if (s.body) s.body = reuse(s.body);
}

void PassLowering::materialise(Expr value, std::vector<Expr> axes, bool after) {
  if (made_.count(value)) return;
  auto& list = after ? pass_.after : pass_.before;
  for (Expr l : loads_of(value))  // the same layout as what it is made from
    if (std::is_permutation(axes.begin(), axes.end(), l->args.begin(), l->args.end()))
      axes = l->args;
  std::string name = (after ? "weights" : "scores") + std::to_string(list.size());
  list.push_back({name, value->type, axes, Reduce::None, {}, reuse(value), Storage::Scratch, ""});
  made_[value] = load(name, axes, value->type);
}

Expr PassLowering::reuse(Expr e) const { return substitute(e, made_); }

/// Does anything but `from` read this buffer once `from` has been written?
bool PassLowering::read_after(const std::string& buffer, const Statement& from, bool after) const {
  bool reached = false;
  auto in_list = [&](const std::vector<Statement>& list) {
    for (const Statement& s : list) {
      if (reached && loads(s.body, buffer)) return true;
      reached = reached || s.name == from.name;
    }
    return false;
  };
  if (after) {
    for (const Statement& s : pass_.after)
      if (s.name != from.name && loads(s.body, buffer)) return true;
  } else if (in_list(pass_.before)) {
    return true;
  }
  if (!after)
    for (const Statement& s : pass_.after)
      if (loads(s.body, buffer)) return true;
  for (const State& s : pass_.states) {
    bool later = !after || !s.references.empty();
    if (later && (loads(s.body, buffer) || (s.contraction && s.contraction->a == buffer)))
      return true;
  }
  return false;
}

/// Elementwise values overwrite what they are made from, if nothing else needs that any more.
void PassLowering::assign_aliases() {
  std::map<std::string, const Statement*> held;
  std::map<std::string, std::string> root;
  auto pass = [&](std::vector<Statement>& list, bool after) {
    for (Statement& s : list) {
      if (s.storage != Storage::Scratch) continue;
      root[s.name] = s.name;
      held[s.name] = &s;
      if (s.op != Reduce::None) continue;
      for (const std::string& n : names_loaded(s.body)) {
        auto it = held.find(n);
        if (it == held.end() || it->second->axes != s.axes || it->second->type != s.type) continue;
        bool shared = false;  // by another name of the same buffer
        for (auto& [name, r] : root)
          shared = shared || (r == root[n] && name != s.name && read_after(name, s, after));
        if (shared) continue;
        s.alias = root[s.name] = root[n];
        break;
      }
    }
  };
  pass(pass_.before, false);
  pass(pass_.after, true);
}

// ---- live and full ranges -------------------------------------------------------------------

void PassLowering::ranges() {
  Expr zero = constant(int64_t{0}), extent = stream_.loop->extent();
  std::map<Expr, analysis::Interval> rows;
  for (Expr a : roles_.whole)  // also those that are reduced inside the tile
    rows[a] = {zero, simplify(a->extent() - constant(int64_t{1}))};
  for (Expr a : roles_.tiled)
    rows[a] = {symbol(a->name() + ".lo"), symbol(a->name() + ".hi") - constant(int64_t{1})};

  auto range = [&](const analysis::LoopRange& r) {
    return Range{r.lo ? r.lo : zero, r.hi ? r.hi : extent};
  };
  analysis::Liveness live = analysis::liveness(stream_, source_, rows);
  pass_.certificate = live.certificate ? roles_.local(live.certificate) : Expr();
  pass_.probe = make_probe(live, stream_.loop, rows);
  if (pass_.probe && pass_.probe->certificate)
    pass_.probe->certificate = roles_.local(pass_.probe->certificate);
  // Not simplified here: the bounds of the row tile are Symbols that may be 0, unlike sizes.
  pass_.live = pass_.full = {zero, extent};
  if (live.condition) pass_.live = range(analysis::may_hold(live.condition, stream_.loop, rows));
  Expr unmasked = boolean(true);
  for (Expr p : live.predicates) unmasked = binary(Op::And, unmasked, p);
  pass_.full = range(analysis::must_hold(unmasked, stream_.loop, rows));

  std::set<std::string> lent;  // others write over them
  for (auto* list : {&pass_.before, &pass_.after})
    for (const Statement& s : *list) lent.insert(s.alias);
  Assumptions known(live.predicates);
  auto full = [&](std::vector<Statement> list) {
    for (Statement& s : list) {
      s.body = known.apply(s.body);
      bool operand = std::any_of(pass_.states.begin(), pass_.states.end(), [&](const State& t) {
        return t.contraction && t.contraction->a == s.name;
      });
      bool held = s.storage == Storage::Scratch && s.op == Reduce::None && !operand &&
                  !lent.contains(s.name);
      if (held && cost(s.body, roles_) <= kCheap) s.storage = Storage::Inline, s.alias.clear();
    }
    return list;
  };
  pass_.before_full = full(pass_.before);
  pass_.after_full = full(pass_.after);
  for (State& s : pass_.states)
    if (s.body) s.body_full = known.apply(s.body);
}

}  // namespace flashlight::tile
