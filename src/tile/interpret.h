// The definition of a tile::Kernel: runs the scheduled kernel, tile by tile, without a compiler.
#pragma once
#include "ir/interpret.h"
#include "tile/kernel.h"

namespace flashlight::tile {

/// Outputs in order. Follows the schedule (tiles, live and full ranges, references that move,
/// certificates) in fp64, so that a wrong schedule shows as a wrong number.
std::vector<ir::Array> interpret(const Kernel& kernel, const std::vector<ir::Array>& inputs,
                                 const ir::Bindings& symbols);

}  // namespace flashlight::tile
