// Builds a Program from tensor operations, the vocabulary of ATen after decomposition. Every call
// adds one computation (its name is unique in the program) and returns a handle. Shapes follow
// PyTorch's rules: broadcasting from the right, negative dims allowed. Errors: Refused, naming the
// computation and the reason.
#pragma once
#include "ir/program.h"

namespace flashlight::ir {

struct Tensor {
  std::string name;
  DType dtype;
  std::vector<Expr> shape;
};

class Builder {
 public:
  Expr add_symbol(const std::string& name, int64_t hint);
  Tensor input(const std::string& name, DType dtype, std::vector<Expr> shape);
  void output(const Tensor& t, std::vector<int> order = {});
  /// Verified.
  Program finish() const;

  /// Name of the next computation; without it a fresh one is made.
  Builder& as(const std::string& name);

  // ---- elementwise; arguments broadcast, int and float arguments promote to `dtype`'s type
  Tensor map(Op op, const std::vector<Tensor>& args, DType dtype);
  Tensor where(const Tensor& c, const Tensor& a, const Tensor& b, DType dtype);
  Tensor cast(const Tensor& a, DType dtype);
  /// Any scalar expression: body over Symbols "arg0", "arg1" ... of the arguments' types.
  Tensor pointwise(const std::vector<Tensor>& args, Expr body, DType dtype);
  Tensor full(std::vector<Expr> shape, Expr value, DType dtype);
  Tensor iota(Expr length, Expr start, Expr step, DType dtype);

  // ---- reductions and contractions
  Tensor reduce(Reduce op, const Tensor& a, std::vector<int> dims, bool keepdim, DType dtype);
  Tensor matmul(const Tensor& a, const Tensor& b, DType dtype);  // batch dims broadcast
  /// einsum-like: labels per operand dim, labels of the result; the others are summed.
  Tensor contract(const std::vector<Tensor>& args, const std::vector<std::vector<int>>& labels,
                  const std::vector<int>& out, DType dtype);

  // ---- views
  /// One size may be -1. Refuses sizes that are not known to hold as many elements; `x // y` of a
  /// symbol x is taken to divide it, as PyTorch guards.
  Tensor view(const Tensor& a, std::vector<Expr> shape);
  Tensor expand(const Tensor& a, std::vector<Expr> shape);
  Tensor permute(const Tensor& a, const std::vector<int>& dims);
  Tensor unsqueeze(const Tensor& a, int dim);
  Tensor squeeze(const Tensor& a, const std::vector<int>& dims);
  Tensor slice(const Tensor& a, int dim, Expr start, Expr length, Expr step);
  Tensor select(const Tensor& a, int dim, Expr index);
  Tensor flip(const Tensor& a, const std::vector<int>& dims);
  Tensor cat(const std::vector<Tensor>& args, int dim);  // of one dtype

  // ---- indirect loads; only index() counts negative indices from the end, as PyTorch
  Tensor index_select(const Tensor& a, int dim, const Tensor& index);
  Tensor gather(const Tensor& a, int dim, const Tensor& index);
  Tensor embedding(const Tensor& table, const Tensor& index);
  /// a[idx0, idx1, :, ...]: aten.index with null tensors allowed.
  Tensor index(const Tensor& a, const std::vector<std::optional<Tensor>>& indices);

 private:
  Tensor add(std::vector<Expr> axes, Reduce op, std::vector<Expr> reduce_axes, Expr body,
             DType dtype);
  std::vector<Expr> fresh_axes(const std::vector<Expr>& shape, const char* stem);
  Expr read(const Tensor& t, std::vector<Expr> index) const;  // dimensions of size 1 at 0
  Expr read_broadcast(const Tensor& t, const std::vector<Expr>& axes) const;
  Tensor reindex(const Tensor& a, const std::vector<Expr>& axes, std::vector<Expr> index);
  Expr wrapped(Expr index, Expr size) const;
  std::string who(const char* what) const;  // for messages
  Program program_;
  std::string next_name_;
  int counter_ = 0;
};

}  // namespace flashlight::ir
