// An index from memory that is out of range reads no foreign memory: it is cut to its dimension.
#include <gtest/gtest.h>

#include "unit/codegen/cuda/emulated.h"
#include "unit/codegen/cuda/fragment_run.h"
#include "unit/codegen/cuda/simt_run.h"

namespace flashlight::test {
namespace {

/// Softmax attention with a bias that is read at indices from memory, for heads and for pairs.
ir::Program attention_by_index(const std::string& head, const std::string& place) {
  return ir::parse(
      "symbol S = 70\ninput q : bf16[2, S, 64]\ninput k : bf16[2, S, 64]\ninput v : bf16[2, S, "
      "64]\n"
      "input t : bf16[3, 40]\ninput h : i64[2]\ninput n : i64[S, S]\n"
      "compute s[b:2, i:S, j:S] : f32 = sum[d:64] q[b,i,d]*k[b,j,d]\n"
      "compute x[b:2, i:S, j:S] : f32 = s[b,i,j] * 0.125 + t[" +
      head + ", " + place +
      "]\n"
      "compute m[b:2, i:S] : f32 = max[j:S] x[b,i,j]\n"
      "compute e[b:2, i:S, j:S] : f32 = exp(x[b,i,j] - m[b,i])\n"
      "compute l[b:2, i:S] : f32 = sum[j:S] e[b,i,j]\n"
      "compute a[b:2, i:S, c:64] : f32 = sum[j:S] (e[b,i,j] / l[b,i])*v[b,j,c]\n"
      "compute o[b:2, i:S, c:64] : bf16 = a[b,i,c]\noutput o\n");
}

const ir::Program kPlain = attention_by_index("h[b]", "n[i,j]");
const ir::Program kClamped = attention_by_index("max(0, min(h[b], 2))", "max(0, min(n[i,j], 39))");

void far_out(std::vector<ir::Array>& inputs) {
  inputs[4].data = {-7, 1000};
  for (size_t e = 0; e < inputs[5].data.size(); ++e)
    inputs[5].data[e] = e % 11 == 0 ? 100000 : e % 13 == 0 ? -5 : static_cast<double>(e % 40);
}

TEST(Indices, AreCutToTheirDimensionOnTheGeneralPath) {
  SimtRun run;
  run.sizes = {{"S", 70}};
  auto inputs = random_inputs(kPlain, run.sizes);
  for (size_t k = 0; k < 4; ++k)  // values that the type holds
    for (double& x : inputs[k].data) x = std::nearbyint(x * 8) / 8;
  far_out(inputs);
  EXPECT_THROW(ir::interpret(kPlain, inputs, run.sizes), OutOfRange);
  EXPECT_LT(largest_error(run(kPlain, inputs), ir::interpret(kClamped, inputs, run.sizes)), 8e-3);
}

TEST(Indices, AreCutToTheirDimensionInFragments) {
  for (FragmentRun run : {FragmentRun::tensor_core(), FragmentRun::hopper()}) {
    run.definition = kClamped;
    EXPECT_LE(run.error(kPlain, {{"S", 70}}, far_out), run.tolerance(70)) << run.path;
    EXPECT_TRUE(run.refused.empty()) << run.refused.at(0);
  }
}

}  // namespace
}  // namespace flashlight::test
