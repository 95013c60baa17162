// exp(a) exp(b), each at its own peak, may underflow everywhere though eager's own product does
// not.
#pragma once
#include <utility>
#include <vector>

#include "transform/draft.h"

namespace flashlight::transform {

/// What a rest is a product of.
struct Factors {
  std::vector<std::pair<Place, double>> places;
  std::vector<std::pair<ir::Expr, double>> still;  // over elements alone
  std::vector<ir::Expr> conditions;                // indicators, over elements alone
};

/// Unless eager subtracts the peaks itself, gathers exponentials into exp(a + b), which then has a
/// peak of its own. False: no such form was found.
bool combine(const Draft& draft, Factors& factors);

}  // namespace flashlight::transform
