// References and what follows them. A reference r has an array of its value as bodies see it (0 as
// long as nothing was live), and one of its raw value where that differs (r.raw).
#include "codegen/cpu/kernel_text.h"
#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cpu {
namespace {

using ir::Op;

Expr symbol_of(const ir::StreamReference& r, const std::string& suffix) {
  return ir::symbol(r.name + suffix, r.start->type);
}

/// The identity of the reduction that a reference follows where it needs care: Max and Min.
Expr unset(const tile::Pass& pass, const ir::StreamReference& r) {
  for (const auto& f : pass.finals)
    if (f.name == r.follows && (f.op == ir::Reduce::Max || f.op == ir::Reduce::Min))
      return ir::reduce_identity(f.op, r.start->type);
  return Expr();
}

Expr settled(const tile::Pass& pass, const ir::StreamReference& r, Expr raw) {
  const Expr none = unset(pass, r);
  if (!none) return raw;
  return ir::where(ir::binary(Op::Eq, raw, none), ir::constant(0.0, raw->type), raw);
}

Item item_of(const std::string& name, const std::vector<Expr>& axes, Expr body, Expr key) {
  Item item;
  item.name = name, item.type = body->type, item.axes = axes, item.body = body;
  if (key) item.keys = {key};
  return item;
}

bool uses_reference(const tile::State& s, const std::string& name) {
  for (const std::string& r : s.references)
    if (r == name) return true;
  return false;
}

std::vector<Expr> reference_axes(const tile::Pass& pass, const tile::State& s) {
  std::vector<Expr> axes;
  for (const ir::StreamReference& r : pass.references)
    if (uses_reference(s, r.name) && r.axes.size() >= axes.size()) axes = r.axes;
  return axes;
}

std::string names_of(const std::vector<Expr>& axes) {
  std::string names;
  for (Expr a : axes) names += a->name() + ",";
  return names;
}

/// A state without references that a move adds to others: they get what it held before the tile.
bool moves_others(const tile::Pass& pass, const tile::State& s) {
  bool found = false;
  for (const tile::State& other : pass.states) found |= &other != &s && other.move.count(s.name);
  return found && s.references.empty();
}

/// References that stay where they are have no other value after the move.
ir::Substitution at_rest(const tile::Pass& pass, const std::map<std::string, Expr>& targets) {
  ir::Substitution map;
  for (const ir::StreamReference& r : pass.references)
    if (!targets.count(r.name)) map[symbol_of(r, "'")] = symbol_of(r, "");
  return map;
}

/// `f`, but what a state holds counts for nothing while one of its references is unset, and is
/// right where none of them moves.
Expr guarded(const tile::Pass& pass, const tile::State& s,
             const std::map<std::string, Expr>& targets, Expr f, Expr if_empty, Expr if_same) {
  Expr empty = ir::boolean(false), same = ir::boolean(true);
  for (const ir::StreamReference& r : pass.references) {
    if (!uses_reference(s, r.name)) continue;
    if (const Expr none = unset(pass, r))
      empty = ir::binary(Op::Or, empty, ir::binary(Op::Eq, symbol_of(r, ".raw"), none));
    if (targets.count(r.name))
      same = ir::binary(Op::And, same, ir::binary(Op::Eq, symbol_of(r, ""), symbol_of(r, "'")));
  }
  return ir::where(empty, if_empty, ir::where(same, if_same, f));
}

bool moves_alone(const tile::State& s) { return s.move.size() == 1 && s.move.count(s.name); }

}  // namespace

void KernelText::declare_states(const tile::Pass& pass) {
  for (const tile::State& s : pass.states) {
    for (const std::string& name : {s.name, s.name + ".before"})
      if (name == s.name || moves_others(pass, s))
        scope_[name] = {s.axes, plan_.allocate(name, s.type, s.axes), Expr()};
  }
  for (const ir::StreamReference& r : pass.references) {
    std::vector<std::string> parts = {r.name};
    if (unset(pass, r)) parts.push_back(r.name + ".raw");
    for (const std::string& part : parts)
      scope_[part] = {r.axes, plan_.allocate(part, r.start->type, r.axes), Expr()};
  }
}

