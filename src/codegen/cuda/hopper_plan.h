// Where the operands of the Hopper path lie in shared memory, and how the copy engine brings them:
// panels of 64 columns, [rows][128 bytes], 128-byte swizzle.
#pragma once
#include "codegen/cuda/plan.h"
#include "codegen/cuda/source.h"

namespace flashlight::codegen::cuda {

class HopperPlan {
 public:
  HopperPlan(const Plan& plan, int64_t shared_limit);

  struct Copy {
    int map = 0;                              // index of its tensor map
    std::vector<int> dims;                    // of the tensor, from the innermost of the map
    int64_t rows = 0, chunks = 0, bytes = 0;  // of one buffer
    int64_t offset = 0;                       // of the first buffer
  };

  const Copy& of(const Operand& o) const { return copies_.at(&o); }

  /// A load by loop element, and perhaps by row, whose tile travels with the scores' operands: by
  /// rows in panels as operands lie, else as one line of columns.
  struct Tile {
    Expr load;
    const Tensor* tensor = nullptr;
    bool by_row = false;
    Copy copy;
  };

  std::vector<const Operand*> row_operands, scores, values;  // the last two: loop operands of each
  std::vector<Tile> tiles;                                   // in the ring of scores
  int64_t row_bytes = 0, score_bytes = 0, value_bytes = 0;   // score_bytes: with tiles
  int row_buffers = 2;
  int64_t slots = 0, bars = 0, shared = 0;
  int slot_ints = 0;  // of one of two work slots: unit, tracked, overflow, first and last tile,
                      // first row, grid axes
  std::vector<TensorMap> maps;

 private:
  void copy(const Plan& plan, const Operand& o);
  void plan_tiles(const Plan& plan);
  void add_map(const Tensor& tensor, const std::vector<Expr>& at, Expr row, Copy* c);
  std::map<const Operand*, Copy> copies_;
};

}  // namespace flashlight::codegen::cuda
