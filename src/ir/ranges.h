// What a value can be, from what its operands can be.
#pragma once
#include <map>
#include <string>

#include "ir/node.h"

namespace flashlight::ir {

/// lo <= x <= hi, and no NaN; or anything at all.
struct ValueRange {
  double lo, hi;

  static ValueRange at(double v);
  static ValueRange finite();
  static ValueRange anything();  // NaN as well
  bool is(double v) const { return lo == v && hi == v; }
  bool is_finite() const;
};

/// Of a scalar expression. Loads and symbols have the ranges of `known`; others are data: finite (a
/// Bool 0 or 1), and arithmetic on data stays finite: a value that is not spoils its row anyway, as
/// does a divisor of 0.
ValueRange range_of(Expr e, const std::map<std::string, ValueRange>& known);

}  // namespace flashlight::ir
