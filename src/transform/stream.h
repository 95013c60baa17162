// Canonical program -> streams: one kernel each, in order of execution. Reductions over the loop
// axis become carried states (make_online); a statistic per column becomes a stream of its own,
// whose outputs the later streams read as inputs of the same name.
// Needs: canonicalize. Before: tile::lower. Throws Refused, naming what stopped it.
// Read tests/unit/transform/stream_test.cpp.
#pragma once
#include <vector>

#include "ir/stream.h"

namespace flashlight::transform {

std::vector<ir::Stream> stream(const ir::Program& program);

}  // namespace flashlight::transform
