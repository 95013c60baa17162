// Where the values of a kernel live in the text: identifiers, arrays of the tile, strides.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "codegen/emitter.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cpu {

using ir::Expr;

enum class Role : uint8_t { Grid, Tiled, Whole, Loop };

/// Tiled and Loop axes have local variables <id> (inside the tile), <id>_lo (first element of the
/// tile) and <id>_n (how many elements it has).
struct AxisPlan {
  Role role;
  std::string id;
  int64_t extent = 0;  // Whole: the extent. Tiled, Loop: what a tile holds at most, padded
};

/// Elements between neighbours along an axis: a constant, or a text where `text` is not empty.
struct Stride {
  int64_t value = 0;
  std::string text;
  bool is(int64_t n) const { return text.empty() && value == n; }
  std::string str() const { return text.empty() ? std::to_string(value) : text; }
};

/// Memory of ours. Element (x0, x1 ...) lies at base[sum x_k * strides[k]]; `panelled`: the last
/// coordinate x counts as x / panel * strides.back() + x % panel.
struct Array {
  std::string base;
  ir::Type type;
  std::vector<Expr> axes;
  std::vector<Stride> strides;
  bool panelled = false;
  bool absolute = false;  // the loop axis is counted from its start, not from that of the tile
};

/// What a name in a body stands for: an array, or the expression itself.
struct Slot {
  std::vector<Expr> axes;
  std::optional<Array> array;
  Expr body;
};
using Scope = std::map<std::string, Slot>;

struct Tensor {
  std::string id;
  ir::DType dtype;
  std::vector<Expr> shape;
  std::vector<Stride> strides;  // per dimension; StrideClass One is 1, Zero is 0
};

struct Field {
  std::string type, id;
  int64_t size;
};

class Plan {
 public:
  explicit Plan(const tile::Kernel& kernel);

  const tile::Kernel& kernel;
  std::map<Expr, AxisPlan> axes;
  std::map<std::string, Tensor> tensors;     // inputs and outputs
  std::map<std::string, std::string> sizes;  // symbol -> text
  std::map<std::string, Array> packs;
  std::vector<Field> fields;  // of the tile
  Names names;
  int64_t rows = 1;  // rows that arrays of a tile have room for
  int64_t panel = 1;
  bool single = true;                     // compute type is float
  std::unordered_set<Expr> non_positive;  // Exp, Exp2 nodes whose argument is never above 0
  std::unordered_set<Expr> rounded;       // products that must not be contracted with a sum

  const AxisPlan& axis(Expr a) const;
  int64_t lanes() const { return panel / kernel.schedule.micro_vectors; }
  /// Elements of the last, whole axis of an array: whole vectors, or panels if it is longer.
  int64_t width(int64_t extent) const;
  /// Loop elements up to the end of the tile at hand.
  Expr seen() const;
  /// Text of an Int expression over symbols of sizes alone.
  std::string size_text(Expr e) const;
  /// A new array of the tile. The same name, type and axes give the same array again.
  Array allocate(const std::string& name, ir::Type type, const std::vector<Expr>& axes);
  std::string storage_type(ir::Type type) const;

 private:
  void plan_axes();
  void plan_tensors();
  void plan_packs();
  std::map<std::string, Array> allocated_;
};

const char* dtype_name(ir::DType type);  // of device/types.h
std::string round_up_text(const std::string& n, int64_t to);
inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// Replaces loads of slots that are expressions by these; see Slot.
Expr expand(Expr e, const Scope& scope);

}  // namespace flashlight::codegen::cpu
