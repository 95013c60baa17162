// Which of several schedules a GPU kernel gets: what ptxas made of each says more than any model.
#pragma once
#include <functional>
#include <vector>

#include "codegen/cuda/source.h"
#include "runtime/cuda/nvrtc.h"
#include "tile/kernel.h"

namespace flashlight::api {

/// One schedule, as far as it can be taken without a GPU.
struct Candidate {
  tile::Kernel kernel;
  codegen::cuda::Source source;
  runtime::cuda::Cubin cubin;
  bool from_disk = false;
};

/// What a candidate loses: bytes that spill, and far above them wgmma that waits. 0: nothing.
int64_t loss(const runtime::cuda::Resources& resources);

/// Makes candidates in turn until one loses nothing; else the one that loses least. One that is
/// refused is passed over, as is one that does not compile, with a warning. Throws what the last
/// failure threw where none is left. Measuring them instead would have its place here.
Candidate choose(const std::vector<tile::Schedule>& schedules,
                 const std::function<Candidate(const tile::Schedule&)>& make);

}  // namespace flashlight::api
