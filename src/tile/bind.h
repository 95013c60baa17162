// Fixing symbols: inner axes of a kernel have constant extents, taken from the first call.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ir/stream.h"

namespace flashlight::tile {

/// Applies fn to every expression of the stream (axes included).
ir::Stream map_expressions(ir::Stream s, const std::function<ir::Expr(ir::Expr)>& fn);

/// Symbols in extents of axes that a tile holds whole: values must be given to lower().
std::vector<std::string> inner_symbols(const ir::Stream& stream);

/// The stream with these symbols replaced by their values, in bodies and extents.
ir::Stream bind(const ir::Stream& stream, const ir::Bindings& fixed);

}  // namespace flashlight::tile
