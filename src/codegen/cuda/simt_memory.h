// Arrays of a unit of work: which live at the same time, and where they lie. Private to simt*.cpp.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ir/node.h"

namespace flashlight::codegen::cuda {

/// Values over axes; `strides` in elements. Time counts barriers: two arrays share memory only if
/// no two threads between the same barriers use them.
struct SimtArray {
  std::string name;  // of the pointer
  ir::Type type;
  std::vector<ir::Expr> axes;
  std::vector<int64_t> capacity, strides;
  int64_t elements = 1;
  int first = -1, last = -1;
  int64_t offset = 0;
  bool in_workspace = false;

  void use(int time);
};

class SimtMemory {
 public:
  explicit SimtMemory(bool single) : single_(single) {}

  SimtArray* make(const std::string& name, ir::Type type, std::vector<ir::Expr> axes,
                  std::vector<int64_t> capacity);
  /// Whatever was made before `start` and used since then is needed again until `end`: a loop.
  void keep(int start, int end);
  /// Lays the arrays out: the largest go to the workspace until the rest fits in `shared_limit`
  /// bytes, or none if the workspace is not allowed.
  void place(int64_t shared_limit, bool workspace);

  const std::vector<std::unique_ptr<SimtArray>>& arrays() const { return arrays_; }
  int64_t shared_bytes() const { return shared_bytes_; }
  int64_t workspace_bytes() const { return workspace_bytes_; }

 private:
  int64_t bytes(const SimtArray& a) const;
  int64_t place(bool in_workspace);

  bool single_;
  std::vector<std::unique_ptr<SimtArray>> arrays_;
  int64_t shared_bytes_ = 0, workspace_bytes_ = 0;
};

}  // namespace flashlight::codegen::cuda
