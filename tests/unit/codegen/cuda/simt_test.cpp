// Kernels of the general CUDA path, run on the emulator, agree with the definition in fp64.
#include <gtest/gtest.h>

#include "unit/codegen/cpu/attention_text.h"
#include "unit/codegen/cuda/simt_run.h"

namespace flashlight::test {
namespace {

struct Checked {
  double error = 0;
  std::vector<codegen::cuda::Source> sources;
};

Checked check(const std::string& text, SimtRun run = {},
              const std::function<void(std::vector<ir::Array>&)>& edit = {}) {
  const ir::Program p = ir::parse(text);
  if (run.sizes.empty()) run.sizes = ir::hints(p);
  auto inputs = random_inputs(p, run.sizes);
  if (edit) edit(inputs);
  const auto out = run(p, inputs);
  return {largest_error(out, ir::interpret(p, inputs, run.sizes)), run.sources};
}

TEST(Simt, FullAttention) {
  EXPECT_LT(check(AttentionText().str()).error, 2e-6);
  SimtRun run;
  run.schedule = {};
  EXPECT_LT(check(AttentionText().str(), run).error, 2e-6);
}

TEST(Simt, CausalAttention) { EXPECT_LT(check(kCausalAttention).error, 2e-6); }

TEST(Simt, SoftmaxOverAnyAxis) {
  for (const char* over : {"j", "i", "h"}) EXPECT_LT(check(softmax_over(over)).error, 2e-6) << over;
}

}  // namespace
}  // namespace flashlight::test
