// Signs of expressions, from what is known of the names in them.
#pragma once
#include <set>
#include <string>

#include "ir/program.h"
#include "transform/algebra.h"

namespace flashlight::transform {

/// Holds for every value that is not NaN; rounding and underflow keep it but for Positive, which
/// then means "0 only by underflow".
enum class Sign { Unknown, NonNegative, Positive };

struct Signs {
  std::set<std::string> positive;
  std::set<std::string> nonnegative;

  Sign of(ir::Expr e) const;
  Sign of(const Term& t) const;
  /// Of a reduction over at least one element.
  Sign of(ir::Reduce op, ir::Expr body) const;
  void learn(const std::string& name, Sign sign);
};

}  // namespace flashlight::transform
