// What each axis of a stream is to a kernel: one value per unit of work (grid), cut in tiles, or
// whole inside a tile.
#pragma once
#include <vector>

#include "ir/stream.h"
#include "tile/schedule.h"

namespace flashlight::tile {

/// Rows of an axis that may lie whole in a tile, by hint.
constexpr int64_t kMostWhole = 32;

struct Roles {
  std::vector<ir::Expr> grid, tiled, whole;
  std::vector<std::string> inputs;  // names in global memory

  bool is_grid(ir::Expr axis) const;
  bool is_input(const std::string& name) const;
  /// The axes that lie in a tile, in order.
  std::vector<ir::Expr> in_tile(const std::vector<ir::Expr>& axes) const;
  /// Loads of tile values lose their grid axes: those have one value per unit.
  ir::Expr local(ir::Expr e) const;
};

/// The row axis that is cut in tiles; null: each row is a unit by itself.
ir::Expr choose_tiled(const ir::Stream& stream);

/// Row axes that should lie whole in a tile: a value operand that changes with the tiled axis is
/// shared only by them (pair values of invariant point attention are shared by the heads).
std::vector<std::string> whole_rows(const ir::Stream& stream);

Roles assign_roles(const ir::Stream& stream, const Schedule& schedule);

}  // namespace flashlight::tile
