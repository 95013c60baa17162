// Canonical forms of integer expressions: sums of products over atoms (axes, symbols, loads,
// floor divisions ...), with what is known of ranges: an axis is 0 .. extent-1, a symbol is >= 1.
#pragma once
#include <map>
#include <optional>

#include "ir/node.h"

namespace flashlight::ir {

/// Simplifies every Int part of e (indices, predicates) and folds constants in the rest:
/// (a*S + b) floordiv S -> a and mod -> b where 0 <= b < S is known, comparisons that are decided.
Expr simplify(Expr e);

/// Takes the constant factors out of a product of floats; their product.
double take_factor(Expr* e);

/// e = sum of coefficient[a] * a over the axes + rest; coefficients and rest have no axis in them.
struct Affine {
  std::map<Expr, Expr> coefficients;  // Axis -> Int expression
  Expr rest;
  Expr coefficient(Expr axis) const;  // constant 0 where absent
};
std::optional<Affine> affine(Expr e);

/// a / b where that is exact as polynomials ((s0*s1*4) / (s1*2) = s0*2).
std::optional<Expr> exact_div(Expr a, Expr b);
/// Known equal / known a <= b, for all values of symbols >= 1 and axes in range.
bool known_equal(Expr a, Expr b);
bool known_le(Expr a, Expr b);
/// An index of a dimension of `extent` that comes from memory, and that memory could put out of it.
bool is_unchecked(Expr index, Expr extent);
/// max(0, min(index, extent - 1)), or the index itself where it is known to be in range.
Expr clamped(Expr index, Expr extent);

}  // namespace flashlight::ir
