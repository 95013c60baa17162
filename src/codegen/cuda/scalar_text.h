// Scalar expressions as C++ of a kernel: statements that name what is used more than once, then an
// expression. Functions are those of device/math.cuh; floats of every width are `Real`, the type
// the kernel computes in; Int is i64.
#pragma once
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "codegen/emitter.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

/// bool, i64 or Real.
std::string type_name(ir::Type type);
/// `a op b` of a reduction.
std::string combine_text(ir::Reduce op, const std::string& a, const std::string& b);
/// The value a reduction starts from.
std::string identity_text(ir::Reduce op, ir::Type type, bool single);
std::string literal_text(ir::Expr constant, bool single);

/// How leaves are written: Axis, Symbol (no `index`), Load (`index`: texts of its arguments).
using Leaf = std::function<std::string(ir::Expr leaf, const std::vector<std::string>& index)>;

class ScalarText {
 public:
  /// Statements go to `out`; `guarded` tells loads that must not be evaluated in the branch of a
  /// Where that is not taken. `single`: Real is float. Names are "<prefix>0", "<prefix>1" ...
  ScalarText(Writer& out, Leaf leaf, std::function<bool(ir::Expr load)> guarded, bool single,
             std::string prefix);
  /// Text of the value of e; may be used as long as the current block of `out` is open.
  std::string operator()(ir::Expr e);

 private:
  std::string value(ir::Expr e);
  std::string compute(ir::Expr e);
  std::string branches(ir::Expr e);
  std::string operation(ir::Expr e, const std::vector<std::string>& args) const;
  bool needs_branch(ir::Expr e);
  std::string fresh() { return prefix_ + std::to_string(count_++); }

  Writer& out_;
  Leaf leaf_;
  std::function<bool(ir::Expr)> guarded_;
  bool single_;
  std::string prefix_;
  int count_ = 0;
  std::unordered_map<ir::Expr, int> uses_;
  std::vector<std::unordered_map<ir::Expr, std::string>> known_;  // per open block
  std::unordered_map<ir::Expr, bool> branch_memo_;
};

}  // namespace flashlight::codegen::cuda
