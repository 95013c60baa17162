#include "transform/stream.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "support/error.h"
#include "transform/canonicalize.h"
#include "transform/frame.h"
#include "transform/online.h"
#include "transform/zeroed.h"

namespace flashlight::transform {
namespace {

using namespace ir;

/// Scalar problems for make_online: what does not depend on a state becomes a leaf (changes along
/// the loop) or a constant; Symbols stand for both, and are put back afterwards.
class Abstraction {
 public:
  explicit Abstraction(const Frame& frame) : frame_(frame) {}

  Expr abstract(Expr e) {
    auto it = done_.find(e);
    if (it != done_.end()) return it->second;
    return done_[e] = abstract_new(e);
  }

  /// Symbols of leaves and constants are put back; those of `finished` values become loads.
  Expr restore(Expr e, const std::map<std::string, std::vector<Expr>>& finished) const {
    return ir::transform(e, [&](Expr s) {
      if (s->op != Op::Symbol) return s;
      auto it = meaning_.find(s);
      if (it != meaning_.end()) return it->second;
      auto done = finished.find(s->name());
      return done == finished.end() ? s : load(s->name(), done->second, s->type);
    });
  }

  const std::vector<Expr>& leaves() const { return leaves_; }

 private:
  bool is_state(Expr e) const {
    if (e->op != Op::Load) return false;
    auto it = frame_.reductions.find(e->name());
    return it != frame_.reductions.end() && it->second.role == Role::State;
  }

  bool depends(Expr e, bool (Abstraction::*test)(Expr) const) const {
    bool found = false;
    visit(e, [&](Expr x) { found = found || (this->*test)(x); });
    return found;
  }

  bool is_loop(Expr e) const { return e == frame_.loop; }

  Expr abstract_new(Expr e) {
    if (is_state(e)) return symbol(e->name(), e->type);
    if (!depends(e, &Abstraction::is_state)) {
      if (is_const(e)) return e;
      bool leaf = depends(e, &Abstraction::is_loop);
      Expr s = symbol((leaf ? "leaf" : "const") + std::to_string(meaning_.size()), e->type);
      meaning_[s] = e;
      if (leaf) leaves_.push_back(s);
      return s;
    }
    if (e->op == Op::Load) throw Refused(e->name(), "is indexed with a result of the same loop");
    std::vector<Expr> args;
    for (Expr a : e->args) args.push_back(abstract(a));
    return with_args(e, args);
  }

  const Frame& frame_;
  Substitution done_;
  Substitution meaning_;
  std::vector<Expr> leaves_;
};

/// In-tile values may not wait for a state: they are made before anything is reduced.
void check_tiles(const Frame& frame) {
  for (auto& [name, p] : frame.reductions) {
    if (p.role == Role::State) continue;
    for (Expr l : loads_of(p.computation.body)) {
      auto it = frame.reductions.find(l->name());
      if (it != frame.reductions.end() && it->second.role == Role::State)
        throw Refused(name, "reduces over a result of the loop (" + l->name() + ")");
    }
  }
}

/// A state that reduces over further axes too: those are reduced inside the tile.
void peel_inner_axes(Frame& frame) {
  std::vector<std::pair<std::string, Placed>> inner;
  for (auto& [name, p] : frame.reductions) {
    Computation& c = p.computation;
    if (p.role != Role::State || c.reduce_axes.size() < 2) continue;
    Computation tile = c;
    tile.name = name + "_tile";
    std::erase(tile.reduce_axes, frame.loop);
    tile.axes.push_back(frame.loop);
    for (Expr l : loads_of(c.body))
      if (frame.reductions.count(l->name()) && frame.reductions.at(l->name()).role == Role::State)
        throw Refused(name, "reduces over several axes and over a result of the loop");
    c.reduce_axes = {frame.loop};
    c.body = load(tile.name, tile.axes, c.body->type);
    inner.push_back({tile.name, {Role::Tile, tile}});
  }
  for (auto& [name, p] : inner) frame.reductions[name] = p;
}

/// Names of reductions of one role, each after those that it loads.
std::vector<std::string> in_order(const Frame& frame, Role role) {
  std::vector<std::string> out;
  std::unordered_set<std::string> seen;
  std::function<void(const std::string&)> add = [&](const std::string& name) {
    auto it = frame.reductions.find(name);
    if (it == frame.reductions.end() || !seen.insert(name).second) return;
    for (Expr l : loads_of(it->second.computation.body)) add(l->name());
    if (it->second.role == role) out.push_back(name);
  };
  for (const std::string& name : frame.order) add(name);
  for (auto& [name, p] : frame.reductions) add(name);
  return out;
}

/// Row axes: those of values made in tiles and of states that other states wait for. The others
/// are carried as value axes.
std::vector<Expr> row_axes(const Frame& frame) {
  std::vector<Expr> out;
  auto add = [&](const std::vector<Expr>& axes) {
    for (Expr a : axes)
      if (contains(frame.axes, a) && !contains(out, a)) out.push_back(a);
  };
  for (auto& [name, p] : frame.reductions) {
    if (p.role == Role::Tile && p.computation.op == Reduce::Sum) add(p.computation.axes);
    for (Expr l : loads_of(p.computation.body)) {
      auto it = frame.reductions.find(l->name());
      if (it != frame.reductions.end() && it->second.role == Role::State)
        add(it->second.computation.axes);
    }
  }
  if (out.empty())
    for (auto& [name, p] : frame.reductions)
      if (p.role == Role::State) add(p.computation.axes);
  std::vector<Expr> sorted;
  for (Expr a : frame.axes)
    if (contains(out, a)) sorted.push_back(a);
  return sorted;
}

class Assembly {
 public:
  Assembly(const Program& program, Frame frame)
      : program_(program), frame_(std::move(frame)), abstraction_(frame_) {}

