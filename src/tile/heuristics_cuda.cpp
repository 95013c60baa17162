// The resource model of NVIDIA GPUs.
#include "tile/lower.h"
#include "tile/roles.h"

namespace flashlight::tile {

std::vector<Schedule> candidates(const ir::Stream& stream, const Specialization&, const Target&) {
  Schedule s;
  s.whole_rows = whole_rows(stream);
  s.row_tile = 64, s.loop_tile = 64, s.panel = 8;
  s.path = "tensor_core";
  return {s};
}

}  // namespace flashlight::tile
