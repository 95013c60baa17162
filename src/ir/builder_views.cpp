// Views: computations whose body is one load.
#include <algorithm>
#include <numeric>

#include "ir/builder.h"
#include "ir/shapes.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::ir {

Tensor Builder::reindex(const Tensor& a, const std::vector<Expr>& axes, std::vector<Expr> index) {
  return add(axes, Reduce::None, {}, read(a, std::move(index)), a.dtype);
}

Tensor Builder::view(const Tensor& a, std::vector<Expr> shape) {
  const std::string name = who("view");
  const auto is_open = [](Expr e) { return is_const(e, -1); };
  const auto open = std::find_if(shape.begin(), shape.end(), is_open);
  if (open != shape.end()) {
    *open = constant(int64_t{1});
    if (std::any_of(shape.begin(), shape.end(), is_open)) throw Refused(name, "two sizes of -1");
    const auto size = exact_div(product(a.shape), product(shape));
    if (!size) throw Refused(name, "cannot divide " + shape_text(a.shape) + " for a size of -1");
    *open = *size;
  }
  for (Expr& e : shape) e = simplify(e);
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  return reindex(a, axes, view_index(a.shape, shape, axes, name));
}

Tensor Builder::expand(const Tensor& a, std::vector<Expr> shape) {
  const std::string name = who("expand");
  if (shape.size() < a.shape.size()) throw Refused(name, "to a lower rank");
  const size_t shift = shape.size() - a.shape.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    const Expr have = i < shift ? constant(int64_t{1}) : a.shape[i - shift];
    if (is_const(shape[i], -1))
      shape[i] = have;
    else if (!is_one(have) && !same_size(have, shape[i]))
      throw Refused(name, shape_text(a.shape) + " to " + shape_text(shape));
    shape[i] = simplify(shape[i]);
  }
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  return reindex(a, axes, {axes.begin() + shift, axes.end()});
}

Tensor Builder::permute(const Tensor& a, const std::vector<int>& dims) {
  const size_t rank = a.shape.size();
  std::vector<Expr> shape, index(rank);
  for (int dim : dims) shape.push_back(a.shape[wrap_dim(dim, rank, who("permute"))]);
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  for (size_t i = 0; i < dims.size(); ++i) index[wrap_dim(dims[i], rank, "permute")] = axes[i];
  if (dims.size() != rank || std::count(index.begin(), index.end(), Expr()))
    throw Refused(who("permute"), "dims are no permutation");
  return reindex(a, axes, index);
}

Tensor Builder::unsqueeze(const Tensor& a, int dim) {
  const int at = wrap_dim(dim, a.shape.size() + 1, who("unsqueeze"));
  std::vector<Expr> shape = a.shape;
  shape.insert(shape.begin() + at, constant(int64_t{1}));
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  std::vector<Expr> index = axes;
  index.erase(index.begin() + at);
  return reindex(a, axes, index);
}

Tensor Builder::squeeze(const Tensor& a, const std::vector<int>& dims) {
  std::vector<bool> drop(a.shape.size(), false);
  for (int dim : dims) {
    const int at = wrap_dim(dim, a.shape.size(), who("squeeze"));
    drop[at] = is_one(a.shape[at]);
  }
  std::vector<Expr> shape, index;
  for (size_t i = 0; i < a.shape.size(); ++i)
    if (!drop[i]) shape.push_back(a.shape[i]);
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  for (size_t i = 0, j = 0; i < a.shape.size(); ++i)
    index.push_back(drop[i] ? constant(int64_t{0}) : axes[j++]);
  return reindex(a, axes, index);
}

Tensor Builder::slice(const Tensor& a, int dim, Expr start, Expr length, Expr step) {
  const int at = wrap_dim(dim, a.shape.size(), who("slice"));
  std::vector<Expr> shape = a.shape;
  shape[at] = simplify(length);
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  std::vector<Expr> index = axes;
  index[at] = simplify(start + step * axes[at]);
  return reindex(a, axes, index);
}

Tensor Builder::select(const Tensor& a, int dim, Expr position) {
  const int at = wrap_dim(dim, a.shape.size(), who("select"));
  std::vector<Expr> shape = a.shape;
  shape.erase(shape.begin() + at);
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  std::vector<Expr> index = axes;
  index.insert(index.begin() + at, simplify(position));
  return reindex(a, axes, index);
}

Tensor Builder::flip(const Tensor& a, const std::vector<int>& dims) {
  const std::vector<Expr> axes = fresh_axes(a.shape, "i");
  std::vector<Expr> index = axes;
  for (int dim : dims) {
    const int at = wrap_dim(dim, a.shape.size(), who("flip"));
    index[at] = simplify(a.shape[at] - constant(int64_t{1}) - axes[at]);
  }
  return reindex(a, axes, index);
}

Tensor Builder::cat(const std::vector<Tensor>& args, int dim) {
  const std::string name = who("cat");
  std::vector<Tensor> parts;  // without the empty ones, which may be of any rank as in PyTorch
  for (const Tensor& t : args)
    if (!is_const(simplify(product(t.shape)), 0)) parts.push_back(t);
  if (parts.empty()) throw Refused(name, "of nothing");
  const int at = wrap_dim(dim, parts[0].shape.size(), name);
  std::vector<Expr> shape = parts[0].shape;
  std::vector<Expr> starts = {constant(int64_t{0})};
  DType dtype = parts[0].dtype;
  for (const Tensor& t : parts) {
    if (t.shape.size() != shape.size()) throw Refused(name, "ranks differ");
    for (size_t i = 0; i < shape.size(); ++i)
      if (static_cast<int>(i) != at && !same_size(shape[i], t.shape[i]))
        throw Refused(name, shape_text(shape) + " and " + shape_text(t.shape));
    starts.push_back(simplify(starts.back() + t.shape[at]));
    if (t.dtype != dtype) throw Refused(name, "dtypes differ");
  }
  shape[at] = starts.back();
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  Expr body;
  for (size_t k = parts.size(); k-- > 0;) {
    std::vector<Expr> index = axes;
    index[at] = simplify(axes[at] - starts[k]);
    const Expr part = read(parts[k], index);
    body = body ? ir::where(binary(Op::Lt, axes[at], starts[k + 1]), part, body) : part;
  }
  return add(axes, Reduce::None, {}, body, dtype);
}

}  // namespace flashlight::ir
