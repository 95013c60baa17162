// Every kind of attention on the tensor-core and the Hopper path, at lengths that no tile divides,
// agrees with its definition.
#include <gtest/gtest.h>

#include "unit/codegen/cuda/fragment_run.h"

namespace flashlight::test {
namespace {

struct Case {
  std::string program;
  FragmentRun run;
  std::vector<int64_t> lengths = {1, 17, 127, 129, 200};
  std::string refused = "";  // a part of the reason

  std::string name() const {
    return program + "_" + run.path + "_" + (run.tf32 ? "tf32" : run.type);
  }
};

class Fragments : public testing::TestWithParam<Case> {};

TEST_P(Fragments, AgreeWithTheDefinition) {
  const Case& c = GetParam();
  FragmentRun run = c.run;
  const ir::Program p = ir::parse(fragment_program(c.program).str(run.type));
  if (!c.refused.empty()) {
    try {
      run.make(p);
      FAIL() << "is not refused any more: " << c.refused;
    } catch (const Refused& refused) {
      EXPECT_NE(std::string(refused.what()).find(c.refused), std::string::npos) << refused.what();
    }
    return;
  }
  for (int64_t length : c.lengths) {
    run.options.seed = static_cast<uint32_t>(length);  // another order of warps and of copies
    EXPECT_LE(run.error(p, {{"S", length}, {"J", 70}}), run.tolerance(length)) << length;
  }
}

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name(); }

std::vector<Case> half_precision() {
  std::vector<Case> out;
  int n = 0;
  for (const FragmentProgram& p : fragment_programs()) {
    out.push_back({p.name, {}});
    out.push_back({p.name, FragmentRun::hopper("bf16", 1 + n++ % 3)});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Bf16, Fragments, testing::ValuesIn(half_precision()), name_of);

}  // namespace
}  // namespace flashlight::test
