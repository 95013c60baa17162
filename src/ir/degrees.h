// How a value follows a number d that some of its operands follow: as a sum of exp(x - r) follows
// r.
#pragma once
#include <map>
#include <string>

#include "ir/node.h"

namespace flashlight::ir {

/// Power: value * exp(by * d). Shift: value + by * d. With 0 both say that it does not follow d.
struct Degree {
  enum Kind { Power, Shift, Other } kind = Power;
  double by = 0;

  bool is_none() const { return kind != Other && by == 0; }
};

/// Of a scalar expression whose loads and symbols follow d as `known` says, the others not at all.
Degree degree_of(Expr e, const std::map<std::string, Degree>& known);

}  // namespace flashlight::ir
