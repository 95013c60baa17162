// What a compiled program became, for people: torch_flashlight.explain().
#pragma once
#include <string>
#include <vector>

#include "api/compile.h"

namespace flashlight::api {

/// One kernel at the sizes of one call.
struct KernelFacts {
  std::string name;
  std::string loops;   // the loop nest
  std::string update;  // the derived online update, as formulas
  std::string merge;   // how two partial results become one
  std::string schedule;
  std::string source;                       // of the last variant made; empty before the first call
  std::string resources;                    // GPU: registers, spills, shared memory of that variant
  std::string skips;                        // CPU: what data leave out; empty: no such test
  std::vector<std::string> notes;           // GPU: roles, shortcuts, why others do not apply
  std::vector<std::string> passed_over;     // GPU: schedules that were not taken, and why
  int64_t dead = 0, partial = 0, full = 0;  // tiles of the score space
  double flops = 0;                         // of live tiles
  int64_t bytes = 0;                        // inputs and outputs
  int64_t saved_bytes = 0;  // values of all tiles, which never are in memory together
};

std::vector<KernelFacts> explain(const Compiled& compiled, const std::vector<int64_t>& symbols);

}  // namespace flashlight::api
