#include "tile/interpret.h"

#include <algorithm>
#include <cmath>

#include "support/error.h"
#include "tile/expand.h"
#include "tile/unit.h"

namespace flashlight::tile {
namespace {

using namespace ir;

class Interpreter {
 public:
  Interpreter(const Kernel& kernel, const std::vector<Array>& inputs, const Bindings& symbols)
      : kernel_(without_inline(kernel)) {
    base_.sizes = symbols;
    for (const auto& [name, value] : kernel.specialization.fixed) base_.sizes[name] = value;
    if (inputs.size() != kernel_.inputs.size())
      throw Refused(kernel_.name, "wrong number of inputs");
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Input& in = kernel_.inputs[i];
      if (sizes(in.shape) != inputs[i].shape)
        throw Refused(in.name, "input has another shape than declared");
      base_.inputs[in.name] = &inputs[i];
    }
    // What no unit writes stays NaN: a wrong grid shows.
    for (const Store& o : kernel_.outputs)
      outputs_.push_back(make_array(sizes(o.shape), std::nan("")));
  }

  std::vector<Array> run() {
    grid(0);
    return outputs_;
  }

 private:
  int64_t size(Expr e) const { return evaluate(e, base_.sizes); }

  std::vector<int64_t> sizes(const std::vector<Expr>& shape) const {
    std::vector<int64_t> out;
    for (Expr e : shape) out.push_back(size(e));
    return out;
  }

  /// Packs are made as soon as the axes that they may depend on have their values.
  void grid(size_t depth) {
    if (depth == static_cast<size_t>(kernel_.pack_axes)) make_packs();
    if (depth == kernel_.grid.size()) return rows();
    const Expr axis = kernel_.grid[depth];
    const int64_t extent = size(axis->extent());
    for (int64_t at = 0; at < extent; ++at) {
      point_.resize(depth);
      point_.push_back(at);
      grid(depth + 1);
    }
  }

  Space space() const {
    Space out;
    for (size_t d = 0; d < point_.size(); ++d) out.set(kernel_.grid[d], point_[d], point_[d] + 1);
    for (Expr a : kernel_.whole) out.set(a, 0, size(a->extent()));
    return out;
  }

  void make_packs() {
    packs_ = base_;
    Space all = space();
    all.set(kernel_.loop, 0, size(kernel_.loop->extent()));
    Unit maker(kernel_, packs_, all);
    maker.statements(kernel_.packs, {});
    packs_ = maker.scope();
  }

  void rows() {
    if (kernel_.tiled.empty()) return unit(packs_, space());
    const Expr axis = kernel_.tiled[0];
    const int64_t extent = size(axis->extent()), tile = kernel_.schedule.row_tile;
    for (int64_t lo = 0; lo < extent; lo += tile) {
      Scope scope = packs_;
      Space at = space();
      const int64_t hi = std::min(lo + tile, extent);
      at.set(axis, lo, hi);
      scope.sizes[axis->name() + ".lo"] = lo;
      scope.sizes[axis->name() + ".hi"] = hi;
      unit(scope, at);
    }
  }

  void unit(const Scope& scope, Space at) {
    Unit unit(kernel_, scope, at);
    unit.run();
    for (size_t k = 0; k < outputs_.size(); ++k) unit.store(kernel_.outputs[k], &outputs_[k]);
  }

  Kernel kernel_;
  Scope base_, packs_;
  std::vector<int64_t> point_;
  std::vector<Array> outputs_;
};

}  // namespace

std::vector<Array> interpret(const Kernel& kernel, const std::vector<Array>& inputs,
                             const Bindings& symbols) {
  return Interpreter(kernel, inputs, symbols).run();
}

}  // namespace flashlight::tile
