// A reduction as a matrix product: which part of its body each operand is.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "ir/node.h"

namespace flashlight::tile {

/// body = combine(a, b): `a` has no axis of the n side, `b` none of the m side. combine is over
/// Symbols "a" and "b".
struct Factors {
  ir::Expr a, b, combine;
};

/// on_m / on_n: does this node itself (an axis, a reference) belong to the m side / the n side?
/// A node on neither goes to a, or stays in combine where it is a constant.
using Side = std::function<bool(ir::Expr)>;

/// Factors of a product are collected; else the body must be a function of one maximal expression
/// per side, such as (a - b)^2. Nothing: the body mixes the sides in another way.
std::optional<Factors> factor(ir::Expr body, const Side& on_m, const Side& on_n);

/// body = sum of sign * term; splits additions and subtractions.
std::vector<std::pair<int, ir::Expr>> terms(ir::Expr body);

}  // namespace flashlight::tile
