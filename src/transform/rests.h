// A rest is a product of elements and places. Standing references in for the reductions gives its
// state; moving the references mixes it with finitely many others, which are made here too.
#pragma once
#include <optional>

#include "transform/draft.h"

namespace flashlight::transform {

/// sum_j term, as coefficient * state; the coefficient is over reductions. nullopt: no finite set
/// of states found. The draft may then hold leftovers: drop it.
std::optional<Term> add_rest(Draft& draft, Places& places, const Term& term, ir::Type type);

}  // namespace flashlight::transform
