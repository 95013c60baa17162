// Every kind of attention on the tensor-core and the Hopper path, at lengths that no tile divides,
// agrees with its definition.
#include <gtest/gtest.h>

#include "unit/codegen/cuda/fragment_run.h"

namespace flashlight::test {
namespace {

struct Case {
  std::string program;
  FragmentRun run;
  std::vector<int64_t> lengths = {17, 129, 200};
  std::string refused = "";  // a part of the reason why a kernel is not on the path

  std::string name() const {
    return program + "_" + run.path + "_" + (run.tf32 ? "tf32" : run.type) +
           (run.held == 4 ? "_four_rows" : "");
  }
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name(); }
};

class Fragments : public testing::TestWithParam<Case> {};

TEST_P(Fragments, AgreeWithTheDefinition) {
  const Case& c = GetParam();
  FragmentRun run = c.run;
  const ir::Program p = ir::parse(fragment_program(c.program).str(run.type));
  run.make(p);
  ASSERT_EQ(run.refused.size(), c.refused.empty() ? 0u : 1u) << run.refused.at(0);
  if (!c.refused.empty()) {
    EXPECT_NE(run.refused[0].find(c.refused), std::string::npos) << run.refused[0];
    if (run.sources.size() == 1) return;  // the other path has a case of its own
  }
  for (int64_t length : c.lengths) {
    run.options.seed = static_cast<uint32_t>(length);  // another order of warps and of copies
    EXPECT_LE(run.error(p, {{"S", length}, {"J", 70}}), run.tolerance(length)) << length;
  }
}

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name(); }

const std::vector<int64_t> kAllLengths = {1, 17, 127, 129, 200};

std::vector<Case> tensor_core() {
  std::vector<Case> out;
  for (const FragmentProgram& p : fragment_programs()) out.push_back({p.name, {}});
  out[0].lengths = kAllLengths;
  for (const char* name : {"causal", "two_maps", "boolean_mask", "rectified"})
    out.push_back({name, FragmentRun::tensor_core("f16")});
  for (const char* name : {"causal", "two_maps", "log_sum_exp", "gate", "over_queries"})
    out.push_back({name, FragmentRun::tensor_core("f32", 32), {1, 129}});
  for (const char* name : {"full", "window", "linear"})
    out.push_back({name, FragmentRun::tensor_core("f32", 32, true), {17, 200}});
  return out;
}

/// Warps of 32 rows. Lengths are multiples of four, as hints are: biases of float32 come in pieces
/// of 16 bytes.
std::vector<Case> four_rows() {
  std::vector<Case> out;
  for (const FragmentProgram& p : fragment_programs())
    if (p.name != "retention")  // which grows beyond what float32 holds
      out.push_back({p.name, FragmentRun::tensor_core("f32", 32, true), {4, 132, 200}});
  for (const char* name : {"causal", "two_maps", "log_sum_exp", "gate", "over_queries"})
    out.push_back({name, FragmentRun::tensor_core("f32", 16), {4, 132}});
  for (const char* name : {"causal", "two_biases", "rectified", "gate"})
    out.push_back({name, FragmentRun::tensor_core("bf16", 32), {17, 200}});
  for (Case& c : out) c.run.held = 4, c.run.warps = 2;
  return out;
}

std::vector<Case> hopper() {
  const std::map<std::string, std::string> refused = {
      {"log_sum_exp_alone", "no values are products"},
      {"over_queries", "no values are products"}};  // of the first of two kernels
  std::vector<Case> out;
  int groups = 0;
  for (const FragmentProgram& p : fragment_programs()) {
    const auto why = refused.find(p.name);
    out.push_back({p.name, FragmentRun::hopper("bf16", 1 + groups++ % 4)});
    if (why != refused.end()) out.back().refused = why->second;
    out.back().run.stages = 2 + groups % 3;
  }
  out[1].lengths = kAllLengths;
  for (const char* name : {"full", "causal", "two_maps", "relative_bias"})
    out.push_back({name, FragmentRun::hopper("f16")});
  out.push_back({"causal", FragmentRun::hopper("f32"), {17}, "is not copied as it lies"});
  return out;
}

INSTANTIATE_TEST_SUITE_P(TensorCore, Fragments, testing::ValuesIn(tensor_core()), name_of);
INSTANTIATE_TEST_SUITE_P(FourRows, Fragments, testing::ValuesIn(four_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(Hopper, Fragments, testing::ValuesIn(hopper()), name_of);

}  // namespace
}  // namespace flashlight::test
