// Scores beside something else on one axis: softmax(cat([scores, sink], -1))[..., :-1].
#pragma once
#include "ir/program.h"

namespace flashlight::transform {

/// A reduction over an axis of which one part reads nothing that is computed along it (a column of
/// sinks, padding) becomes two, and what they give together: reduce[r:E] where(r < n, a, b) is
/// reduce[r:n] a with reduce[r:E-n] b. Needs: pointwise values are inlined.
ir::Program split_concatenated(const ir::Program& program);

}  // namespace flashlight::transform
