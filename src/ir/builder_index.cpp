// Indirect loads: loads whose index is a load.
#include "ir/builder.h"
#include "ir/rewrite.h"
#include "ir/shapes.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

void need_integers(const Tensor& index, const std::string& who) {
  if (compute_type(index.dtype) != Type::Int)
    throw Refused(who, std::string("an index of dtype ") + dtype_text(index.dtype));
}

// Loads of pointwise integer computations replaced by what they compute, to see ranges.
Expr look_through(const Program& program, Expr e) {
  constexpr int kMaxChain = 16;
  for (int round = 0; round < kMaxChain; ++round) {
    const Expr next = transform(e, [&](Expr n) {
      const Computation* c = n->op == Op::Load ? program.computation(n->name()) : nullptr;
      if (!c || c->op != Reduce::None || n->type != Type::Int) return n;
      Substitution map;
      for (size_t i = 0; i < c->axes.size(); ++i) map[c->axes[i]] = n->args[i];
      return substitute(c->body, map);
    });
    if (next == e) break;
    e = next;
  }
  return e;
}

}  // namespace

// A negative index counts from the end.
Expr Builder::wrapped(Expr index, Expr size) const {
  const Expr zero = constant(int64_t{0});
  if (known_le(zero, look_through(program_, index))) return index;
  return ir::where(binary(Op::Lt, index, zero), index + size, index);
}

Tensor Builder::index_select(const Tensor& a, int dim, const Tensor& index) {
  const std::string name = who("index_select");
  need_integers(index, name);
  const int at = wrap_dim(dim, a.shape.size(), name);
  if (index.shape.size() > 1) throw Refused(name, "the index has more than one dimension");
  std::vector<Expr> shape = a.shape;
  shape[at] = index.shape.empty() ? constant(int64_t{1}) : index.shape[0];
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  std::vector<Expr> where_to = axes;
  where_to[at] = index.shape.empty() ? read(index, {}) : read(index, {axes[at]});
  return reindex(a, axes, where_to);
}

Tensor Builder::gather(const Tensor& a, int dim, const Tensor& index) {
  const std::string name = who("gather");
  need_integers(index, name);
  const int at = wrap_dim(dim, a.shape.size(), name);
  if (index.shape.size() != a.shape.size()) throw Refused(name, "ranks differ");
  const std::vector<Expr> axes = fresh_axes(index.shape, "i");
  std::vector<Expr> where_to = axes;
  where_to[at] = read(index, axes);
  return reindex(a, axes, where_to);
}

Tensor Builder::embedding(const Tensor& table, const Tensor& index) {
  const std::string name = who("embedding");
  need_integers(index, name);
  if (table.shape.size() != 2) throw Refused(name, "the table has no two dimensions");
  std::vector<Expr> shape = index.shape;
  shape.push_back(table.shape[1]);
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  return reindex(table, axes, {read(index, {axes.begin(), axes.end() - 1}), axes.back()});
}

Tensor Builder::index(const Tensor& a, const std::vector<std::optional<Tensor>>& indices) {
  const std::string name = who("index");
  if (indices.size() > a.shape.size()) throw Refused(name, "too many indices");
  std::vector<Expr> common;  // the index tensors broadcast against each other
  size_t first = a.shape.size(), last = 0, count = 0;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!indices[i]) continue;
    need_integers(*indices[i], name);
    common = broadcast_shape(common, indices[i]->shape, name);
    first = std::min(first, i), last = i, ++count;
  }
  // Adjacent index tensors leave their dimensions where they stood, others move them to the front.
  const size_t front = count && last - first + 1 == count ? first : 0;
  std::vector<Expr> shape;
  for (size_t i = 0; i < a.shape.size(); ++i)
    if (i >= indices.size() || !indices[i]) shape.push_back(a.shape[i]);
  shape.insert(shape.begin() + front, common.begin(), common.end());
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  const auto begin = axes.begin() + front;
  const std::vector<Expr> point(begin, begin + common.size());
  std::vector<Expr> kept(axes.begin(), begin), where_to;
  kept.insert(kept.end(), begin + common.size(), axes.end());
  auto next = kept.begin();
  for (size_t i = 0; i < a.shape.size(); ++i) {
    const bool given = i < indices.size() && indices[i];
    where_to.push_back(given ? wrapped(read_broadcast(*indices[i], point), a.shape[i]) : *next++);
  }
  return reindex(a, axes, where_to);
}

}  // namespace flashlight::ir
