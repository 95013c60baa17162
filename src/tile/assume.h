// Simplifying expressions where some conditions are known to hold.
#pragma once
#include <vector>

#include "ir/rewrite.h"

namespace flashlight::tile {

class Assumptions {
 public:
  /// These conditions are true, and with them the parts of conjunctions and all complements.
  explicit Assumptions(const std::vector<ir::Expr>& conditions);
  ir::Expr apply(ir::Expr e) const;

 private:
  void add(ir::Expr condition, bool value);
  ir::Substitution known_;
};

}  // namespace flashlight::tile