  Stream build(const std::string& name) {
    Stream s;
    s.name = name;
    s.symbols = program_.symbols;
    s.row_axes = row_axes(frame_);
    s.loop = frame_.loop;
    for (const std::string& n : in_order(frame_, Role::Row)) s.rows.push_back(placed(n));
    for (const std::string& n : in_order(frame_, Role::Tile)) s.tiles.push_back(placed(n));
    solve(s);
    for (size_t k = 0; k < frame_.outputs.size(); ++k) s.outputs.push_back(store(k));
    keep_used_inputs(s);
    return s;
  }

 private:
  Computation placed(const std::string& name) const {
    Computation c = frame_.reductions.at(name).computation;
    c.name = name;
    return c;
  }

  void solve(Stream& s) {
    std::vector<Reduction> problem;
    const std::vector<std::string> names = in_order(frame_, Role::State);
    const std::set<std::string> rows(names.begin(), names.end());
    for (const std::string& n : names) {
      const Computation& c = frame_.reductions.at(n).computation;
      problem.push_back({n, c.op, abstraction_.abstract(c.body), zeroes_dead_rows(c.body, rows)});
    }
    for (const Pass& p : make_online(problem, abstraction_.leaves()))
      s.passes.push_back(convert(p));
  }

  StreamPass convert(const Pass& p) {
    StreamPass out;
    auto restore = [&](Expr e) { return e ? abstraction_.restore(e, finished_) : e; };
    for (const Reference& r : p.references)
      out.references.push_back(
          {r.name, r.follows, restore(r.target), restore(r.start), axes_named(r.follows, p)});
    for (const State& st : p.states) {
      StreamState t{st.name, st.op, axes_named(st.name, p), restore(st.body), st.references, {}};
      for (auto& [name, f] : st.move) t.move[name] = restore(f);
      out.states.push_back(t);
    }
    for (auto& [name, body] : p.finals) {
      auto it = frame_.reductions.find(name);
      Reduce op = it == frame_.reductions.end() ? Reduce::None : it->second.computation.op;
      out.finals.push_back({name, op, axes_named(name, p), restore(body)});
    }
    for (const StreamPass::Final& f : out.finals) finished_[f.name] = f.axes;
    return out;
  }

  /// The parallel axes of a reduction, a state, a reference or an auxiliary final.
  std::vector<Expr> axes_named(const std::string& name, const Pass& p) const {
    auto it = frame_.reductions.find(name);
    if (it != frame_.reductions.end()) return it->second.computation.axes;
    auto done = finished_.find(name);
    if (done != finished_.end()) return done->second;
    std::unordered_set<Expr> used;
    auto add = [&](const std::vector<Expr>& axes) { used.insert(axes.begin(), axes.end()); };
    auto add_body = [&](Expr body) {
      Expr restored = abstraction_.restore(body, finished_);
      add(axes_of(restored));
      visit(restored, [&](Expr s) {
        if (s->op == Op::Symbol && is_defined(s->name(), p)) add(axes_named(s->name(), p));
      });
    };
    for (const State& st : p.states)
      if (st.name == name) add_body(st.body);
    for (const Reference& r : p.references)
      if (r.name == name) add(axes_named(r.follows, p));
    for (auto& [final, body] : p.finals)
      if (final == name) add_body(body);
    std::vector<Expr> out;
    for (Expr a : frame_.axes)
      if (used.count(a)) out.push_back(a);
    return out;
  }

