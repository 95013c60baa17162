// Row axes that a tile computes all of anyway: a softmax over heads needs the scores of all heads
// for those of one. Whole in a tile, such an axis has its values made once.
#pragma once
#include <string>
#include <vector>

#include "ir/stream.h"

namespace flashlight::tile {

/// Row axes along which a tile value is also made over an inner axis of the same extent (at
/// most kMostWhole).
std::vector<std::string> repeated_rows(const ir::Stream& stream);

/// Inner axes that repeat one of `rows` become that axis, and values that are then equal one
/// value. Each of these rows has to be whole in the tile.
ir::Stream share_rows(const ir::Stream& stream, const std::vector<std::string>& rows);

}  // namespace flashlight::tile
