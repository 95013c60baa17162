// A pass: states and references over the tiles of the loop.
#include <algorithm>
#include <cmath>

#include "ir/rewrite.h"
#include "support/error.h"
#include "tile/probe.h"
#include "tile/unit.h"

namespace flashlight::tile {

using namespace ir;

int64_t Unit::extent() const { return evaluate(kernel_.loop->extent(), scope_.sizes); }

Unit::Bounds Unit::bounds(const Range& r) {
  const auto value = [&](Expr e) { return static_cast<int64_t>(Scalar(e, scope_, space_)()); };
  return {std::clamp<int64_t>(value(r.lo), 0, extent()),
          std::clamp<int64_t>(value(r.hi), 0, extent())};
}

void Unit::pass(const Pass& p) {
  const Bounds full = bounds(p.full);
  summaries(p);
  const bool whole = loop(p, bounds(p.live), full, true);
  finals(p);
  if (!whole && !certified(p)) {
    loop(p, {0, extent()}, full, false);
    finals(p);
  }
  for (const State& s : p.states) scope_.values.erase(s.name);
  for (const StreamReference& r : p.references) scope_.values.erase(r.name);
  for (const auto& f : p.finals) scope_.values[f.name] = scope_.buffers.at(f.name).get();
}

void Unit::start(const Pass& p) {
  states_.clear(), references_.clear();
  for (const State& s : p.states) {
    states_[s.name] = Buffer(space_, s.axes, identity(s.op, s.type));
    scope_.values[s.name] = &states_[s.name];
  }
  for (const StreamReference& r : p.references) {
    Buffer& b = references_[r.name] = Buffer(space_, r.axes, 0);
    Scalar first(r.start, scope_, space_);
    space_.each(r.axes, [&] { b.here(space_) = first(); });
  }
}

bool Unit::loop(const Pass& p, Bounds live, Bounds full, bool probed) {
  start(p);
  const int64_t panel = kernel_.schedule.panel, tile = kernel_.schedule.loop_tile;
  const int64_t first = live.lo / panel * panel;
  const auto dead = [&](int64_t lo, int64_t hi) {
    return p.probe && probed && !lives(p, {lo, std::min(hi, live.hi)});
  };
  bool whole = first == 0 && live.hi == extent();
  for (int64_t lo = first; lo < live.hi && live.lo < live.hi;) {
    if (dead(lo, lo + panel)) {
      whole = false;
      lo += panel;
      continue;
    }
    int64_t end = lo + tile;
    while (end - panel > lo && (end - panel >= live.hi || dead(end - panel, end))) end -= panel;
    const int64_t hi = std::min(end, live.hi);
    const double share = static_cast<double>(hi - first) / static_cast<double>(live.hi - first);
    step(p, {lo, hi}, lo >= full.lo && hi <= full.hi, share);
    lo = end;
  }
  return whole;
}

void Unit::summaries(const Pass& p) {
  if (!p.probe) return;
  for (const Probe::Summary& s : p.probe->summaries) {
    Scalar value(s.value, scope_, space_);
    double best = identity(s.op, s.value->type);
    space_.each(s.axes, [&] { best = combine(s.op, best, value()); });
    scope_.numbers[s.name] = best;
  }
}

/// Whether the probe holds somewhere in a panel, for a row that the summaries do not exclude.
bool Unit::lives(const Pass& p, Bounds panel) {
  space_.set(kernel_.loop, panel.lo, panel.hi);
  Scalar condition(p.probe->condition, scope_, space_);
  const Expr first = p.probe->some_row ? p.probe->some_row : boolean(true);
  Scalar some_row(first, scope_, space_);
  std::vector<Expr> axes = {kernel_.loop};
  for (const auto* list : {&kernel_.tiled, &kernel_.whole})
    for (Expr a : *list)
      if (uses(p.probe->condition, a)) axes.push_back(a);
  bool column = false, element = false;
  space_.each({kernel_.loop}, [&] { column |= some_row() != 0; });
  if (column) space_.each(axes, [&] { element |= condition() != 0; });
  return element;
}

void Unit::step(const Pass& p, Bounds at, bool full, double share) {
  space_.set(kernel_.loop, at.lo, at.hi);
  const Buffers before = states_;
  statements(full ? p.before_full : p.before, p.contractions);
  absorb(p, false, full);
  move(p, before, share);
  statements(full ? p.after_full : p.after, p.contractions);
  absorb(p, true, full);
}

void Unit::absorb(const Pass& p, bool with_references, bool full) {
  for (const State& s : p.states) {
    if (s.references.empty() == with_references) continue;
    Buffer& state = states_.at(s.name);
    const auto alive = [&] { return is_alive(p, s); };
    if (s.contraction) {
      contract(*s.contraction, &state, alive);
      continue;
    }
    Scalar body(full && s.body_full ? s.body_full : s.body, scope_, space_);
    space_.each(s.axes, [&] {
      if (!alive()) return;
      double& value = state.here(space_);
      space_.each({kernel_.loop}, [&] { value = combine(s.op, value, body()); });
    });
  }
}

/// At the current row: no reference still has an infinite start, the sign that nothing was seen.
bool Unit::is_alive(const Pass& p, const State& s) {
  return std::all_of(p.references.begin(), p.references.end(), [&](const StreamReference& r) {
    if (!std::count(s.references.begin(), s.references.end(), r.name) || !is_const(r.start))
      return true;
    const double start = const_value(r.start);
    return !std::isinf(start) || references_.at(r.name).here(space_) != start;
  });
}

/// Takes every reference to its target, and there what the states held `before` this tile.
void Unit::move(const Pass& p, const Buffers& before, double share) {
  Buffers to = references_;
  scope_.numbers["share"] = share;
  for (const StreamReference& r : p.references) {
    if (!r.target) continue;
    Buffer& next = to.at(r.name);
    Scalar target(r.target, scope_, space_);
    space_.each(r.axes, [&] { next.here(space_) = target(); });
  }
  scope_.numbers.erase("share");
  for (const State& s : p.states)
    if (!s.references.empty()) states_.at(s.name) = moved(p, s, before, to);
  references_ = seen_ = to;
  for (const StreamReference& r : p.references) {
    Buffer& b = seen_.at(r.name);
    for (double& value : b.array.data)
      if (is_const(r.start) && std::isinf(value) && value == const_value(r.start)) value = 0;
    scope_.values[r.name] = &b;
  }
}

/// The state at other references: sum of factor * state, where 0 times any factor is 0.
Buffer Unit::moved(const Pass& p, const State& s, const Buffers& states, const Buffers& to) {
  Buffer out = states.at(s.name);
  if (s.move.empty()) return out;
  Scope scope = scope_;
  for (const StreamReference& r : p.references) {
    scope.values[r.name] = &references_.at(r.name);
    scope.values[r.name + "'"] = &to.at(r.name);
  }
  std::vector<std::pair<Scalar, Scalar>> terms;  // factor, state
  for (const auto& [name, factor] : s.move) {
    scope.values[name] = &states.at(name);
    terms.emplace_back(Scalar(factor, scope, space_), Scalar(symbol(name, s.type), scope, space_));
  }
  std::vector<std::pair<Scalar, Scalar>> ends;  // old and new value of each reference used
  for (const std::string& r : s.references)
    ends.emplace_back(Scalar(symbol(r, s.type), scope, space_),
                      Scalar(symbol(r + "'", s.type), scope, space_));
  space_.each(s.axes, [&] {
    bool stays = true;
    for (auto& [from, target] : ends) stays &= from() == target();
    if (stays) return;
    double value = 0;
    for (auto& [factor, state] : terms)
      if (const double held = state(); held != 0) value += factor() * held;
    out.here(space_) = value;
  });
  return out;
}

Unit::Buffers Unit::true_references(const Pass& p) {
  Buffers to = references_;
  for (const StreamReference& r : p.references) {
    const auto known = scope_.buffers.find(r.follows);
    if (known == scope_.buffers.end()) continue;
    Scope scope = scope_;
    scope.values[r.follows] = known->second.get();
    Scalar end(symbol(r.follows, r.start->type), scope, space_);
    Buffer& b = to.at(r.name);
    space_.each(r.axes, [&] { b.here(space_) = end(); });
  }
  return to;
}

void Unit::finals(const Pass& p) {
  for (const auto& f : p.finals) scope_.buffers.erase(f.name), scope_.values.erase(f.name);
  for (const auto& f : p.finals) final_value(p, f);
}

/// A Symbol is a state once the true values of its references are known, else an earlier final.
void Unit::final_value(const Pass& p, const StreamPass::Final& f) {
  const Buffers to = true_references(p);
  const Buffers kept = states_;
  Buffers settled;
  for (const State& s : p.states) {
    const bool ready =
        std::all_of(p.references.begin(), p.references.end(), [&](const StreamReference& r) {
          return !std::count(s.references.begin(), s.references.end(), r.name) ||
                 scope_.buffers.count(r.follows);
        });
    if (ready) settled[s.name] = moved(p, s, kept, to);
  }
  Scope scope = scope_;
  for (const auto& done : p.finals)
    if (scope_.buffers.count(done.name)) scope.values[done.name] = scope_.buffers[done.name].get();
  for (auto& [name, b] : settled) scope.values[name] = &b;
  auto out = std::make_shared<Buffer>(space_, f.axes, 0);
  const bool empty = extent() == 0 && f.op != Reduce::None;
  Scalar body(empty ? reduce_identity(f.op, f.body->type) : f.body, scope, space_);
  space_.each(f.axes, [&] { out->here(space_) = body(); });
  scope_.buffers[f.name] = out;
}

bool Unit::certified(const Pass& p) {
  const Expr exact = certificate(p);
  if (!exact) return true;
  Scope scope = scope_;
  for (const auto& f : p.finals) scope.values[f.name] = scope_.buffers.at(f.name).get();
  std::vector<Expr> axes;
  const auto add = [&](Expr a) {
    if (std::find(axes.begin(), axes.end(), a) == axes.end()) axes.push_back(a);
  };
  visit(exact, [&](Expr n) {
    if (n->op == Op::Axis) add(n);
    if (n->op == Op::Symbol && scope.values.count(n->name()))
      for (Expr a : scope.values.at(n->name())->axes) add(a);
  });
  bool all = true;
  Scalar holds(exact, scope, space_);
  space_.each(axes, [&] { all &= holds() != 0; });
  return all;
}

}  // namespace flashlight::tile
