// One pass of a stream, lowered into a kernel: which values are made before and after the
// references move, which live in memory, which reductions are matrix products.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ir/rewrite.h"
#include "tile/factor.h"
#include "tile/kernel.h"
#include "tile/roles.h"

namespace flashlight::tile {

class PassLowering {
 public:
  PassLowering(const ir::Stream& stream, const ir::StreamPass& pass, const Roles& roles,
               const Specialization& spec, Kernel& kernel);
  void run();

 private:
  /// value[batch, m, n] = op_k combine(a, b)
  struct Plan {
    Factors factors;
    std::vector<ir::Expr> batch, m, n, k;
  };
  std::optional<Plan> plan(ir::Expr body, const std::vector<ir::Expr>& axes,
                           const std::vector<ir::Expr>& n, const std::vector<ir::Expr>& k) const;

  // lower_pass.cpp: tile values, states, operands
  void lower_tiles();
  void lower_tile(const ir::Computation& c);
  void contract_tile(const std::string& name, ir::Type type, const Plan& plan, ir::Reduce op,
                     ir::Expr body);
  void lower_state(const ir::StreamState& s);
  ir::Expr local(ir::Expr e) const;
  std::string row_operand(ir::Expr a, const std::vector<ir::Expr>& axes);
  std::string loop_operand(ir::Expr b, const std::vector<ir::Expr>& axes, Storage storage);
  bool direct(ir::Expr b, const std::vector<ir::Expr>& n) const;
  bool serves_few_rows(const Plan& p, ir::Reduce op) const;
  bool has_long_rows(const std::vector<ir::Expr>& values) const;
  Contraction contraction(const std::string& value, const Plan& plan, ir::Reduce op) const;

  // lower_share.cpp: what is held in memory, live and full ranges
  void share_values();
  void materialise(ir::Expr value, std::vector<ir::Expr> axes, bool after);
  ir::Expr reuse(ir::Expr e) const;
  void assign_aliases();
  bool read_after(const std::string& buffer, const Statement& from, bool after) const;
  void ranges();

  bool uses_reference(ir::Expr e) const;
  std::vector<ir::Expr> by_rank(std::vector<ir::Expr> axes) const;
  std::vector<ir::Expr> axes_of_value(ir::Expr e) const;
  bool depends_on_tiled(ir::Expr e) const;
  bool is_row(ir::Expr axis) const;

  const ir::Stream& stream_;
  const ir::StreamPass& source_;
  const Roles& roles_;
  const Specialization& spec_;
  Kernel& kernel_;
  Pass pass_;
  std::vector<std::pair<size_t, ir::Expr>> operands_;   // state -> left operand, to be shared
  std::map<std::string, std::vector<ir::Expr>> given_;  // tile value -> its axes in the stream
  ir::Substitution made_;                               // value -> Load of the statement holding it
};

}  // namespace flashlight::tile
