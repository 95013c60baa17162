// ir::Stream: a program in streamed form, one kernel. For each point of the row axes, `passes` run
// over the loop axis one after the other; each carries states; then `epilogue` and `outputs` are
// evaluated. Everything else of a kernel (tiles, memory, threads) is a schedule, see tile/.
//
// Axes are shared by name over the whole stream: row axes (every state has a subset of them), the
// loop axis, inner axes (contracted inside a tile, or carried as value axes of a state).
#pragma once
#include "ir/program.h"

namespace flashlight::ir {

/// value = op_{loop} body, at the current references; see transform/online.h for the mathematics.
struct StreamState {
  std::string name;
  Reduce op;
  std::vector<Expr> axes;  // row and value axes
  Expr body;  // loads of inputs, tiles, rows, finals of earlier passes; Symbols: references
  std::vector<std::string> references;
  std::map<std::string, Expr>
      move;  // state -> factor over Symbols r (old) and r' (new); empty: none
  friend bool operator==(const StreamState&, const StreamState&) = default;
};

/// A value per row that stands for a reduction inside the loop.
struct StreamReference {
  std::string name;
  std::string follows;  // the final whose true value it takes at the end of the pass
  Expr target;          // over Symbols of states without references and "share"; null: stays put
  Expr start;
  std::vector<Expr> axes;  // row axes
  friend bool operator==(const StreamReference&, const StreamReference&) = default;
};

struct StreamPass {
  std::vector<StreamState> states;
  std::vector<StreamReference> references;
  /// In order. body is over Symbols (states, references at their true value by the name of the
  /// reduction, earlier finals) that stand for their value at the same axes; op is None. When the
  /// loop axis has extent 0, a final is the identity of `op` of its reduction instead.
  struct Final {
    std::string name;
    Reduce op;
    std::vector<Expr> axes;
    Expr body;
    friend bool operator==(const Final&, const Final&) = default;
  };
  std::vector<Final> finals;
  friend bool operator==(const StreamPass&, const StreamPass&) = default;
};

/// memory[index...] = body for all points of axes (each element exactly once).
struct Store {
  std::string name;
  DType dtype;
  std::vector<Expr> shape;
  std::vector<int> order;  // dimensions from the largest stride to the smallest
  std::vector<Expr> axes;
  std::vector<Expr> index;  // affine in axes, one per dimension
  Expr body;
  friend bool operator==(const Store&, const Store&) = default;
};

struct Stream {
  std::string name;
  std::vector<SymbolInfo> symbols;
  std::vector<Input> inputs;
  std::vector<Expr> row_axes;
  Expr loop;
  std::vector<Computation> rows;   // without the loop axis, before the loop
  std::vector<Computation> tiles;  // with the loop axis: contractions and shared values
  std::vector<StreamPass> passes;
  std::vector<Computation> epilogue;  // over finals (Loads by name), after the loop
  std::vector<Store> outputs;         // bodies load finals, rows, epilogue, inputs
  friend bool operator==(const Stream&, const Stream&) = default;
};

std::string print(const Stream& stream);
/// "a, b": names of axes; "x[a, b]" with a value's name (the name alone without axes).
std::string names_text(const std::vector<Expr>& axes);
std::string value_text(const std::string& name, const std::vector<Expr>& axes);
/// "store o[a, 2 * b] : f32 = x[a, b]"
std::string store_text(const Store& store);

}  // namespace flashlight::ir
