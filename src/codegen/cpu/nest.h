// The one loop nest that generated CPU code is made of: loops over the axes of a group of values,
// the last one in vectors, a DAG of expressions evaluated once per vector, each part in the
// outermost loop where it is known. Values go to arrays or memory, or fold into running reductions.
#pragma once
#include "codegen/cpu/plan.h"

namespace flashlight::codegen::cpu {

/// One value of a nest.
struct Item {
  std::string name;
  ir::Type type;
  std::vector<Expr> axes;    // of the value
  std::vector<Expr> serial;  // reduced by inner loops with `op`
  ir::Reduce op = ir::Reduce::None;
  Expr body;
  /// Where the value goes; `store` is memory of the caller.
  std::optional<Array> array;
  const ir::Store* store = nullptr;
  /// The value is first reduced over the loop axis, whose lanes are the innermost loop.
  bool fold = false;
  /// The reduced value joins what the array holds.
  bool absorb = false;
  bool fast = false;  // a Max or Min whose NaN shows elsewhere
  /// How later items of the nest read the value: Loads, Symbols.
  std::vector<Expr> keys;
  /// Nobody reads the array but what is printed together with this item.
  bool transient = false;
};

/// The axis whose neighbours are the lanes of vectors: the loop axis for folds and tiles, else the
/// last one; null for a value without axes.
Expr lane_axis(const Item& item, const Plan& plan);
/// Axes of the loops around the lanes, outermost first.
std::vector<Expr> outer_axes(const Item& item, const Plan& plan);

/// Consecutive items that may share a nest: the same loops, and no item reads from an array what
/// another one of the nest writes.
std::vector<std::vector<Item>> group(const std::vector<Item>& items, const Plan& plan);

/// Prints one group. `padded`: the lanes of the loop axis run to <loop>_p, and the constant Ragged
/// of the surrounding template says whether some of them do not exist; otherwise to <loop>_n
/// exactly.
void print_nest(Writer& out, const Plan& plan, const Scope& scope, const std::vector<Item>& items,
                bool padded);

/// Text of a scalar expression outside of any nest: sizes, grid axes, bounds of tiles.
std::string scalar_text(const Plan& plan, const Scope& scope, Expr e);

}  // namespace flashlight::codegen::cpu
