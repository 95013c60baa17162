// What the tensor-core paths know of a kernel before they print it: which values are fragments,
// which are rows, what lies in shared memory.
//
// A warp owns 16 rows of the tiled axis, and of each product the fragment that the matrix
// instructions define: lane = 4 g + t holds rows g and g + 8, columns 8 j + 2 t + {0, 1}; element i
// of its array is row g + 8 * (i / 2 % 2), column 8 * (i / 4) + 2 t + i % 2. Or it owns 32: a lane
// holds four rows, and element i is row g + 8 * (i / 2 % 4), column 8 * (i / 8) + 2 t + i % 2.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "codegen/emitter.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

using ir::Expr;

/// How products are computed, and what their operands are in shared memory.
enum class Math : uint8_t { Bf16, F16, Tf32, F32 };
const char* math_text(Math math);  // the element type in device code
int math_bytes(Math math);

struct Tensor {
  std::string id;
  ir::DType dtype;
  std::vector<Expr> shape;
  std::vector<std::string> strides;            // texts, per dimension
  int index = 0;                               // inputs, then outputs
  bool aligned = false, half_aligned = false;  // base and strides: multiples of 16 bytes; of 8
};

/// A matrix in shared memory: one row per element of `row`, columns the flattened `columns`.
struct Operand {
  std::string id;
  Expr row;                   // the tiled axis (made once per unit) or the loop axis (per tile)
  std::vector<Expr> columns;  // constant extents, the last one fastest
  Expr body;                  // the element, over row, columns and grid axes
  int64_t extent = 1;         // columns
  int64_t padded = 16;        // columns with room: zeros
  Math math = Math::Bf16;
  const Tensor* copied = nullptr;  // rows lie there as needed, in pieces of so many bytes
  int piece = 16;
  const Tensor* widened = nullptr;  // rows lie there in 16 bits, in pieces of four elements
  bool own = false;                 // one for each value of Plan::across
};

/// A load of an input by row and loop element alone, whose tile is copied to shared memory ahead of
/// time: whole pieces of 16 bytes along the loop, or along Plan::across.
struct Staged {
  std::string id;
  Expr load;
  const Tensor* tensor = nullptr;
  bool by_slot = false;  // neighbours in memory are neighbours of Plan::across
  bool own = false;      // one tile for each slot
};

/// A state that is a sum over the loop of weights[row, loop] * body[row, loop, column]: its values
/// change with the row, and only the values of Plan::across share them.
struct RowValues {
  std::string state, weights;
  Expr body;  // one load of `tensor`
  Expr column;
  const Tensor* tensor = nullptr;
  int64_t extent = 0;
};

/// What a tile value is to a thread.
enum class Kind : uint8_t {
  Row,      // a value for each of its two rows
  Element,  // a fragment over rows and the loop tile
  Value,    // a fragment over rows and the flattened value axes
};

struct Value {
  Kind kind = Kind::Row;
  ir::Type type = ir::Type::F32;
  std::vector<Expr> columns;  // Kind::Value: axes, the last one fastest
  int64_t padded = 0;
  std::string id;
};

class Plan {
 public:
  /// Throws Refused where the kernel does not have the form, with what stands against it.
  /// Wide: also what only the portable path prints: scores that are no products, column sums,
  /// values that change with the row.
  explicit Plan(const tile::Kernel& kernel, bool wide = false);
  Plan(const Plan&) = delete;

  tile::Kernel kernel;  // inline statements put in place, bodies as GPUs want them
  Expr rows, loop;
  std::map<std::string, Tensor> tensors;
  std::map<Expr, std::string> grid;          // axis -> variable
  std::map<std::string, std::string> sizes;  // symbol -> variable
  std::vector<Operand> operands;
  std::map<std::string, int> operand_of;   // contraction operand -> index
  std::map<std::string, Value> values;     // statements, states, references, finals
  std::map<std::string, int> column_sums;  // state without rows -> operand that it sums
  std::vector<RowValues> row_values;
  std::vector<Staged> staged;
  /// A grid axis that lies in the warps of a CTA: `warps` for each of its `slots` values. Null:
  /// none.
  Expr across;
  int slots = 1;
  bool precise = false;  // float32 data: no approximate functions
  bool exact = false;    // and products that round nothing: nor is an exponent rounded
  Names names;
  int n = 64, warps = 4, stages = 2;
  int held = 2;  // rows of a lane: 2 or 4
  int warp_rows() const { return 8 * held; }
  int unit_rows() const { return warp_rows() * warps; }

  /// What a lane holds of a fragment with so many columns, of a value.
  int64_t elements(int64_t columns) const { return columns * held / 4; }
  int64_t words(const Value& v) const { return v.kind == Kind::Row ? held : elements(v.padded); }
  // Texts over `i`, an element of a fragment, and `t`.
  std::string row_text() const;     // of its lane's rows
  std::string offset_text() const;  // its column, less 2 t
  std::string column_text() const;
  std::string each_row() const;  // the head of a loop over `r`
  std::string rows_text() const { return "[" + std::to_string(held) + "]"; }
  std::string row_list(const std::function<std::string(int)>& text) const;  // {...}

  const Operand& operand(const std::string& name) const;
  const Value& value(const std::string& name) const;
  /// Pointers, strides and symbols.
  int64_t parameter_words() const;
  /// Text of an Int expression over sizes alone.
  std::string size_text(Expr e) const;
  bool is_loop_operand(const Operand& o) const { return o.row == loop; }
  bool is_row_values(const std::string& state) const;
  /// The element value that a product of the state has on its left; empty: it is no product.
  std::string weights_of(const tile::State& s) const;
  std::vector<const Staged*> staged_in(const tile::Pass& pass) const;

 private:
  void plan_memory();
  void plan_operands();
  void plan_values();
  void add_operand(const tile::Statement& s, Expr row, Math math);
  void add_value(const std::string& name, ir::Type type, const std::vector<Expr>& axes);
  void contraction(const tile::Contraction& c);
  void state(tile::Pass& pass, tile::State& s);
  void column_sum(const tile::State& s);
  void row_value(tile::Pass& pass, tile::State& s, Expr body, std::string weights);
  void choose_across();
  void plan_staged();
  bool inner(Expr load, Expr axis, int64_t extent_bytes) const;
  std::vector<Expr> element_loads(const tile::Pass& pass) const;
  void plan_math();
  Math math_of(Expr a, Expr b) const;
  Math wider(Math a, Math b) const;
  int piece(const Operand& o) const;
  bool wide_ = false;
  std::map<std::string, Math> math_;  // of operands
  const tile::Statement* find(const std::string& name) const;
};

/// A sum of products, which the matrix units compute.
bool is_product(const tile::Contraction& c);
[[noreturn]] void refuse(const std::string& why);
int64_t extent_of(Expr axis);  // constant
inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

}  // namespace flashlight::codegen::cuda