void KernelText::print_start(PhasePrinter& unit, const tile::Pass& pass) {
  for (const tile::State& s : pass.states) {
    std::string name = ir::reduce_text(s.op);
    name[0] = static_cast<char>(std::toupper(name[0]));
    unit.writer().line("fill<" + name + ">(" + scope_.at(s.name).array->base + ");");
  }
  std::map<std::string, Expr> starts;
  for (const ir::StreamReference& r : pass.references) starts[r.name] = r.start;
  add_next(unit, pass, starts, scope_);
  add_reference_stores(unit, pass, starts, scope_);
  unit.flush();
}

void KernelText::print_before(Writer& out, const tile::Pass& pass) {
  PhasePrinter phase(out, plan_, scope_, direct_, false);
  for (const tile::State& s : pass.states) {
    if (!moves_others(pass, s)) continue;
    Item item = item_of(s.name + ".before", s.axes, ir::symbol(s.name, s.type), Expr());
    item.array = scope_.at(item.name).array;
    phase.add(item);
  }
  phase.flush();
}

// exp(x - r) has no argument above 0 where x is what r is the maximum of. A product x is rounded
// before r is taken from it, as it was when r was found: of scores of 1e30 the last bit is 1e23.
Expr KernelText::relative(const tile::Pass& pass, Expr e, const Scope& scope, bool full) {
  ir::visit(e, [&](Expr n) {
    if ((n->op != Op::Exp && n->op != Op::Exp2) || n->args[0]->op != Op::Sub) return;
    const Expr x = n->args[0]->args[0], from = n->args[0]->args[1];
    for (const ir::StreamReference& r : pass.references) {
      if (from != symbol_of(r, "")) continue;
      if (x->op == Op::Mul) plan_.rounded.insert(x);
      for (const tile::State& s : pass.states)
        if (s.op == ir::Reduce::Max && s.body && r.target == ir::symbol(s.name, s.type) &&
            expand(full ? s.body_full : s.body, scope) == x)
          plan_.non_positive.insert(n);
    }
  });
  return e;
}

void KernelText::add_next(PhasePrinter& phase, const tile::Pass& pass, const Targets& targets,
                          const Scope& scope) {
  const Expr loop = plan_.kernel.loop;
  for (const ir::StreamReference& r : pass.references) {
    const auto target = targets.find(r.name);
    if (target == targets.end()) continue;
    const ir::Type type = r.start->type;
    const Expr share = ir::cast(plan_.seen(), type) / ir::cast(loop->extent(), type);
    const Expr raw =
        ir::substitute(expand(target->second, scope), {{ir::symbol("share", type), share}});
    phase.add(item_of(r.name + "_raw", r.axes, raw, symbol_of(r, ".raw'")));
    phase.add(item_of(r.name + "_next", r.axes, settled(pass, r, symbol_of(r, ".raw'")),
                      symbol_of(r, "'")));
  }
}

void KernelText::add_reference_stores(PhasePrinter& phase, const tile::Pass& pass,
                                      const Targets& targets, const Scope& scope) {
  for (const ir::StreamReference& r : pass.references) {
    if (!targets.count(r.name)) continue;
    for (const std::string suffix : {"", ".raw"}) {
      const auto slot = scope.find(r.name + suffix);
      if (slot == scope.end()) continue;
      Item item = item_of(r.name + suffix, r.axes, symbol_of(r, suffix + "'"), Expr());
      item.array = slot->second.array;
      phase.add(item);
    }
  }
}

