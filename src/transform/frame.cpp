#include "transform/frame.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::transform {
namespace {

using namespace ir;

class Builder {
 public:
  explicit Builder(const Program& program) : program_(program), sizes_(hints(program)) {}

  Frame build() {
    for (const Computation& c : program_.computations)
      if (c.op == Reduce::None) split_output(c);
    place_roots();
    for (size_t k = 0; k < frame_.outputs.size(); ++k) bind_output(k);
    for (const Computation& c : program_.computations)
      if (frame_.reductions.count(c.name)) frame_.order.push_back(c.name);
    mark_columns();
    return std::move(frame_);
  }

 private:
  const Computation* reduction(const std::string& name) const {
    const Computation* c = program_.computation(name);
    return c && c->op != Reduce::None ? c : nullptr;
  }

  int64_t size(Expr axis) const { return evaluate(axis->extent(), sizes_); }

  // ---- outputs: out[b, s, f] whose body loads o[b, f // 64, s, f % 64] runs over (b, s, h, c)
  void split_output(const Computation& c) {
    Computation out = c;
    std::vector<Expr> index(c.axes.begin(), c.axes.end());
    for (bool changed = true; changed;) {
      changed = false;
      for (Expr x : out.axes) {
        auto cut = find_cut(out.body, x);
        if (!cut) continue;
        Expr hi = axis(x->name() + "o", *exact_div(x->extent(), *cut));
        Expr lo = axis(x->name() + "i", *cut);
        Substitution at{{x, hi * *cut + lo}};
        out.body = simplify(substitute(out.body, at));
        for (Expr& e : index) e = simplify(substitute(e, at));
        auto it = std::find(out.axes.begin(), out.axes.end(), x);
        *it = lo;
        out.axes.insert(std::find(out.axes.begin(), out.axes.end(), lo), hi);
        changed = true;
        break;
      }
    }
    frame_.outputs.push_back(out);
    frame_.indices.push_back(index);
  }

  static std::optional<Expr> find_cut(Expr body, Expr x) {
    std::optional<Expr> cut;
    visit(body, [&](Expr e) {
      bool divides = e->type == Type::Int && (e->op == Op::FloorDiv || e->op == Op::Mod);
      if (!cut && divides && e->args[0] == x && exact_div(x->extent(), e->args[1]))
        cut = e->args[1];
    });
    return cut;
  }

  // ---- roots
  void place_roots() {
    std::vector<const Computation*> pending;
    for (const Computation& out : frame_.outputs)
      for (Expr l : loads_of(out.body))
        if (auto r = reduction(l->name()))
          if (std::find(pending.begin(), pending.end(), r) == pending.end()) pending.push_back(r);
    if (pending.empty()) throw Refused(program_.outputs[0].name, "no reduction to run a loop over");
    auto deepest = std::max_element(pending.begin(), pending.end(), [&](auto* a, auto* b) {
      return std::pair(depth(a->body), a->axes.size()) < std::pair(depth(b->body), b->axes.size());
    });
    std::iter_swap(pending.begin(), deepest);
    place_first(*pending[0]);
    while (true) {
      std::erase_if(pending, [&](auto* r) { return frame_.reductions.count(r->name) > 0; });
      if (pending.empty()) return;
      bool progress = false;
      for (const Computation* r : pending) progress = progress || place_linked(*r);
      for (const Computation* r : pending) progress = progress || place_beside(*r);
      if (!progress)
        throw Refused(pending[0]->name, "shares no value with the other results of the kernel");
    }
  }

  int depth(Expr body) const {
    int d = 0;
    for (Expr l : loads_of(body))
      if (auto r = reduction(l->name())) d = std::max(d, 1 + depth(r->body));
    return d;
  }

