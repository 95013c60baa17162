// Live tiles in closed form (design.md 5): where along the loop axis a predicate can be true for
// any row of a tile, and where it is true for all of them.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "ir/stream.h"

namespace flashlight::analysis {

struct Interval {  // of an Int expression: inclusive bounds
  ir::Expr lo, hi;
};
struct LoopRange {  // [lo, hi) along the loop axis; null Exprs: unbounded (0 / extent)
  ir::Expr lo, hi;
};

/// Elements of `loop` for which `predicate` may hold for some point of `rows`: a superset.
/// Comparisons of a monotone function of the loop axis (affine, floor division) with anything that
/// does not depend on it; and, or, not; every other predicate is unknown. Axes not in `rows` and
/// loads without loop or row axes are constants. Bounds are simplified, within [0, extent]; do not
/// simplify() them again: it takes every Symbol for a size >= 1, and a row tile may start at 0.
LoopRange may_hold(ir::Expr predicate, ir::Expr loop, const std::map<ir::Expr, Interval>& rows);
/// Elements for which it certainly holds for every point of `rows`: a subset (lo >= hi: empty).
LoopRange must_hold(ir::Expr predicate, ir::Expr loop, const std::map<ir::Expr, Interval>& rows);

/// What one pass of a stream may skip, as one condition over rows, the loop and axes that a tile
/// value is reduced over: all of those but the loop belong into `rows` above.
struct Liveness {
  ir::Expr condition;  // false: every state of the pass receives its identity. Null: never known
  /// Bool over Symbols (finals of this pass) and Loads (finals of earlier ones): skipping was exact
  /// for this row. Null: always exact.
  ir::Expr certificate;
  /// Implied by what keeps a state alive, as `condition`, but evaluated at run time: over axes,
  /// sizes and elements of inputs (indices are in range whatever guards stand around it). Null:
  /// ranges say it all, or nothing is known before the scores.
  ir::Expr probe;
  ir::Expr probe_certificate;  // as `certificate`, for what the probe skips
  /// Conditions that hold for all of a full tile: nodes of the bodies, or Not of such a node. Those
  /// of which nothing is known for whole tiles are left out.
  std::vector<ir::Expr> predicates;
};

/// Finds the conditions of Where nodes in the bodies of the pass (through `tiles`), sets them to
/// false one conjunction at a time and evaluates the bodies abstractly: -inf, 0 and finite fills
/// (constants <= -1e4 selected, <= -6e4 added) give the identity of the state's op or they do not.
/// Inputs are finite here, and data that a fill is added to is smaller than half of the fill.
/// `rows`: as may_hold's; a probe is for what cannot be said of all of them at once.
Liveness liveness(const ir::Stream& stream, const ir::StreamPass& pass,
                  const std::map<ir::Expr, Interval>& rows = {});

}  // namespace flashlight::analysis
