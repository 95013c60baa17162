#include <algorithm>
#include <set>

#include "ir/rewrite.h"
#include "support/error.h"
#include "tile/kernel.h"
#include "tile/probe.h"

namespace flashlight::tile {
namespace {

using namespace ir;
using Axes = std::vector<Expr>;
using Names = std::set<std::string>;

Axes joined(std::initializer_list<Axes> lists) {
  Axes out;
  for (const Axes& l : lists) out.insert(out.end(), l.begin(), l.end());
  return out;
}

bool same_set(const Axes& a, const Axes& b) {
  return std::set<Expr>(a.begin(), a.end()) == std::set<Expr>(b.begin(), b.end());
}

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel) : k_(kernel) {}

  void run() {
    at_ = "kernel " + k_.name;
    axes();
    for (const SymbolInfo& s : k_.symbols) sizes_.insert(s.name);
    for (const Input& in : k_.inputs) {
      at_ = "input " + in.name;
      need(inputs_.emplace(in.name, in.shape.size()).second, "is defined twice");
    }
    inside_ = k_.whole;
    inside_.push_back(k_.loop);
    list(k_.packs);
    for (const Statement& s : k_.packs) pack(s);
    inside_ = joined({k_.tiled, k_.whole});
    list(k_.prologue);
    for (const Contraction& c : k_.prologue_contractions) contraction(c, k_.prologue);
    for (const Pass& p : k_.passes) pass(p);
    inside_ = joined({k_.tiled, k_.whole});
    list(k_.epilogue);
    for (const Store& o : k_.outputs) output(o);
  }

 private:
  void need(bool ok, const std::string& what) const {
    if (!ok) throw InternalError("verify: " + at_ + ": " + what);
  }

  // ---- axes

  void axes() const {
    need(bool(k_.loop), "has no loop axis");
    need(k_.tiled.size() <= 1, "has more than one tiled axis");
    need(k_.pack_axes >= 0 && k_.pack_axes <= static_cast<int>(k_.grid.size()), "pack axes");
    Names names;
    for (Expr a : joined({k_.grid, k_.tiled, k_.whole, {k_.loop}})) {
      need(a && a->op == Op::Axis, "one of its axes is none");
      need(names.insert(a->name()).second, "axis " + a->name() + " has two roles");
    }
    const Schedule& s = k_.schedule;
    need(s.row_tile > 0 && s.panel > 0 && s.loop_tile > 0, "a tile size is not positive");
    need(s.loop_tile % s.panel == 0, "loop_tile is no multiple of panel");
  }

  void subset(const Axes& axes, const Axes& of, const std::string& what) const {
    for (Expr a : axes) need(contains(of, a), what + " " + a->name());
    need(std::set<Expr>(axes.begin(), axes.end()).size() == axes.size(), "an axis twice");
  }

  // ---- expressions

  void expression(Expr e, const Axes& bound) const {
    need(bool(e), "has no body");
    visit(e, [&](Expr n) {
      if (n->op == Op::Axis)
        need(contains(bound, n) || contains(k_.grid, n), "uses axis " + n->name());
      if (n->op == Op::Symbol)
        need(sizes_.count(n->name()) || values_.count(n->name()), "uses symbol " + n->name());
      if (n->op == Op::Load) load(n);
    });
  }

  void load(Expr n) const {
    const auto local = ranks_.find(n->name());
    const auto input = inputs_.find(n->name());
    need(local != ranks_.end() || input != inputs_.end(),
         "loads " + n->name() + " before it is made");
    need((local != ranks_.end() ? local->second : input->second) == n->args.size(),
         "rank of the load " + print(n));
    const auto made = statements_.find(n->name());
    for (size_t d = 0; made != statements_.end() && d < n->args.size(); ++d)
      need(!contains(made->second.axes, n->args[d]) || made->second.axes[d] == n->args[d],
           "axes of the load " + print(n) + " are not in order");
    need(!dead_.count(n->name()), "loads " + n->name() + ", whose buffer was given away");
  }

  // ---- statements

  void list(const std::vector<Statement>& statements) {
    for (const Statement& s : statements) statement(s);
  }

  void statement(const Statement& s) {
    at_ = "statement " + s.name;
    need(!inputs_.count(s.name), "has the name of an input");
    subset(s.axes, inside_, "has axis");
    subset(s.reduce_axes, k_.whole, "reduces over");
    need((s.op == Reduce::None) == s.reduce_axes.empty(), "reduction and reduce axes disagree");
    expression(s.body, joined({s.axes, s.reduce_axes}));
    need(s.body->type == s.type, "type of the body");
    if (!s.alias.empty()) alias(s);
    ranks_[s.name] = s.axes.size();
    statements_[s.name] = s;
    dead_.erase(s.name);
  }

