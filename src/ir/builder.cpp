#include "ir/builder.h"

#include <algorithm>

#include "ir/op_table.h"
#include "ir/rewrite.h"
#include "ir/shapes.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

std::vector<Expr> simplified(std::vector<Expr> shape) {
  for (Expr& e : shape) e = simplify(e);
  return shape;
}

bool taken(const Program& p, const std::string& name) {
  return p.input(name) || p.computation(name) ||
         std::any_of(p.symbols.begin(), p.symbols.end(),
                     [&](const SymbolInfo& s) { return s.name == name; });
}

// The type that an op computes in: wide enough for its arguments and its result.
Type computing_type(Op op, const std::vector<Tensor>& args, DType result) {
  const Rule rule = op_row(op).rule;
  if (rule == Rule::Logic) return Type::Bool;
  Type type = Type::Bool;
  for (const Tensor& t : args) type = std::max(type, compute_type(t.dtype));
  if (rule == Rule::Compare) return type;
  type = std::max(type, compute_type(result));
  return std::max(type, rule == Rule::Float ? Type::F32 : Type::Int);
}

}  // namespace

Expr Builder::add_symbol(const std::string& name, int64_t hint) {
  if (taken(program_, name)) throw Refused(name, "is defined twice");
  program_.symbols.push_back({name, hint});
  return symbol(name);
}

Tensor Builder::input(const std::string& name, DType dtype, std::vector<Expr> shape) {
  if (taken(program_, name)) throw Refused(name, "is defined twice");
  shape = simplified(std::move(shape));
  program_.inputs.push_back({name, dtype, shape});
  return {name, dtype, std::move(shape)};
}

void Builder::output(const Tensor& t, std::vector<int> order) {
  if (program_.input(t.name)) return output(cast(t, t.dtype), std::move(order));
  for (int i = 0; order.size() < t.shape.size(); ++i) order.push_back(i);
  program_.outputs.push_back({t.name, std::move(order)});
}

Program Builder::finish() const {
  verify(program_);
  return program_;
}

Builder& Builder::as(const std::string& name) {
  if (taken(program_, name)) throw Refused(name, "is defined twice");
  next_name_ = name;
  return *this;
}

std::vector<Expr> Builder::fresh_axes(const std::vector<Expr>& shape, const char* stem) {
  std::vector<Expr> out;
  for (Expr extent : shape) {
    std::string name;
    do name = stem + std::to_string(counter_++);
    while (taken(program_, name));
    out.push_back(axis(name, extent));
  }
  return out;
}

Tensor Builder::add(std::vector<Expr> axes, Reduce op, std::vector<Expr> reduce_axes, Expr body,
                    DType dtype) {
  std::string name = std::move(next_name_);
  next_name_.clear();
  while (name.empty() || taken(program_, name)) name = "t" + std::to_string(counter_++);
  if (reduce_axes.empty()) op = Reduce::None;
  std::vector<Expr> shape;
  for (Expr a : axes) shape.push_back(a->extent());
  program_.computations.push_back({name, dtype, std::move(axes), op, std::move(reduce_axes),
                                   ir::cast(body, compute_type(dtype))});
  return {std::move(name), dtype, std::move(shape)};
}

Expr Builder::read(const Tensor& t, std::vector<Expr> index) const {
  FLASHLIGHT_CHECK(index.size() == t.shape.size(), "rank of a load of " + t.name);
  for (size_t i = 0; i < index.size(); ++i)
    if (is_one(t.shape[i])) index[i] = constant(int64_t{0});
  return load(t.name, std::move(index), compute_type(t.dtype));
}

Expr Builder::read_broadcast(const Tensor& t, const std::vector<Expr>& axes) const {
  return read(t, {axes.end() - t.shape.size(), axes.end()});
}

std::string Builder::who(const char* what) const {
  return next_name_.empty() ? what : next_name_ + " (" + what + ")";
}

Tensor Builder::pointwise(const std::vector<Tensor>& args, Expr body, DType dtype) {
  std::vector<Expr> shape;
  for (const Tensor& t : args) shape = broadcast_shape(shape, t.shape, who("pointwise"));
  const std::vector<Expr> axes = fresh_axes(shape, "i");
  Substitution map;
  for (size_t k = 0; k < args.size(); ++k)
    map[symbol("arg" + std::to_string(k), compute_type(args[k].dtype))] =
        read_broadcast(args[k], axes);
  return add(axes, Reduce::None, {}, substitute(body, map), dtype);
}

Tensor Builder::map(Op op, const std::vector<Tensor>& args, DType dtype) {
  if (static_cast<int>(args.size()) != op_arity(op))
    throw Refused(who(op_text(op)), "wrong number of arguments");
  const Type type = computing_type(op, args, dtype);
  std::vector<Expr> a;
  for (size_t k = 0; k < args.size(); ++k)
    a.push_back(ir::cast(symbol("arg" + std::to_string(k), compute_type(args[k].dtype)), type));
  return pointwise(args, a.size() == 1 ? unary(op, a[0]) : binary(op, a[0], a[1]), dtype);
}

