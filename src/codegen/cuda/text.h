// Expressions as CUDA C++: at a place, where axes and values have names.
#pragma once
#include <unordered_map>

#include "codegen/cuda/plan.h"

namespace flashlight::codegen::cuda {

/// What axes are called, and how values are read: by name of a Load or a Symbol.
struct Place {
  std::map<Expr, std::string> axes;
  std::map<std::string, std::string> values;
  std::unordered_map<Expr, std::string> known;  // whole expressions that have a name already
  bool guarded = false;                         // indices of loads may be out of range here
};

/// Lines of one block: nodes used more than once get a name.
class Block {
 public:
  Block(const Plan& plan, const Place& place) : plan_(plan), place_(place) {}
  Block(const Plan& plan, Place&& place) = delete;  // it is kept by reference
  /// Call before value() with all that will be asked for.
  void expect(const std::vector<Expr>& roots);
  std::string value(Expr e);
  /// Pointer to an element of a tensor.
  std::string address(const Tensor& tensor, const std::vector<Expr>& index);
  const std::vector<std::string>& lines() const { return lines_; }
  void print(Writer& out) const {
    for (const std::string& l : lines_) out.line(l);
  }

 private:
  bool is_named(Expr e) const;
  std::string compute(Expr e);
  std::string operation(Expr e, const std::vector<std::string>& a);
  std::string load(Expr e);

  const Plan& plan_;
  const Place& place_;
  std::unordered_map<Expr, std::string> named_;
  std::unordered_map<Expr, int> uses_;
  std::vector<std::string> lines_;
  int conditional_ = 0;  // inside a branch of a Where
  int next_ = 0;
};

const char* memory_text(ir::DType type);  // C++ type of an element in memory
const char* value_type(ir::Type type);    // of a value
std::string identity_text(ir::Reduce op, ir::Type type);
/// Text that folds b into a.
std::string fold_text(ir::Reduce op, const std::string& a, const std::string& b);
const char* quad_text(ir::Reduce op);  // over the lanes that share a row
std::string constant_text(Expr e);

}  // namespace flashlight::codegen::cuda
