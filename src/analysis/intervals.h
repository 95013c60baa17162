// Interval arithmetic on Int expressions whose bounds are themselves expressions, so that one
// result holds for every row tile and every size.
#pragma once
#include <map>
#include <optional>

#include "analysis/live.h"

namespace flashlight::analysis {

using Rows = std::map<ir::Expr, Interval>;

bool depends_on_rows(ir::Expr e, const Rows& rows);

/// Bounds of e over the points of `rows`; everything else in e is a constant. Not tight where a row
/// axis occurs twice. Nothing: no bounds are known (loads at row axes, modulo of unknown sign ...).
std::optional<Interval> bounds(ir::Expr e, const Rows& rows);

}  // namespace flashlight::analysis
