// Facts about one generated kernel, for explain.
#pragma once
#include <string>
#include <vector>

#include "ir/stream.h"
#include "tile/kernel.h"

namespace flashlight::api {

struct KernelInfo {
  std::string name;
  std::string stream;                       // what is computed, loop by loop
  std::string kernel;                       // how: tiles and memory
  std::string schedule;                     // the numbers of the schedule
  std::string source;                       // C++
  std::vector<int> loops;                   // states carried by each loop over the streamed axis
  int64_t dead = 0, partial = 0, full = 0;  // tiles of the first loop, for one grid element
  double flops = 0;                         // of matrix products in live tiles
  double bytes = 0;                         // inputs and outputs
  double saved_bytes = 0;                   // score-sized values that are not written and read back
};

/// `sizes`: values of all symbols of the stream.
KernelInfo report(const ir::Stream& stream, const tile::Kernel& kernel, const std::string& source,
                  const ir::Bindings& sizes);

}  // namespace flashlight::api
