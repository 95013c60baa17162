// What the interpreter computes with: arrays over part of each axis, and expressions compiled to
// steps over slots. Private to src/tile; see interpret.h.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/interpret.h"
#include "tile/kernel.h"

namespace flashlight::tile {

/// The part of each axis that is being worked on, [lo, hi), and the point in it.
class Space {
 public:
  struct Axis {
    int64_t lo = 0, hi = 0, at = 0;
  };
  void set(ir::Expr axis, int64_t lo, int64_t hi) { axes_[axis] = {lo, hi, lo}; }
  Axis& axis(ir::Expr axis);  // InternalError if it has no range
  /// All points of these axes, the last one fastest.
  void each(const std::vector<ir::Expr>& axes, const std::function<void()>& fn);

 private:
  std::unordered_map<ir::Expr, Axis> axes_;  // references to its values stay valid
};

/// Values over the part of the axes that was current when it was made. Reading outside gives NaN.
struct Buffer {
  std::vector<ir::Expr> axes;
  std::vector<int64_t> lo;
  ir::Array array;

  Buffer() = default;
  Buffer(Space& space, std::vector<ir::Expr> axes, double fill);
  double& here(Space& space);  // at the current point
  double at(const std::vector<int64_t>& index) const;
};

/// Where names get their values: Symbols from values (at the current point) or sizes, Loads from
/// buffers; `values` wins over `sizes`.
struct Scope {
  ir::Bindings sizes;
  std::map<std::string, const ir::Array*> inputs;
  std::map<std::string, std::shared_ptr<Buffer>> buffers;
  std::map<std::string, const Buffer*> values;
  std::map<std::string, double> numbers;
};

/// An expression, ready to be evaluated at many points of a space. The scope must outlive it.
class Scalar {
 public:
  Scalar(ir::Expr e, const Scope& scope, Space& space);
  double operator()();

 private:
  struct Step {
    ir::Op op;
    ir::Type type;
    std::vector<int> args;
    const Space::Axis* axis = nullptr;
    std::vector<const Space::Axis*> at;  // of `value`
    const Buffer* value = nullptr;       // of a Symbol
    const Buffer* buffer = nullptr;      // of a Load
    const ir::Array* input = nullptr;    // of a Load
    ir::Expr load = ir::Expr();          // of an input
  };
  void add(ir::Expr e, const Scope& scope, Space& space);
  void add_symbol(ir::Expr e, const Scope& scope, Space& space, Step* step, double* known);
  std::optional<double> value(const Step& step);  // none: reads an input out of range
  void check_taken(int slot) const;

  std::vector<Step> steps_;
  std::vector<double> slots_;
  std::unordered_map<ir::Expr, int> slot_of_;
  std::vector<int64_t> index_;
  std::vector<int> outside_;  // slots of loads of inputs that are out of range at this point
};

double identity(ir::Reduce op, ir::Type type);
double combine(ir::Reduce op, double a, double b);

}  // namespace flashlight::tile
