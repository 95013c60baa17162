#include "api/generalize.h"

#include <map>

#include "ir/rewrite.h"

namespace flashlight::api {
namespace {

using ir::Expr;
using Dim = std::pair<std::string, size_t>;  // of a tensor
using Axis = std::pair<std::string, Expr>;   // of a computation: others may use its name

/// Axes and dimensions that must keep one extent between them (union-find).
class Classes {
 public:
  int of(const Axis& axis) {
    return root(axes_.try_emplace(axis, int(parent_.size())), axis.second->extent());
  }
  int of(const Dim& dim, Expr extent) {
    return root(dims_.try_emplace(dim, int(parent_.size())), extent);
  }

  void join(int a, int b) {
    pinned_[a] = pinned_[a] || pinned_[b] || extents_[a] != extents_[b];
    parent_[b] = a;
  }
  void pin(int a) { pinned_[a] = true; }
  bool pinned(int a) const { return pinned_[a]; }

 private:
  template <class Made>
  int root(Made made, Expr extent) {
    int at = made.first->second;
    if (made.second) parent_.push_back(at), extents_.push_back(extent), pinned_.push_back(false);
    while (parent_[at] != at) at = parent_[at] = parent_[parent_[at]];
    return at;
  }

  std::map<Axis, int> axes_;
  std::map<Dim, int> dims_;
  std::vector<int> parent_;
  std::vector<Expr> extents_;
  std::vector<bool> pinned_;
};

class Generalizer {
 public:
  explicit Generalizer(const ir::Program& program) : out_{program, {}} {}

  General run(int64_t least) {
    least_ = least;
    for (const ir::Computation& c : out_.program.computations) relate(c);
    ir::Program& p = out_.program;
    for (ir::Input& i : p.inputs)
      for (size_t d = 0; d < i.shape.size(); ++d)
        i.shape[d] = lifted(classes_.of({i.name, d}, i.shape[d]), i.shape[d]);
    for (ir::Computation& c : p.computations) {
      const auto axis = [&](Expr e) { return e->op == ir::Op::Axis ? lifted({c.name, e}) : e; };
      for (auto* axes : {&c.axes, &c.reduce_axes})
        for (Expr& a : *axes) a = axis(a);
      c.body = ir::transform(c.body, axis);
    }
    return std::move(out_);
  }

 private:
  void relate(const ir::Computation& c) {
    for (size_t d = 0; d < c.axes.size(); ++d)
      join(classes_.of({c.name, c.axes[d]}), classes_.of({c.name, d}, c.axes[d]->extent()));
    for (Expr load : ir::loads_of(c.body)) {
      const std::vector<Expr> shape = out_.program.shape_of(load->name());
      for (size_t d = 0; d < shape.size(); ++d) {
        const Expr index = load->args[d];
        const int dim = classes_.of({load->name(), d}, shape[d]);
        if (index->op == ir::Op::Axis) {
          join(dim, classes_.of({c.name, index}));
          continue;
        }
        // What is proven to be in range of this extent may not be in range of another.
        classes_.pin(dim);
        for (Expr axis : ir::axes_of(index)) classes_.pin(classes_.of({c.name, axis}));
      }
    }
  }

  void join(int a, int b) {
    if (a != b) classes_.join(a, b);
  }

  Expr lifted(const Axis& axis) {
    const Expr e = axis.second;
    return ir::axis(e->name(), lifted(classes_.of(axis), e->extent()));
  }

  Expr lifted(int group, Expr extent) {
    if (!ir::is_const(extent) || ir::const_value(extent) < double(least_) || classes_.pinned(group))
      return extent;
    auto [it, made] = symbols_.try_emplace(group);
    if (made) {
      const auto value = int64_t(ir::const_value(extent));
      it->second = ir::symbol("length" + std::to_string(out_.values.size()));
      out_.program.symbols.push_back({it->second->name(), value});
      out_.values.push_back(value);
    }
    return it->second;
  }

  General out_;
  Classes classes_;
  std::map<int, Expr> symbols_;
  int64_t least_ = 0;
};

}  // namespace

General generalize(const ir::Program& program, int64_t least) {
  return Generalizer(program).run(least);
}

}  // namespace flashlight::api
