// Rows that saw nothing live. States whose reference stays infinite are left at 0, which is the
// value of a sum that skips them; but if the definition subtracts an infinite maximum from
// infinite elements (-inf - -inf), its value there is NaN, as in eager PyTorch: m + log(l) of a
// fully masked row. Read tests/unit/transform/online_form_test.cpp.
#pragma once
#include <vector>

#include "transform/online.h"

namespace flashlight::transform {

/// Finals of `pass` that are NaN where nothing live was seen say so, unless a value they are made
/// of does. `reductions`: the definitions. Needs: the pass is complete.
void settle_unseen(Pass& pass, const std::vector<Reduction>& reductions);

}  // namespace flashlight::transform