  /// The axis to stream over: one that inner reductions are indexed with, the longest of them.
  Expr choose_loop(const Computation& c) const {
    auto key = [&](Expr r) {
      bool inner = false;
      for (Expr l : loads_of(c.body)) inner = inner || (reduction(l->name()) && uses(l, r));
      return std::tuple(inner, !is_const(r->extent()), size(r));
    };
    return *std::max_element(c.reduce_axes.begin(), c.reduce_axes.end(),
                             [&](Expr a, Expr b) { return key(a) < key(b); });
  }

  void place_first(const Computation& c) {
    Expr r = choose_loop(c);
    frame_.loop = axis("j", r->extent());
    Substitution at{{r, frame_.loop}};
    for (Expr p : c.axes) at[p] = fresh("i", p->extent());
    place(c, Role::State, at);
  }

  Expr fresh(const char* stem, Expr extent) {
    Expr a = axis(stem + std::to_string(count_++), extent);
    if (stem[0] == 'i') frame_.axes.push_back(a);
    return a;
  }

  /// An axis that d does not have yet. One of another reduction, where there is one: what two of
  /// them read (scores of all heads, for their maximum and their sum) is then made once.
  Expr inner_axis(Expr extent, const Computation& d, const Substitution& at) {
    for (Expr a : inner_) {
      const bool taken =
          contains(d.axes, a) ||
          std::any_of(at.begin(), at.end(), [&](const auto& m) { return m.second == a; });
      if (!taken && a->extent() == extent) return a;
    }
    inner_.push_back(fresh("d", extent));
    return inner_.back();
  }

  /// A root that loads something already placed takes its axes from there.
  bool place_linked(const Computation& c) {
    for (Expr l : loads_of(c.body)) {
      auto it = frame_.reductions.find(l->name());
      if (it == frame_.reductions.end()) continue;
      Substitution at;
      bool linked = true;
      const std::vector<Expr>& known = it->second.computation.axes;
      for (size_t k = 0; k < known.size() && linked; ++k) {
        Expr mine = l->args[k];
        linked = mine->op == Op::Axis && (!at.count(mine) || at[mine] == known[k]);
        if (linked && known[k] == frame_.loop)
          linked = contains(c.reduce_axes, mine);
        else if (linked)
          linked = contains(c.axes, mine);
        if (linked) at[mine] = known[k];
      }
      if (!linked || !bind_loop(c, at)) continue;
      place_root(c, at);
      return true;
    }
    return false;
  }

  /// A root that an output reads beside one already placed takes its axes from there.
  bool place_beside(const Computation& c) {
    Substitution at;
    bind_beside(c, at);
    if (at.empty() || !bind_loop(c, at)) return false;
    place_root(c, at);
    return true;
  }

  /// Axes of c that an output has in common with what is placed.
  void bind_beside(const Computation& c, Substitution& at) const {
    for (const Computation& out : frame_.outputs) {
      Substitution known;
      for (Expr other : loads_of(out.body)) {
        auto it = frame_.reductions.find(other->name());
        if (it == frame_.reductions.end()) continue;
        for (size_t k = 0; k < other->args.size(); ++k)
          known.try_emplace(other->args[k], it->second.computation.axes[k]);
      }
      for (Expr mine : loads_of(out.body))
        for (size_t k = 0; mine->name() == c.name && k < mine->args.size(); ++k)
          if (known.count(mine->args[k])) at.try_emplace(c.axes[k], known[mine->args[k]]);
    }
  }

  void place_root(const Computation& c, Substitution at) {
    bind_beside(c, at);
    for (Expr p : c.axes)
      if (!at.count(p)) at[p] = fresh("i", p->extent());
    place(c, Role::State, at);
  }

  /// Maps a reduce axis of c to the loop axis, if one has its extent.
  bool bind_loop(const Computation& c, Substitution& at) const {
    for (Expr r : c.reduce_axes)
      if (at.count(r)) return true;
    for (Expr r : c.reduce_axes) {
      if (!known_equal(r->extent(), frame_.loop->extent())) continue;
      at[r] = frame_.loop;
      return true;
    }
    return false;
  }