  bool is_defined(const std::string& name, const Pass& p) const {
    auto named = [&](const auto& x) { return x.name == name; };
    auto first = [&](const auto& x) { return x.first == name; };
    return frame_.reductions.count(name) || std::any_of(p.states.begin(), p.states.end(), named) ||
           std::any_of(p.references.begin(), p.references.end(), named) ||
           std::any_of(p.finals.begin(), p.finals.end(), first);
  }

  Store store(size_t k) const {
    const Computation& c = frame_.outputs[k];
    const Computation* declared = program_.computation(c.name);
    Store out{c.name, c.dtype, {}, {}, c.axes, frame_.indices[k], c.body};
    for (Expr a : declared->axes) out.shape.push_back(a->extent());
    for (const Output& o : program_.outputs)
      if (o.name == c.name) out.order = o.order;
    return out;
  }

  void keep_used_inputs(Stream& s) const {
    std::unordered_set<std::string> used;
    auto add = [&](Expr e) {
      for (const std::string& n : names_loaded(e)) used.insert(n);
    };
    for (auto& [name, p] : frame_.reductions) add(p.computation.body);
    for (const Store& o : s.outputs) add(o.body);
    for (const Input& i : program_.inputs)
      if (used.count(i.name)) s.inputs.push_back(i);
  }

  const Program& program_;
  Frame frame_;
  Abstraction abstraction_;
  std::map<std::string, std::vector<Expr>> finished_;  // finals of earlier passes, their axes
};

/// Statistics per column that states read directly.
std::vector<std::string> columns(const Frame& frame) {
  std::vector<std::string> out;
  for (const std::string& n : in_order(frame, Role::Column)) {
    bool read = false;
    for (auto& [name, p] : frame.reductions)
      read = read || (p.role != Role::Column && names_loaded(p.computation.body).count(n));
    if (read) out.push_back(n);
  }
  return out;
}

/// The program that computes only these reductions.
Program only(const Program& p, const std::vector<std::string>& names) {
  Program out = p;
  out.outputs.clear();
  std::erase_if(out.computations, [](const Computation& c) { return c.op == Reduce::None; });
  for (const std::string& n : names) {
    Computation c = *p.computation(n);
    std::vector<Expr> index(c.axes.begin(), c.axes.end());
    Type type = compute_type(c.dtype);
    c.dtype = type == Type::F64 ? DType::F64 : type == Type::F32 ? DType::F32 : c.dtype;
    c.body = load(n, index, type);
    c.name = n + ".stored";
    c.op = Reduce::None;
    c.reduce_axes.clear();
    out.computations.push_back(c);
    out.outputs.push_back({c.name, {}});
  }
  return out;
}

/// The program that reads these reductions as inputs.
Program given(const Program& p, const std::vector<std::string>& names) {
  Program out = p;
  for (const std::string& n : names) {
    const Computation* c = p.computation(n);
    DType dtype = compute_type(c->dtype) == Type::F64 ? DType::F64 : DType::F32;
    out.inputs.push_back({n + ".stored", dtype, p.shape_of(n)});
  }
  std::erase_if(out.computations, [&](const Computation& c) {
    return std::find(names.begin(), names.end(), c.name) != names.end();
  });
  for (Computation& c : out.computations)
    c.body = ir::transform(c.body, [&](Expr e) {
      bool hit =
          e->op == Op::Load && std::find(names.begin(), names.end(), e->name()) != names.end();
      return hit ? load(e->name() + ".stored", e->args, e->type) : e;
    });
  return canonicalize(out);
}

void stream_into(std::vector<Stream>& out, const Program& p) {
  Frame frame = make_frame(p);
  std::vector<std::string> stats = columns(frame);
  for (const std::string& n : stats)
    if (!p.computation(n)) throw Refused(n, "is needed per row and per column at once");
  if (!stats.empty()) {
    stream_into(out, canonicalize(only(p, stats)));
    stream_into(out, given(p, stats));
    return;
  }
  check_tiles(frame);
  peel_inner_axes(frame);
  out.push_back(Assembly(p, frame).build("kernel" + std::to_string(out.size())));
}

}  // namespace

std::vector<Stream> stream(const Program& program) {
  std::vector<Stream> out;
  stream_into(out, program);
  return out;
}

}  // namespace flashlight::transform
