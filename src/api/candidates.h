// Which of several schedules a GPU kernel gets: what ptxas made of each says more than any model.
#pragma once
#include <functional>
#include <string>
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

/// How a candidate is made: its text, which takes milliseconds, and from that its binary.
struct Making {
  std::function<Candidate(const tile::Schedule&)> emit;
  std::function<void(Candidate&)> compile;  // called from several threads
};

/// What a candidate loses: bytes that spill, and far above them wgmma that waits. 0: nothing.
int64_t loss(const runtime::cuda::Resources& resources);
/// The same, where the general path loses more than some spilled bytes do.
int64_t loss(const Candidate& candidate);

/// One line for people: path, tile sizes, warps, stages.
std::string describe(const tile::Schedule& schedule);

/// Candidates in the order of their schedules, and a line for each that was passed over.
struct Made {
  std::vector<Candidate> candidates;
  std::vector<std::string> passed_over;
};

/// Those whose text can be made, at most `most`. Throws the last refusal where there is none.
Made emit_all(const std::vector<tile::Schedule>& schedules, const Making& making, size_t most);

/// Compiles in `threads` threads. One that fails is left out, with a warning. Throws what the last
/// failure threw where none is left.
void compile_all(Made& made, const Making& making, size_t threads);

/// Makes candidates until one loses nothing; else the one that loses least: `candidates` has that
/// one alone. The first is compiled alone, since it mostly is the one; then `at_once` of them in as
/// many threads.
Made choose(const std::vector<tile::Schedule>& schedules, const Making& making, size_t at_once = 1);

/// Index of the candidate that choose() takes among those that were compiled.
size_t best(const std::vector<Candidate>& compiled);

}  // namespace flashlight::api
