// What it costs to make a value inside a kernel. Used by region.cpp.
#pragma once
#include "transform/graph.h"

namespace flashlight::transform {

/// Making it inside a kernel costs less than reading it: a view, a cast, a little arithmetic, or
/// something larger than all that it is made from.
bool cheap_to_remake(const Graph& graph, const ir::Computation& c);

/// More than a view of what it reads, or that times a constant: arithmetic, a rounding to fewer
/// bits, or one last axis made of several dimensions, which no copy engine reads as rows.
bool is_made(const Graph& graph, const ir::Computation& c);

}  // namespace flashlight::transform
