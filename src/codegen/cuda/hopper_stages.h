#pragma once
#include <vector>

#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

/// A pass in parts that exchange no values within a tile (two maps of differential attention): each
/// has its own scores, references and states. In the order of their first contraction; what belongs
/// to none is in the first. Ranges and finals are those of the whole pass.
std::vector<tile::Pass> independent_parts(const tile::Pass& pass);

}  // namespace flashlight::codegen::cuda
