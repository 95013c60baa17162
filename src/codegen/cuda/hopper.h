#pragma once
#include "codegen/cuda/source.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

/// The Hopper path (sm_90a): persistent CTAs of a producer warpgroup, which feeds rings in shared
/// memory by TMA, and consumer warpgroups of 64 rows each, whose scores of one tile run on the
/// tensor cores (wgmma) under the values of the tile before. Tiles go from the last to the first.
/// Throws Refused where the kernel has no such form or needs more shared memory than there is.
Source emit_hopper(const tile::Kernel& kernel, int64_t shared_limit);

}  // namespace flashlight::codegen::cuda