  void alias(const Statement& s) {
    const auto of = statements_.find(s.alias);
    need(of != statements_.end(), "reuses " + s.alias + ", which is not made before it");
    need(s.storage == Storage::Scratch && of->second.storage == Storage::Scratch,
         "reuses memory that is no scratch");
    need(s.axes == of->second.axes && s.type == of->second.type, "does not fit in " + s.alias);
    need(s.op == Reduce::None, "reduces into what it reads");
    // In place: every element may read its own old value and no other.
    for (Expr l : loads_of(s.body))
      need(root(l->name()) != root(s.alias) || l->args == s.axes,
           "reads " + print(l) + " in place");
    for (const auto& [name, other] : statements_)
      if (root(name) == root(s.alias)) dead_.insert(name);
  }

  std::string root(std::string name) const {
    for (auto it = statements_.find(name); it != statements_.end() && !it->second.alias.empty();
         it = statements_.find(name))
      name = it->second.alias;
    return name;
  }

  void pack(const Statement& s) {
    at_ = "pack " + s.name;
    need(s.storage != Storage::Inline, "is not in memory");
    if (s.storage == Storage::Direct)
      return need(s.body->op == Op::Load && inputs_.count(s.body->name()),
                  "is no load of an input");
    for (Expr a : axes_of(s.body)) {
      const auto at = std::find(k_.grid.begin(), k_.grid.end(), a) - k_.grid.begin();
      need(!contains(k_.grid, a) || at < k_.pack_axes, "depends on grid axis " + a->name());
    }
  }

  // ---- contractions

  void operand(const std::string& name, const Axes& within, Expr innermost) const {
    const auto it = statements_.find(name);
    need(it != statements_.end(), "operand " + name + " is not made before it");
    need(it->second.storage != Storage::Inline, "operand " + name + " is not in memory");
    need(!dead_.count(name), "operand " + name + " was given away");
    subset(it->second.axes, within, "operand " + name + " has axis");
    if (innermost)
      need(!it->second.axes.empty() && it->second.axes.back() == innermost,
           "operand " + name + " does not end in " + innermost->name());
  }

  void operands(const Contraction& c) const {
    subset(joined({c.batch, c.m, c.n, c.k}), inside_, "contracts");
    operand(c.a, joined({c.batch, c.m, c.k}), Expr());
    operand(c.b, joined({c.batch, c.n, c.k}), c.n.size() == 1 ? c.n[0] : Expr());
    need(c.op != Reduce::None && c.combine, "has no product");
    visit(c.combine, [&](Expr n) {
      need(n->op != Op::Load && n->op != Op::Axis, "combine is over more than a and b");
      if (n->op == Op::Symbol)
        need(n->name() == "a" || n->name() == "b", "combine is over " + n->name());
    });
  }

  void contraction(const Contraction& c, const std::vector<Statement>& of) {
    at_ = "contraction " + c.value;
    const auto s =
        std::find_if(of.begin(), of.end(), [&](const Statement& x) { return x.name == c.value; });
    if (s == of.end()) return need(false, "is of no statement here");
    need(same_set(s->axes, joined({c.batch, c.m, c.n})), "its axes are not batch, m and n");
    need(same_set(s->reduce_axes, c.k) && s->op == c.op, "reduces otherwise than its statement");
    need(s->alias.empty(), "writes in place");
    operands(c);
  }

  // ---- passes

  void pass(const Pass& p) {
    inside_ = joined({k_.tiled, k_.whole, {k_.loop}});
    const auto outer = statements_;
    const auto outer_ranks = ranks_;
    const Names outer_values = values_;
    for (const State& s : p.states) values_.insert(s.name);
    at_ = "pass of " + k_.name;
    ranges(p);
    if (p.probe) probe(*p.probe);
    for (const bool full : {true, false}) {
      statements_ = outer, ranks_ = outer_ranks;
      phases(p, full);
      dead_.clear();
    }
    ranks_ = outer_ranks;
    for (const State& s : p.states) moves(s, p);
    values_ = outer_values;
    finals(p);
    statements_ = outer;
  }

  void phases(const Pass& p, bool full) {
    list(full ? p.before_full : p.before);
    for (const State& s : p.states)
      if (s.references.empty()) state(s, p, full);
    for (const StreamReference& r : p.references) values_.insert(r.name);
    list(full ? p.after_full : p.after);
    for (const State& s : p.states)
      if (!s.references.empty()) state(s, p, full);
    std::vector<Statement> all = full ? p.before_full : p.before;
    const auto& after = full ? p.after_full : p.after;
    all.insert(all.end(), after.begin(), after.end());
    dead_.clear();  // in order they were checked; an operand may be overwritten after its product
    for (const Contraction& c : p.contractions) contraction(c, all);
    for (const StreamReference& r : p.references) values_.erase(r.name);
  }

