// The common frame of a kernel: which axis of each reduction is the same axis, and what each
// reduction is to the loop: a state carried over it, a value inside a tile, or a value per row.
// Needs: canonicalize. Used by stream.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ir/program.h"

namespace flashlight::transform {

enum class Role : uint8_t {
  State,   // reduces over the loop axis, has no loop axis of its own
  Tile,    // has the loop axis: made inside each tile
  Row,     // neither: made once per row before the loop
  Column,  // has the loop axis but not the long row axis, and is itself made from tiles:
           // needs a kernel of its own
};

struct Placed {
  Role role;
  ir::Computation computation;  // axes, reduce axes and body in frame axes
};

struct Frame {
  ir::Expr loop;
  std::map<std::string, Placed> reductions;
  std::vector<std::string> order;  // of the program
  std::vector<ir::Expr> axes;      // all parallel axes, in order of appearance
  std::vector<ir::Computation>
      outputs;  // axes split until they are frame axes; bodies in the frame
  std::vector<std::vector<ir::Expr>> indices;  // of outputs: one Int expression per dimension
};

/// Throws Refused if the reductions have no common frame.
Frame make_frame(const ir::Program& program);

}  // namespace flashlight::transform
