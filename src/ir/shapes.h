// Sizes of tensors under construction. Private to src/ir.
#pragma once
#include <string>
#include <vector>

#include "ir/node.h"

namespace flashlight::ir {

bool is_one(Expr size);
/// Equal in every program that runs: as polynomials, or where one of the sizes contains
/// `x // y` of a symbol x and y divides x. PyTorch guards that division (x % y == 0) whenever it
/// makes such a size of a view, and refuses the sizes at run time otherwise.
bool same_size(Expr a, Expr b);
/// The size of two dimensions that broadcast against each other. Throws Refused.
Expr broadcast_size(Expr a, Expr b, const std::string& who);
std::vector<Expr> broadcast_shape(const std::vector<Expr>& a, const std::vector<Expr>& b,
                                  const std::string& who);
Expr product(const std::vector<Expr>& sizes);
std::string shape_text(const std::vector<Expr>& shape);
/// Python's negative dims; throws Refused out of range.
int wrap_dim(int dim, size_t rank, const std::string& who);
/// Where a view of `from` as `to` reads: for the point `index` of `to`, the indices into `from`.
/// Throws Refused if the numbers of elements are not known to be equal.
std::vector<Expr> view_index(std::vector<Expr> from, const std::vector<Expr>& to,
                             const std::vector<Expr>& index, const std::string& who);

}  // namespace flashlight::ir