Tensor Builder::where(const Tensor& c, const Tensor& a, const Tensor& b, DType dtype) {
  const Type type = compute_type(dtype);
  return pointwise({c, a, b},
                   ir::where(ir::cast(symbol("arg0", compute_type(c.dtype)), Type::Bool),
                             ir::cast(symbol("arg1", compute_type(a.dtype)), type),
                             ir::cast(symbol("arg2", compute_type(b.dtype)), type)),
                   dtype);
}

Tensor Builder::cast(const Tensor& a, DType dtype) {
  return pointwise({a}, symbol("arg0", compute_type(a.dtype)), dtype);
}

Tensor Builder::full(std::vector<Expr> shape, Expr value, DType dtype) {
  return add(fresh_axes(simplified(std::move(shape)), "i"), Reduce::None, {}, value, dtype);
}

Tensor Builder::iota(Expr length, Expr start, Expr step, DType dtype) {
  const std::vector<Expr> axes = fresh_axes({simplify(length)}, "i");
  return add(axes, Reduce::None, {}, simplify(start + step * axes[0]), dtype);
}

Tensor Builder::reduce(Reduce op, const Tensor& a, std::vector<int> dims, bool keepdim,
                       DType dtype) {
  const bool logic = op == Reduce::Any || op == Reduce::All;
  if (logic != (dtype == DType::Bool))
    throw Refused(who(reduce_text(op)), std::string("cannot have dtype ") + dtype_text(dtype));
  std::vector<bool> reduced(a.shape.size(), false);
  for (int dim : dims) reduced[wrap_dim(dim, a.shape.size(), who(reduce_text(op)))] = true;
  std::vector<Expr> axes, reduce_axes, index;
  for (size_t i = 0; i < a.shape.size(); ++i) {
    index.push_back(fresh_axes({a.shape[i]}, reduced[i] ? "r" : "i")[0]);
    (reduced[i] ? reduce_axes : axes).push_back(index[i]);
    if (reduced[i] && keepdim) axes.push_back(fresh_axes({constant(int64_t{1})}, "i")[0]);
  }
  const Expr body = ir::cast(load(a.name, index, compute_type(a.dtype)), compute_type(dtype));
  return add(axes, op, reduce_axes, body, dtype);
}

Tensor Builder::contract(const std::vector<Tensor>& args,
                         const std::vector<std::vector<int>>& labels, const std::vector<int>& out,
                         DType dtype) {
  const std::string name = who("contract");
  if (args.empty() || args.size() != labels.size()) throw Refused(name, "labels per operand");
  if (dtype == DType::Bool) throw Refused(name, "cannot have dtype bool");
  std::map<int, Expr> sizes;
  for (size_t k = 0; k < args.size(); ++k) {
    if (labels[k].size() != args[k].shape.size()) throw Refused(name, "labels per dimension");
    for (size_t i = 0; i < labels[k].size(); ++i) {
      const auto [it, fresh] = sizes.try_emplace(labels[k][i], args[k].shape[i]);
      if (!fresh) it->second = broadcast_size(it->second, args[k].shape[i], name);
    }
  }
  std::map<int, Expr> axes;
  std::vector<Expr> out_axes, reduce_axes;
  for (int label : out) {
    if (!sizes.count(label) || axes.count(label)) throw Refused(name, "labels of the result");
    out_axes.push_back(axes[label] = fresh_axes({sizes[label]}, "i")[0]);
  }
  for (const auto& [label, size] : sizes)
    if (!axes.count(label)) reduce_axes.push_back(axes[label] = fresh_axes({size}, "r")[0]);
  Expr body;
  for (size_t k = 0; k < args.size(); ++k) {
    std::vector<Expr> index;
    for (int label : labels[k]) index.push_back(axes[label]);
    const Expr factor = ir::cast(read(args[k], index), compute_type(dtype));
    body = body ? body * factor : factor;
  }
  return add(out_axes, Reduce::Sum, reduce_axes, body, dtype);
}

Tensor Builder::matmul(const Tensor& a, const Tensor& b, DType dtype) {
  if (a.shape.empty() || b.shape.empty()) throw Refused(who("matmul"), "of a scalar");
  const bool vector_a = a.shape.size() == 1, vector_b = b.shape.size() == 1;
  const size_t batch_a = a.shape.size() - (vector_a ? 1 : 2);
  const size_t batch_b = b.shape.size() - (vector_b ? 1 : 2);
  // Batch dimension i from the right has label i; rows, columns and the sum come after.
  const int rows = static_cast<int>(std::max(batch_a, batch_b)), columns = rows + 1, sum = rows + 2;
  const auto batch = [](size_t n) {
    std::vector<int> out;
    for (size_t i = n; i-- > 0;) out.push_back(static_cast<int>(i));
    return out;
  };
  std::vector<int> la = batch(batch_a), lb = batch(batch_b);
  std::vector<int> out = batch(std::max(batch_a, batch_b));
  if (!vector_a) la.push_back(rows), out.push_back(rows);
  la.push_back(sum);
  lb.push_back(sum);
  if (!vector_b) lb.push_back(columns), out.push_back(columns);
  return contract({a, b}, {la, lb}, out, dtype);
}

}  // namespace flashlight::ir
