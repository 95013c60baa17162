// Stream x Schedule -> Kernel: roles of axes, what is packed, what lives in memory, contractions.
#pragma once
#include "ir/stream.h"
#include "tile/kernel.h"

namespace flashlight::tile {

/// Never refuses a verified stream: what has no better form runs as plain loops over the tile.
Kernel lower(const ir::Stream& stream, const Schedule& schedule, const Specialization& spec,
             const Target& target);

/// The resource model's pick for this stream on this target.
Schedule choose_schedule(const ir::Stream& stream, const Specialization& spec,
                         const Target& target);

/// Schedules of a GPU for this stream, the best first; at least one. A back end may refuse some:
/// the last ones are those that every kernel fits.
std::vector<Schedule> candidates(const ir::Stream& stream, const Specialization& spec,
                                 const Target& target);

}  // namespace flashlight::tile
