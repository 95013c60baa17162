// What a kernel takes of a multiprocessor, as ptxas reports it.
#pragma once
#include <string>
#include <vector>

namespace flashlight::runtime::cuda {

struct Resources {
  int registers = 0;                                 // of a thread
  int spill_stores = 0, spill_loads = 0, stack = 0;  // bytes of a thread
  int shared = 0;                                    // static, bytes of a CTA
  int barriers = 0;
  /** ptxas' C75xx lines: wgmma was serialised, or a wait was put in. Silent and twice as slow. */
  std::vector<std::string> wgmma_losses;

  bool serialized() const { return !wgmma_losses.empty(); }
  int spills() const { return spill_stores + spill_loads; }
};

/** Reads the log of `ptxas -v`; of several kernels, the largest of each figure. */
Resources parse_resources(const std::string& log);

/** One line for people: "168 registers, 0 bytes spilled, ...". */
std::string print(const Resources& resources);

}  // namespace flashlight::runtime::cuda
