// The loop over tiles of one pass: its step, its range, what is final after it.
#include <algorithm>

#include "codegen/cpu/kernel_text.h"
#include "ir/rewrite.h"
#include "support/error.h"
#include "tile/probe.h"

namespace flashlight::codegen::cpu {
namespace {

bool is_subset(const std::vector<Expr>& part, const std::vector<Expr>& all) {
  return std::all_of(part.begin(), part.end(),
                     [&](Expr a) { return std::find(all.begin(), all.end(), a) != all.end(); });
}

bool never_full(const tile::Range& full) { return ir::is_const(full.hi, 0) || full.lo == full.hi; }

}  // namespace

std::set<std::string> observed(const tile::Kernel& kernel, size_t pass) {
  std::set<std::string> names;
  const auto look = [&](Expr e) {
    if (!e) return;
    ir::visit(e, [&](Expr n) {
      if (n->op == ir::Op::Load || n->op == ir::Op::Symbol) names.insert(n->name());
    });
  };
  for (const ir::Store& o : kernel.outputs) look(o.body);
  for (const tile::Statement& s : kernel.epilogue) look(s.body);
  for (size_t p = pass + 1; p < kernel.passes.size(); p++) {
    const tile::Pass& later = kernel.passes[p];
    for (const auto* list : {&later.before, &later.after})
      for (const tile::Statement& s : *list) look(s.body);
    for (const tile::State& s : later.states) look(s.body);
    for (const auto& r : later.references) look(r.target), look(r.start);
    for (const auto& f : later.finals) look(f.body);
    look(tile::certificate(later));
  }
  look(tile::certificate(kernel.passes[pass]));
  const auto& finals = kernel.passes[pass].finals;
  for (auto f = finals.rbegin(); f != finals.rend(); ++f)
    if (names.count(f->name)) look(f->body);
  return names;
}

void PhasePrinter::contraction(const tile::Contraction& c, const Accumulate& how,
                               const Item& plain) {
  flush();
  if (print_contraction(out_, plan_, scope_, direct_, c, how)) return;
  add(plain);
  flush();
}

void PhasePrinter::flush() {
  auto groups = group(items_, plan_);
  for (size_t g = 0; g < groups.size(); g++) {
    for (Item& item : groups[g]) {
      if (!item.transient) continue;
      bool read = false;
      for (size_t o = 0; o < groups.size(); o++)
        for (const Item& other : groups[o])
          read |= o != g && ir::mentions_any(other.body, {item.name});
      if (!read) item.array.reset();
    }
  }
  for (const auto& items : groups) print_nest(out_, plan_, scope_, items, in_step_);
  items_.clear();
}

// An alias is the array of the statement it names, or of what that one stands for.
void KernelText::declare(const tile::Statement& s, const std::vector<tile::Statement>& list,
                         Scope& scope) {
  if (s.storage == tile::Storage::Inline || s.storage == tile::Storage::Direct) {
    scope[s.name] = {s.axes, std::nullopt, expand(s.body, scope)};
    if (s.storage == tile::Storage::Direct) direct_[s.name] = &s;
    return;
  }
  std::string alias = s.alias;
  for (const tile::Statement& other : list)
    if (other.name == alias && other.storage == tile::Storage::Inline) alias = other.alias;
  const auto it = scope.find(alias);
  const bool fits = it != scope.end() && it->second.array && it->second.axes == s.axes &&
                    plan_.storage_type(it->second.array->type) == plan_.storage_type(s.type);
  const Array array = fits ? *it->second.array : plan_.allocate(s.name, s.type, s.axes);
  scope[s.name] = {s.axes, array, Expr()};
}

void KernelText::add_statement(PhasePrinter& phase, const tile::Statement& s, Expr body,
                               const Scope& scope,
                               const std::vector<tile::Contraction>& contractions) {
  if (!scope.at(s.name).array) return;
  Item item;
  item.name = s.name, item.type = s.type, item.axes = s.axes, item.serial = s.reduce_axes;
  item.op = s.op, item.body = body, item.array = scope.at(s.name).array;
  item.keys = {ir::load(s.name, s.axes, s.type), ir::symbol(s.name, s.type)};
  for (const tile::Contraction& c : contractions)
    if (c.value == s.name) return phase.contraction(c, {}, item);
  phase.add(item);
}

// Reduced over the loop axis in lanes where a value of the whole tile is at hand; else the lanes
// are the last axis of the state and the loop axis is walked.
void KernelText::add_state(PhasePrinter& phase, const tile::Pass& pass, const tile::State& s,
                           bool full, const Scope& scope) {
  const Expr loop = plan_.kernel.loop;
  Item item;
  item.name = s.name, item.type = s.type, item.axes = s.axes, item.op = s.op;
  item.array = scope.at(s.name).array;
  item.fast = s.op == ir::Reduce::Max && !observed_.count(s.name);
  if (s.contraction) {
    item.serial = {loop}, item.absorb = true;
    item.body = expand(contraction_body(*s.contraction, scope, s.type), scope);
    return phase.contraction(*s.contraction, {true, deferred_scale(pass, s, scope)}, item);
  }
  item.body = relative(pass, expand(full ? s.body_full : s.body, scope), scope, full);
  bool row = s.axes.empty() || plan_.axis(s.axes.back()).role == Role::Tiled;
  for (Expr l : ir::loads_of(item.body)) {
    const auto slot = scope.find(l->name());
    row |= slot != scope.end() && slot->second.array && ir::uses(l, loop) &&
           is_subset(s.axes, l->args);
  }
  item.fold = row;
  if (!row) item.serial = {loop}, item.absorb = true;
  phase.add(item);
}

std::string KernelText::phase_text(const tile::Pass& pass, bool full, bool after) {
  Writer out;
  Scope scope = scope_;
  const auto& before = full ? pass.before_full : pass.before;
  const auto& late = full ? pass.after_full : pass.after;
  for (const tile::Statement& s : before) declare(s, before, scope);
  if (after) {
    std::vector<tile::Statement> all = before;
    all.insert(all.end(), late.begin(), late.end());
    for (const tile::Statement& s : late) declare(s, all, scope);
  }
  PhasePrinter phase(out, plan_, scope, direct_, true);
  for (const tile::Statement& s : after ? late : before)
    add_statement(phase, s, relative(pass, expand(s.body, scope), scope, full), scope,
                  pass.contractions);
  for (const tile::State& s : pass.states)
    if (s.references.empty() != after) add_state(phase, pass, s, full, scope);
  phase.flush();
  return out.text();
}

void KernelText::print_step(const tile::Pass& pass, const std::string& name) {
  const AxisPlan& j = plan_.axis(plan_.kernel.loop);
  steps_.line("template <bool Full, bool Ragged>");
  steps_.open("static __attribute__((noinline)) void " + name +
              "(const Args& a, const Packs& k, Tile& t" +
              grid_text("i64 ", plan_.kernel.grid.size()) + tile_text("i64 ") + ", i64 " + j.id +
              "_lo, i64 " + j.id + "_n)");
  steps_.line("[[maybe_unused]] const i64 " + j.id + "_p = align_up(" + j.id + "_n, P);");
  print_row_padding(steps_);
  print_before(steps_, pass);
  for (bool after : {false, true}) {
    if (after) {
      std::map<std::string, Expr> targets;
      for (const ir::StreamReference& r : pass.references)
        if (r.target) targets[r.name] = r.target;
      PhasePrinter phase(steps_, plan_, scope_, direct_, false);
      if (!targets.empty()) move(phase, pass, targets, scope_, true);
    }
    const std::string partial = phase_text(pass, false, after);
    const std::string full = phase_text(pass, true, after);
    if (partial == full) {
      steps_.append(partial);
      continue;
    }
    steps_.open("if constexpr (Full)");
    steps_.append(full);
    steps_.otherwise();
    steps_.append(partial);
    steps_.close();
  }
  steps_.close();
  steps_.line();
}

void KernelText::print_range(Writer& out, const tile::Pass& pass, const std::string& step) {
  const std::string extent = plan_.size_text(plan_.kernel.loop->extent());
  const auto text = [&](Expr e) { return scalar_text(plan_, scope_, e); };
  const bool redone = static_cast<bool>(tile::certificate(pass));
  const auto bound = [&](const char* name, Expr e, const char* otherwise) {
    const std::string value =
        redone ? std::string("redo ? ") + otherwise + " : " + text(e) : text(e);
    out.line("const i64 " + std::string(name) + " = " + value + ";");
  };
  out.line("const i64 extent = " + extent + ";");
  bound("live_lo", pass.live.lo, "0");
  bound("live_hi", pass.live.hi, "extent");
  out.line("const i64 start = (live_lo > 0 ? live_lo : 0) / P * P;");
  out.line("const i64 end = live_hi < extent ? live_hi : extent;");
  if (redone) out.line("skipped = start > 0 || end < extent;");
  const bool full = !never_full(pass.full);
  if (full) bound("full_lo", pass.full.lo, "extent"), bound("full_hi", pass.full.hi, "0");
  print_tiles(out, pass, step, full);
}

void KernelText::print_tiles(Writer& out, const tile::Pass& pass, const std::string& step,
                             bool full) {
  const std::string j = plan_.axis(plan_.kernel.loop).id, lo = j + "_lo", n = j + "_n";
  const std::string tile = std::to_string(plan_.kernel.schedule.loop_tile);
  const std::string arguments = "(a, k, t" + grid_text("", plan_.kernel.grid.size()) +
                                tile_text("") + ", " + lo + ", " + n + ");";
  const std::string probe = pass.probe ? print_probe(pass) : "";
  if (pass.probe) {
    print_summaries(out, *pass.probe);
    out.open("const auto dead = [&](i64 " + lo + ")");
    if (tile::certificate(pass)) out.line("if (redo) return false;");
    out.line("const bool whole = " + lo + " + P <= end;");
    const std::string list = "(a" + grid_text("", plan_.kernel.grid.size()) + tile_text("");
    std::string rows;
    for (const tile::Probe::Summary& s : pass.probe->summaries)
      rows += ", " + plan_.sizes.at(s.name);
    out.line("return !(whole ? " + probe + "<false>" + list + rows + ", " + lo + ", P) : " + probe +
             "<true>" + list + rows + ", " + lo + ", end - " + lo + "));");
    out.close(";");
  }
  out.open("for (i64 " + lo + " = start; " + lo + " < end; " + lo + " += " + tile + ")");
  if (pass.probe) {
    const std::string first = "const i64 first = " + lo + ";";
    if (tile::certificate(pass)) out.line(first);
    out.line("while (" + lo + " < end && dead(" + lo + ")) " + lo + " += P;");
    if (tile::certificate(pass)) out.line("skipped |= " + lo + " != first;");
    out.line("if (" + lo + " >= end) break;");
    out.line("i64 " + n + " = end - " + lo + " < " + tile + " ? end - " + lo + " : " + tile + ";");
    out.open("while (" + n + " > P && dead(" + lo + " + (" + n + " - 1) / P * P))");
    out.line(n + " = (" + n + " - 1) / P * P;");
    if (tile::certificate(pass)) out.line("skipped = true;");
    out.close();
  } else {
    out.line("const i64 " + n + " = end - " + lo + " < " + tile + " ? end - " + lo + " : " + tile +
             ";");
  }
  if (full)
    out.line("if (" + n + " % P == 0 && " + lo + " >= full_lo && " + lo + " + " + n +
             " <= full_hi) " + step + "<true, false>" + arguments);
  else
    out.line("if (" + n + " % P == 0) " + step + "<false, false>" + arguments);
  out.line("else " + step + "<false, true>" + arguments);
  out.close();
}

void KernelText::print_pass(PhasePrinter& unit, size_t index) {
  const tile::Pass& pass = plan_.kernel.passes[index];
  const bool last = index + 1 == plan_.kernel.passes.size();
  observed_ = observed(plan_.kernel, index);
  unit.flush();
  declare_states(pass);
  const std::string step = plan_.names.fresh("step_" + std::to_string(index));
  print_step(pass, step);
  Writer& out = unit.writer();
  out.line("// pass " + std::to_string(index + 1) + " of " +
           std::to_string(plan_.kernel.passes.size()));
  const bool redone = static_cast<bool>(tile::certificate(pass));
  if (redone) {
    out.open("for (bool redo = false;; redo = true)");
    out.line("bool skipped = false;");
  }
  print_start(unit, pass);
  out.open("");
  print_range(out, pass, step);
  out.close();
  add_finals(unit, pass, last && !redone);
  if (!redone) return;
  unit.flush();
  out.line("if (!skipped) break;");
  print_certificate(unit, pass);
  out.close();
}

// A reduction over no elements is the identity, whatever the formula of the final says.
void KernelText::add_final(PhasePrinter& unit, const tile::Pass& pass,
                           const ir::StreamPass::Final& f, bool transient) {
  const ir::Type type = f.body->type;
  const Expr empty = ir::binary(ir::Op::Le, plan_.kernel.loop->extent(), ir::constant(int64_t{0}));
  const Expr certificate = tile::certificate(pass);
  const tile::State* same = nullptr;  // whose array may be overwritten
  for (const tile::State& s : pass.states) {
    if (s.axes != f.axes || s.type != type) continue;
    if (f.body == ir::symbol(s.name, type) && s.op == f.op) {
      scope_[f.name] = scope_.at(s.name);
      return;
    }
    bool shared = certificate && ir::mentions_any(certificate, {s.name});
    for (const auto& g : pass.finals) shared |= &g != &f && ir::mentions_any(g.body, {s.name});
    if (!shared && ir::mentions_any(f.body, {s.name})) same = &s;
  }
  Item item;
  item.name = f.name, item.type = type, item.axes = f.axes;
  item.body = expand(f.body, scope_);
  if (f.op != ir::Reduce::None)
    item.body = ir::where(empty, ir::reduce_identity(f.op, type), item.body);
  item.array = same ? *scope_.at(same->name).array : plan_.allocate(f.name, type, f.axes);
  item.keys = {ir::load(f.name, f.axes, type), ir::symbol(f.name, type)};
  item.transient = transient;
  unit.add(item);
  scope_[f.name] = {f.axes, item.array, Expr()};
}

void KernelText::add_finals(PhasePrinter& unit, const tile::Pass& pass, bool transient) {
  const auto late = [&](const ir::StreamPass::Final& f) {  // references that are not there yet
    std::map<std::string, Expr> targets;
    for (const ir::StreamReference& r : pass.references)
      if (r.follows == f.name && r.target != f.body)
        targets[r.name] = ir::symbol(f.name, f.body->type);
    return targets;
  };
  for (const auto& f : pass.finals) transient &= late(f).empty();
  for (const auto& f : pass.finals) {
    add_final(unit, pass, f, transient);
    const auto targets = late(f);
    if (targets.empty()) continue;
    unit.flush();
    move(unit, pass, targets, scope_, false);
  }
}

void KernelText::print_certificate(PhasePrinter& unit, const tile::Pass& pass) {
  Writer& out = unit.writer();
  const Expr certificate = tile::certificate(pass);
  std::vector<Expr> axes;
  ir::visit(certificate, [&](Expr n) {
    if (n->op != ir::Op::Load && n->op != ir::Op::Symbol) return;
    const auto slot = scope_.find(n->name());
    if (slot == scope_.end()) return;
    for (Expr a : slot->second.axes)
      if (std::find(axes.begin(), axes.end(), a) == axes.end()) axes.push_back(a);
  });
  Item item;
  item.name = "certificate", item.type = ir::Type::Bool, item.axes = axes;
  item.body = expand(certificate, scope_);
  item.array = plan_.allocate("certificate", ir::Type::Bool, axes);
  unit.add(item);
  unit.flush();
  out.line("bool certified = true;");
  std::string at = item.array->base;
  for (size_t d = 0; d < axes.size(); d++) {
    const AxisPlan& p = plan_.axis(axes[d]);
    const std::string n = p.role == Role::Whole ? std::to_string(p.extent) : p.id + "_n";
    out.open("for (i64 " + p.id + " = 0; " + p.id + " < " + n + "; " + p.id + "++)");
    at += " + " + p.id + " * " + item.array->strides[d].str();
  }
  out.line("certified &= get_mask(" + at + ");");
  for (size_t d = 0; d < axes.size(); d++) out.close();
  out.line("if (certified) break;");
}

}  // namespace flashlight::codegen::cpu
