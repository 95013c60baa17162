// Inline statements put in place, for back ends that have no use for them.
#pragma once
#include "tile/kernel.h"

namespace flashlight::tile {

/// The same kernel without Inline statements: their bodies stand where they were loaded.
Kernel without_inline(Kernel kernel);

}  // namespace flashlight::tile