  void state(const State& s, const Pass& p, bool full) {
    at_ = "state " + s.name;
    need(s.op != Reduce::None, "reduces by nothing");
    subset(s.axes, joined({k_.tiled, k_.whole}), "has axis");
    for (const std::string& r : s.references) need(has_reference(p, r), "has no reference " + r);
    need(bool(s.body) != bool(s.contraction), "needs a body or a contraction");
    if (s.body) {
      Expr body = full && s.body_full ? s.body_full : s.body;
      need(body->type == s.type, "type of the body");
      return expression(body, joined({s.axes, {k_.loop}}));
    }
    const Contraction& c = *s.contraction;
    need(c.value == s.name && c.op == s.op, "its contraction is another's");
    need(c.k == Axes{k_.loop}, "does not contract the loop axis");
    need(same_set(s.axes, joined({c.batch, c.m, c.n})), "its axes are not batch, m and n");
    operands(c);
  }

  static bool has_reference(const Pass& p, const std::string& name) {
    return std::any_of(p.references.begin(), p.references.end(),
                       [&](const StreamReference& r) { return r.name == name; });
  }

  void moves(const State& s, const Pass& p) {
    at_ = "move of " + s.name;
    const Names outer = values_;
    for (const StreamReference& r : p.references) values_.insert({r.name, r.name + "'"});
    for (const auto& [from, factor] : s.move) {
      need(std::any_of(p.states.begin(), p.states.end(),
                       [&, name = from](const State& x) { return x.name == name; }),
           "takes from " + from + ", which is no state");
      expression(factor, s.axes);
    }
    values_ = outer;
  }

  void ranges(const Pass& p) {
    const Names outer = values_;
    for (Expr a : k_.tiled) values_.insert({a->name() + ".lo", a->name() + ".hi"});
    for (Expr e : {p.live.lo, p.live.hi, p.full.lo, p.full.hi}) {
      expression(e, {});
      need(e->type == Type::Int, "a bound is no Int");
      for (const std::string& n : names_loaded(e)) need(inputs_.count(n), "a bound loads " + n);
    }
    values_ = outer;
  }

  void probe(const Probe& p) {
    at_ = "probe of " + k_.name;
    const auto known = [&](Expr e, const Axes& axes) {
      expression(e, axes);
      for (const std::string& n : names_loaded(e)) need(inputs_.count(n), "it loads " + n);
    };
    known(p.condition, inside_);
    need(p.condition->type == Type::Bool, "is no Bool");
    const Names outer = values_;
    for (const Probe::Summary& s : p.summaries) {
      subset(s.axes, joined({k_.tiled, k_.whole}), "summary has axis");
      known(s.value, s.axes);
      need(s.op == Reduce::Min || s.op == Reduce::Max, "summary is no extreme value");
      values_.insert(s.name);
    }
    if (p.some_row) known(p.some_row, {k_.loop});
    values_ = outer;
  }

  void reference(const StreamReference& r, const Pass& p) {
    at_ = "reference " + r.name;
    subset(r.axes, joined({k_.tiled, k_.whole}), "has axis");
    expression(r.start, r.axes);
    const Names outer = values_;
    values_.insert("share");
    for (const State& s : p.states)
      if (s.references.empty()) values_.insert(s.name);
    if (r.target) expression(r.target, r.axes);
    values_ = outer;
  }

  void finals(const Pass& p) {
    for (const StreamReference& r : p.references) {
      reference(r, p);
      need(std::any_of(p.finals.begin(), p.finals.end(),
                       [&](const auto& f) { return f.name == r.follows; }),
           "follows " + r.follows + ", which is no final");
    }
    const Names outer = values_;
    for (const State& s : p.states) values_.insert(s.name);
    Names mine;
    for (const auto& f : p.finals) {
      at_ = "final " + f.name;
      need(mine.insert(f.name).second, "is defined twice");
      subset(f.axes, joined({k_.tiled, k_.whole}), "has axis");
      expression(f.body, f.axes);
      values_.insert(f.name);
    }
    for (const auto& f : p.finals) ranks_[f.name] = f.axes.size();
    at_ = "certificate of " + k_.name;
    if (const Expr exact = certificate(p)) {
      expression(exact, joined({k_.tiled, k_.whole}));
      need(exact->type == Type::Bool, "is no Bool");
    }
    values_ = outer;
    values_.insert(mine.begin(), mine.end());
  }

  void output(const Store& o) {
    at_ = "output " + o.name;
    need(o.index.size() == o.shape.size(), "rank of its index");
    const Axes all = joined({k_.grid, k_.tiled, k_.whole});
    subset(o.axes, all, "has axis");
    for (Expr e : o.index) expression(e, o.axes);
    expression(o.body, o.axes);
    need(o.body->type == compute_type(o.dtype), "type of the body is not that of its dtype");
  }

  const Kernel& k_;
  std::string at_;
  Axes inside_;  // axes that a statement may have here
  Names sizes_, values_, dead_;
  std::map<std::string, size_t> inputs_, ranks_;
  std::map<std::string, Statement> statements_;
};

}  // namespace

void verify(const Kernel& kernel) { Verifier(kernel).run(); }

}  // namespace flashlight::tile
