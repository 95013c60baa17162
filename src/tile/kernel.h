// tile::Kernel: a Stream with a Schedule. It says what is computed tile by tile, in which order and
// where values live; it has no word of any back end in it.
//
// Shape of a run. The grid axes times the row tiles are units of work. A unit holds, for its row
// tile, arrays over `tiled` x `whole` axes. Per unit:
//   prologue; for each pass: { start states; for each loop tile in `live`: step; finals };
//   epilogue.
// One step of a pass, on loop elements [lo, lo + n):
//   1. `before` statements, then states without references absorb the tile;
//   2. every reference moves to its target; states with a `move` are taken there;
//   3. `after` statements (they see the new references), states with references absorb the tile.
// A `probe` may cut the loop tiles: a tile begins at the first panel of loop elements that lives,
// and dead panels at its end are left to the next one. In tiles inside `full` no predicate can
// fire: `before_full`/`after_full`/bodies_full are used. Operands in `packs` do not depend on the
// row tile: they are made once for all units that share the pack axes.
#pragma once
#include <optional>

#include "ir/stream.h"
#include "tile/schedule.h"

namespace flashlight::tile {

using ir::Expr;

enum class Storage : uint8_t {
  Inline,   // no memory: the body is evaluated where it is used
  Scratch,  // an array over `axes` (row major in that order, loop axis innermost if present)
  Panel,    // packed: blocks of schedule.panel of the last axis; inside a block [other axes][panel]
  Direct,   // read in memory as it lies: body is one Load of an input with unit stride along the
            // last axis or, for a few scalar products, the contracted one; in `before` only
};

/// A tile value. Map: reduce_axes empty. Otherwise a reduction over whole axes inside the tile.
/// Loads in `body` name inputs (global memory), or other statements' values at their axes.
/// Symbols in `body` name extents, references, states or finals (value of the same row).
struct Statement {
  std::string name;
  ir::Type type;
  std::vector<Expr> axes;
  ir::Reduce op = ir::Reduce::None;
  std::vector<Expr> reduce_axes;
  Expr body;
  Storage storage = Storage::Scratch;
  std::string alias;  // Scratch: reuse the buffer of this statement (dead from here on)
};

/// How a reduction over one axis group is a matrix product: value[batch, m, n] op= a[batch, m, k]
/// (*) b[batch, k, n]. a and b are statements; `combine` is over Symbols "a" and "b" (mul: a*b).
struct Contraction {
  std::string value;  // a Statement of `before`/`after`, or a State
  std::string a, b;   // Statements: a has the m axis, b the n axis innermost
  std::vector<Expr> batch, m, n, k;
  ir::Reduce op = ir::Reduce::Sum;
  Expr combine;
};

struct State {
  std::string name;
  ir::Type type;
  ir::Reduce op;
  std::vector<Expr> axes;
  Expr body;       // reduced over the loop axis. Null when `contraction` says how
  Expr body_full;  // the same in full tiles
  std::optional<Contraction> contraction;
  std::vector<std::string> references;
  std::map<std::string, Expr> move;  // state -> factor; see ir::StreamState
};

/// Elements of the loop axis, [lo, hi), as Int expressions over Symbols of sizes, grid axes, and
/// the bounds of the row tile: Symbols "<axis>.lo" and "<axis>.hi" (exclusive) of the tiled axis.
struct Range {
  Expr lo, hi;
};

/// What data say of a tile before any score is made: a Bool over tiled, whole and grid axes, the
/// loop, sizes and inputs. A panel of loop elements where it is false everywhere gives every state
/// its identity: a tile begins at one that lives and ends after one.
struct Probe {
  Expr condition;
  /// One number for the rows of a tile: the least or the largest value.
  struct Summary {
    std::string name;
    Expr value;  // Int, without the loop axis
    ir::Reduce op;
    std::vector<Expr> axes;  // reduced: all that `value` has and the grid has not
  };
  std::vector<Summary> summaries;
  /// Over the loop and Symbols of summaries: true wherever `condition` holds for some row, so it is
  /// asked first. Null: nothing cheaper is known.
  Expr some_row;
  Expr certificate;  // of what is left out, as that of a pass
};

struct Pass {
  Range live;  // outside it every state would receive its identity
  Range full;  // inside it (a part of live) no predicate fires; empty: hi <= lo
  /// Bool per row over finals/states: skipping was exact. Null: always. If a row of the unit fails
  /// and something was skipped, the pass runs again over the whole loop axis, without the probe.
  Expr certificate;
  std::optional<Probe> probe;
  std::vector<Statement> before, after;            // partial tiles
  std::vector<Statement> before_full, after_full;  // full tiles; same names as in the lists above
  std::vector<Contraction> contractions;           // of statements in before/after
  std::vector<State> states;
  std::vector<ir::StreamReference> references;
  std::vector<ir::StreamPass::Final> finals;
};

struct Kernel {
  std::string name;
  std::string target;
  Schedule schedule;
  Specialization specialization;
  std::vector<ir::SymbolInfo> symbols;
  std::vector<ir::Input> inputs;
  ir::Type compute = ir::Type::F32;  // F64 if any float of the program is

  std::vector<Expr> grid;   // one value per unit; pack axes first
  int pack_axes = 0;        // the first so many grid axes are those that packs depend on
  std::vector<Expr> tiled;  // at most one axis, cut in schedule.row_tile; may be empty
  std::vector<Expr> whole;  // axes that lie in a tile with all their (constant) extent
  Expr loop;

  std::vector<Statement> packs;  // Panel, or Scratch (row major over all loop elements)
  std::vector<Statement> prologue;
  std::vector<Contraction> prologue_contractions;
  std::vector<Pass> passes;
  std::vector<Statement> epilogue;
  std::vector<ir::Store> outputs;
};

/// Throws InternalError naming the first thing wrong.
void verify(const Kernel& kernel);
std::string print(const Kernel& kernel);

}  // namespace flashlight::tile