  /// Rewrites c into the frame; everything it loads is placed first.
  void place(const Computation& c, Role role, Substitution at) {
    Computation d = c;
    for (Expr& a : d.axes) a = at.at(a);
    for (Expr& r : d.reduce_axes) {
      if (!at.count(r)) at[r] = inner_axis(r->extent(), d, at);
      r = at[r];
    }
    d.body = simplify(substitute(c.body, at));
    for (Expr l : loads_of(d.body))
      if (auto r = reduction(l->name())) place_load(*r, l);
    d.body = rename_instances(d.body);
    frame_.reductions[instance_of(c.name, d.axes)] = {role, d};
  }

  void place_load(const Computation& c, Expr l) {
    for (Expr e : l->args)
      if (e->op != Op::Axis)
        throw Refused(c.name, "is used at a computed index; only whole axes can be fused");
    Substitution at;
    for (size_t k = 0; k < c.axes.size(); ++k) at[c.axes[k]] = l->args[k];
    std::string name = instance_of(c.name, l->args);
    if (frame_.reductions.count(name)) return;
    Role role = Role::Row;
    if (contains(l->args, frame_.loop))
      role = Role::Tile;
    else if (bind_loop(c, at))
      role = Role::State;
    place(c, role, at);
  }

  /// One reduction may be needed at several places (scores of this head and of all heads): each
  /// placement other than the first has a name of its own.
  std::string instance_of(const std::string& name, const std::vector<Expr>& axes) {
    auto& seen = instances_[name];
    for (size_t k = 0; k < seen.size(); ++k)
      if (seen[k] == axes) return k ? name + "_at" + std::to_string(k) : name;
    seen.push_back(axes);
    return seen.size() > 1 ? name + "_at" + std::to_string(seen.size() - 1) : name;
  }

  Expr rename_instances(Expr body) {
    return ir::transform(body, [&](Expr l) {
      if (l->op != Op::Load || !reduction(l->name())) return l;
      return load(instance_of(l->name(), l->args), l->args, l->type);
    });
  }

  // ---- outputs in the frame
  void bind_output(size_t k) {
    Computation& out = frame_.outputs[k];
    Substitution at;
    for (Expr l : loads_of(out.body)) {
      if (!reduction(l->name())) continue;
      const Computation& r = frame_.reductions.at(l->name()).computation;
      for (size_t d = 0; d < r.axes.size(); ++d) {
        Expr mine = l->args[d];
        if (mine->op != Op::Axis || !contains(out.axes, mine))
          throw Refused(out.name, "reads " + l->name() + " at a computed index");
        if (at.count(mine) && at[mine] != r.axes[d])
          throw Refused(out.name, "reads the diagonal of " + l->name());
        at[mine] = r.axes[d];
      }
    }
    for (Expr& a : out.axes) {
      if (!at.count(a)) at[a] = fresh("i", a->extent());
      a = at[a];
    }
    out.body = simplify(substitute(out.body, at));
    for (Expr& e : frame_.indices[k]) e = simplify(substitute(e, at));
  }

  void mark_columns() {
    Expr longest;
    for (auto& [name, p] : frame_.reductions)
      for (Expr a : p.computation.axes)
        if (p.role == Role::Tile && a != frame_.loop && a->name()[0] == 'i')
          if (!longest || size(a) > size(longest)) longest = a;
    for (auto& [name, p] : frame_.reductions) {
      bool nests = false;
      for (Expr l : loads_of(p.computation.body))
        nests = nests || frame_.reductions.count(l->name());
      if (p.role == Role::Tile && nests && longest && !contains(p.computation.axes, longest))
        p.role = Role::Column;
    }
  }

  const Program& program_;
  Bindings sizes_;
  Frame frame_;
  std::map<std::string, std::vector<std::vector<Expr>>> instances_;
  std::vector<Expr> inner_;  // axes that are reduced inside a tile
  int count_ = 0;
};

}  // namespace

Frame make_frame(const Program& program) { return Builder(program).build(); }

}  // namespace flashlight::transform