// The factor may wait until the contraction loads its accumulator: one product per row.
std::optional<Array> KernelText::deferred_scale(const tile::Pass& pass, const tile::State& s,
                                                const Scope& scope) {
  if (!s.contraction || s.op != ir::Reduce::Sum || !moves_alone(s)) return std::nullopt;
  for (const tile::State& first : pass.states) {
    if (!first.contraction || !moves_alone(first) || first.references != s.references) continue;
    if (first.move.begin()->second != s.move.begin()->second) continue;
    const Array scale = plan_.allocate(first.name + " scale", s.type, reference_axes(pass, s));
    Writer trial;
    Scope all = scope;
    for (const tile::Statement& t : pass.before) declare(t, pass.before, all);
    for (const tile::Statement& t : pass.after) declare(t, pass.after, all);
    const bool fits = print_contraction(trial, plan_, all, direct_, *s.contraction, {true, scale});
    return fits ? std::optional(scale) : std::nullopt;
  }
  return std::nullopt;
}

// The state at the new references, as a sum over states. Where it has more axes than the
// references, its factors are values per row of their own, added to `phase`; null where the
// contraction that comes next takes the factor up.
Expr KernelText::moved(PhasePrinter& phase, const tile::Pass& pass, const tile::State& s,
                       const Targets& targets, Scope& scope, bool in_loop) {
  const std::vector<Expr> axes = reference_axes(pass, s);
  const auto scale = s.axes == axes ? std::nullopt : deferred_scale(pass, s, scope);
  const Expr zero = ir::constant(0.0, s.type), one = ir::constant(1.0, s.type);
  Expr sum;
  for (const auto& [source, f] : s.move) {
    Expr part = ir::substitute(f, at_rest(pass, targets));
    if (s.axes != axes) {
      const std::string name = s.name + " from " + source;
      Item item =
          item_of(name, axes, guarded(pass, s, targets, part, zero, source == s.name ? one : zero),
                  ir::symbol(name, s.type));
      item.array = scale && source == s.name ? *scale : plan_.allocate(name, s.type, axes);
      scope[name] = {axes, item.array, Expr()};
      phase.add(item);
      part = ir::symbol(name, s.type);
    }
    const bool before = in_loop && scope.count(source + ".before");
    const Expr term = part * ir::symbol(before ? source + ".before" : source, s.type);
    sum = sum ? sum + term : term;
  }
  if (scale && in_loop) return Expr();
  if (s.axes != axes) return sum;
  return guarded(pass, s, targets, sum, ir::reduce_identity(s.op, s.type),
                 ir::symbol(s.name, s.type));
}

void KernelText::move(PhasePrinter& phase, const tile::Pass& pass, const Targets& targets,
                      Scope& scope, bool in_loop) {
  std::vector<Item> rows;
  // States of one shape read each other before any of them changes; larger ones read smaller ones.
  std::map<std::pair<int, std::string>, std::vector<Item>> large;
  add_next(phase, pass, targets, scope);
  for (const tile::State& s : pass.states) {
    bool touched = false;
    for (const std::string& r : s.references) touched |= targets.count(r) > 0;
    if (!touched || s.move.empty()) continue;
    const Expr value = moved(phase, pass, s, targets, scope, in_loop);
    if (!value) continue;
    const std::pair<int, std::string> shape{-static_cast<int>(s.axes.size()), names_of(s.axes)};
    auto& list = s.axes == reference_axes(pass, s) ? rows : large[shape];
    const Expr next = ir::symbol(s.name + "'", s.type);
    list.insert(list.begin(), item_of(s.name + "_next", s.axes, value, next));
    Item keep = item_of(s.name, s.axes, next, Expr());
    keep.array = scope.at(s.name).array;
    list.push_back(keep);
  }
  for (const auto& [shape, items] : large)
    for (const Item& item : items) phase.add(item);
  if (!large.empty()) {
    phase.flush();
    add_next(phase, pass, targets, scope);
  }
  for (const Item& item : rows) phase.add(item);
  add_reference_stores(phase, pass, targets, scope);
  phase.flush();
}

}  // namespace flashlight::codegen::cpu
