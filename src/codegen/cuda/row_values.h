// Products with values that change with the row (device/row_values.cuh): weights go through shared
// memory, so that a warp has those of all slots for its rows; sums come back the same way. Values
// of 16 bits come in chunks of sixteen loop elements to a ring that each warp has for itself: they
// are under way while scores are made, and no other warp waits for them.
//
// A thread's copies complete in the order of their groups. In each tile it makes one group for the
// loop operands, then one for each chunk; begin() makes as many before the first tile.
#pragma once
#include "codegen/cuda/fragment_text.h"

namespace flashlight::codegen::cuda {

class RowValuesText {
 public:
  RowValuesText(const Plan& plan, const FragmentText& text, Writer& out)
      : plan_(plan), text_(text), out_(out) {}

  /// Gives memory from `shared` on, at most up to `limit`; returns where it ends. `first`: where
  /// operands of the loop begin.
  int64_t place(int64_t first, int64_t shared, int64_t limit);
  void print_declare(const tile::Pass& pass);
  /// Before the first tile. `load`: makes the first tile's group; empty: it makes its own.
  void print_begin(const tile::Pass& pass, const std::string& load);
  /// Groups of a tile that may be under way when its loop operands have to be there.
  int chunks(const tile::Pass& pass) const { return static_cast<int>(list(pass).size()); }
  /// In a tile: at its start, once there are weights (arrays by name), after the products.
  void print_scales(const tile::Pass& pass);
  void print_put(const tile::Pass& pass, const std::map<std::string, std::string>& weights);
  void print_products(const tile::Pass& pass);
  /// After the loop: sums become fragments as those of other states.
  void print_exchange(const tile::Pass& pass);
  /// Registers that sums take.
  int64_t words(const tile::Pass& pass) const;

 private:
  struct Memory {
    int64_t weights = 0, scales = 0, sums = 0;
  };
  /// Values of elements 16 part .. of the tile for row `k` of the warp's.
  struct Chunk {
    const RowValues* values;
    int k, part;
  };
  std::vector<const RowValues*> in(const tile::Pass& pass) const;
  std::vector<Chunk> list(const tile::Pass& pass) const;
  std::string type(const RowValues& v) const;
  int64_t pitch(const RowValues& v) const;      // of weights, between slots
  int64_t row_pitch(const RowValues& v) const;  // between rows
  int64_t sum_pitch(const RowValues& v) const;  // of sums, between rows
  int64_t sums(const RowValues& v) const;       // registers of a row
  static int64_t chunk_bytes(const RowValues& v) { return 16 * (2 * v.extent + 16); }
  int rows() const { return 16 * plan_.warps; }
  int all_warps() const { return plan_.warps * plan_.slots; }
  int rows_of_warp() const { return (rows() + all_warps() - 1) / all_warps(); }
  void open_rows();
  void print_from(const RowValues& v);
  void print_fetch(const std::vector<Chunk>& chunks, int number, const std::string& tile);
  std::string buffer(const std::vector<Chunk>& chunks, int number) const;
  std::string row_of(int k) const;
  std::string guard(int k) const;  // of a row that not all warps have
  std::string at(int64_t offset) const { return "shared + " + std::to_string(offset); }

  const Plan& plan_;
  const FragmentText& text_;
  Writer& out_;
  std::map<std::string, Memory> memory_;
  int64_t ring_ = 0, chunk_bytes_ = 0;  // of the first warp; of a buffer
  int buffers_ = 1;  // of each warp; a multiple of a tile's chunks or the reverse
};

}  // namespace flashlight::codegen::cuda
