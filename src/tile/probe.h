// The run-time test of a pass, made from what analysis found.
#pragma once
#include <optional>

#include "analysis/live.h"
#include "tile/kernel.h"

namespace flashlight::tile {

/// `rows`: bounds of the tiled axis and the extents of whole axes, as for analysis::may_hold.
std::optional<Probe> make_probe(const analysis::Liveness& live, Expr loop,
                                const std::map<Expr, analysis::Interval>& rows);

/// Both certificates of a pass; null: skipping is always exact.
Expr certificate(const Pass& pass);

}  // namespace flashlight::tile
