// The derivation as formulas, for explain() and for people.
#pragma once
#include <string>
#include <vector>

#include "transform/online.h"

namespace flashlight::transform {

/// One line per state, reference and final, as in
///   l = sum_j exp(x - r_m); when r_m moves: l *= exp(r_m - r_m')
/// States are named after the reduction that they are, where they are one.
std::string describe(const std::vector<Pass>& passes, const std::string& axis = "j");

/// Infix text of an expression.
std::string formula(ir::Expr e);

}  // namespace flashlight::transform
