// Random programs in bf16 and f16 on the CUDA paths that compute in fragments, under random
// schedules, run on the emulator, agree with the IR interpreter.
//   FLASHLIGHT_FUZZ_FIRST, FLASHLIGHT_FUZZ_COUNT   the seeds
//   FLASHLIGHT_FUZZ_VERBOSE=1                      prints what became of each seed
#include <gtest/gtest.h>

#include <numeric>

#include "fuzz/random_program.h"
#include "fuzz/seeds.h"
#include "unit/codegen/cuda/fragment_run.h"

namespace flashlight::fuzz {
namespace {

using test::FragmentRun;

class FragmentTrial {
 public:
  explicit FragmentTrial(uint64_t seed)
      : rng_(seed * 0x9e3779b97f4a7c15u + 2), random_(random_program(seed, Sort::Half)) {
    run_.path = pick(5) < 3 ? "hopper" : "tensor_core";
    run_.type = float_type();
    run_.warps = run_.path == "hopper" ? 4 << pick(3) : 1 << pick(4);
    if (run_.path == "tensor_core") run_.held = 2 << pick(2);
    run_.stages = static_cast<int>(2 + (run_.path == "hopper" ? pick(3) : 0));
    run_.teams = run_.path == "hopper" && run_.warps <= 8 && pick(4) == 0 ? 2 : 1;
    static constexpr int64_t kTiles[] = {16, 32, 48, 64, 64, 64, 80, 96, 128};
    run_.loop_tile = kTiles[pick(std::size(kTiles))];
    run_.aligned = pick(6) > 0;
    run_.unit_strides = pick(8) > 0;
    for (const ir::Input& i : random_.program.inputs)
      if (i.shape.size() > 1 && pick(3) == 0) lay_out(i);
    run_.options.seed = static_cast<uint32_t>(pick(1000));
    run_.options.multiprocessors = static_cast<int>(1 + pick(4));
  }

  std::string text() const {
    return random_.summary + "; " + run_.path + ", " + run_.type + ", warps " +
           std::to_string(run_.warps) + ", rows of a lane " + std::to_string(run_.held) +
           ", stages " + std::to_string(run_.stages) + ", teams " + std::to_string(run_.teams) +
           ", columns " + std::to_string(run_.loop_tile) +
           (run_.options.order.empty() ? "" : ", other layouts") +
           (run_.aligned ? "" : ", not aligned") + (run_.unit_strides ? "" : ", any strides");
  }
  const ir::Program& program() const { return random_.program; }
  std::string source() const {
    std::string out;
    for (const codegen::cuda::Source& s : run_.sources) out += s.text;
    return out;
  }

  /// Which path took it. Throws Refused.
  std::string make() {
    run_.make(random_.program);
    while (!run_.refused.empty() && run_.loop_tile > 16) {  // perhaps for want of memory
      run_.stages = 2, run_.loop_tile = run_.loop_tile / 32 * 16;
      run_.make(random_.program);
    }
    return run_.refused.empty() ? run_.path : "tensor_core after " + run_.refused[0];
  }

  /// Error over what is allowed, of the first sizes and of others.
  double worst() {
    double out = ratio(random_.symbols);
    ir::Bindings others = random_.symbols;
    for (auto& [name, value] : others)  // what was aligned stays aligned
      if (value > 4) value = value % 8 + 8 * (pick(30) + (value % 8 == 0));
    return std::max(out, ratio(others));
  }

 private:
  int64_t pick(int64_t n) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(n)); }

  /// Dimensions in any order, often with the last one where it is.
  void lay_out(const ir::Input& input) {
    std::vector<int> order(input.shape.size());
    std::iota(order.begin(), order.end(), 0);
    const auto moved = static_cast<int64_t>(order.size()) - (pick(4) > 0);
    for (int64_t d = 1; d < moved; ++d) std::swap(order[d], order[pick(d + 1)]);
    run_.options.order[input.name] = order;
  }

  std::string float_type() const {
    return random_.program.inputs[0].dtype == ir::DType::F16 ? "f16" : "bf16";
  }

  double ratio(const ir::Bindings& sizes) {
    int64_t length = 1;
    for (const ir::Computation& c : random_.program.computations)
      for (ir::Expr a : c.reduce_axes) length = std::max(length, ir::evaluate(a->extent(), sizes));
    return run_.error(random_.program, sizes) / (2 * run_.tolerance(length));
  }

  std::mt19937_64 rng_;
  RandomProgram random_;
  FragmentRun run_;
};

TEST(Fragment, RandomProgramsAgreeWithTheDefinition) {
  const uint64_t first = seed_number("FLASHLIGHT_FUZZ_FIRST", 0);
  const uint64_t count = seed_number("FLASHLIGHT_FUZZ_COUNT", 6);
  const uint64_t verbose = seed_number("FLASHLIGHT_FUZZ_VERBOSE", 0);
  uint64_t ran = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    FragmentTrial t(seed);
    std::string found;
    try {
      const std::string path = t.make();
      if (verbose > 1) std::printf("%s", t.source().c_str());
      const double worst = t.worst();
      ++ran;
      if (verbose)
        std::printf("seed %ju: %s: %s: %g\n", uintmax_t(seed), t.text().c_str(), path.c_str(),
                    worst);
      if (!(worst <= 1)) found = std::to_string(worst) + " of what is allowed";
    } catch (const Refused& why) {
      if (verbose)
        std::printf("seed %ju: %s: refused: %s\n", uintmax_t(seed), t.text().c_str(), why.what());
    } catch (const std::exception& e) {
      found = e.what();
    }
    if (found.empty()) continue;
    std::printf("WRONG seed %ju: %s\n  %s\n", uintmax_t(seed), t.text().c_str(), found.c_str());
    std::fflush(stdout);
    ADD_FAILURE() << "seed " << seed << ": " << t.text() << "\n"
                  << found << "\n"
                  << ir::print(t.program());
  }
  EXPECT_GE(ran * 2, count);
}

}  // namespace
}  // namespace flashlight::fuzz
