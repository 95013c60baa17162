// Products with values that change with the row (device/row_values.cuh): weights go through shared
// memory, so that a warp has those of all slots for its rows; sums come back the same way.
#pragma once
#include "codegen/cuda/fragment_text.h"

namespace flashlight::codegen::cuda {

class RowValuesText {
 public:
  RowValuesText(const Plan& plan, const FragmentText& text, Writer& out)
      : plan_(plan), text_(text), out_(out) {}

  /// Gives memory from `shared` on; returns where it ends.
  int64_t place(int64_t shared);
  void print_declare(const tile::Pass& pass);
  /// In a tile: before the scores, once there are weights (arrays by name), after the products.
  void print_fetch(const tile::Pass& pass);
  void print_put(const tile::Pass& pass, const std::map<std::string, std::string>& weights);
  void print_products(const tile::Pass& pass);
  /// After the loop: sums become fragments as those of other states.
  void print_exchange(const tile::Pass& pass);

 private:
  struct Memory {
    int64_t weights = 0, scales = 0, sums = 0;
  };
  std::vector<const RowValues*> in(const tile::Pass& pass) const;
  std::string type(const RowValues& v) const;
  int64_t pitch(const RowValues& v) const;      // of weights
  int64_t sum_pitch(const RowValues& v) const;  // of sums, between rows
  int rows() const { return 16 * plan_.warps; }
  int all_warps() const { return plan_.warps * plan_.slots; }
  int rows_of_warp() const { return (rows() + all_warps() - 1) / all_warps(); }
  bool early(const RowValues& v) const;
  void fetch(const RowValues& v);
  void open_rows();
  std::string at(int64_t offset) const { return "shared + " + std::to_string(offset); }

  const Plan& plan_;
  const FragmentText& text_;
  Writer& out_;
  std::map<std::string, Memory> memory_;
};

}  // namespace flashlight::codegen::cuda
