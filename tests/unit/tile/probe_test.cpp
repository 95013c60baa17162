// Tiles that data leave out, on the interpreter: results are those of the definition, and what is
// left out is not read.
#include "tile/probe.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/data_masks.h"
#include "support/run_kernels.h"

namespace flashlight {
namespace {

double error(const std::string& text, int64_t length, int64_t block) {
  const ir::Program p = ir::parse(text);
  const auto inputs = test::masked_inputs(p, length, block);
  const ir::Bindings sizes = {{"S", length}};
  return test::largest_error(test::interpret_kernels(p, inputs, sizes),
                             ir::interpret(p, inputs, sizes));
}

const tile::Pass& pass_of(const std::string& text, std::vector<tile::Kernel>* kernels) {
  *kernels = test::kernels_of(ir::parse(text), {{"S", 45}});
  return kernels->at(0).passes.at(0);
}

TEST(Probe, EveryPredicateGivesTheNumbersOfItsDefinition) {
  for (const std::string& predicate : test::data_masks())
    for (int64_t length : {1, 23, 24})
      EXPECT_LT(error(test::masked_attention(predicate, "-inf"), length, 8), 1e-9) << predicate;
}

TEST(Probe, RowsWithoutALiveKeyAreDoneAgainUnderAFiniteFill) {
  for (const std::string& predicate : test::data_masks()) {
    EXPECT_LT(error(test::masked_attention(predicate, "-1e9"), 23, 8), 1e-9) << predicate;
    EXPECT_LT(error(test::masked_attention(predicate, "-3.4028234663852886e38", true), 23, 8), 1e-9)
        << predicate;
  }
}

/// Where the values of the last 8 of 24 keys are NaN, only rows that see them have NaN.
void expect_unread(const std::string& predicate) {
  const ir::Program p = ir::parse(test::masked_attention(predicate, "-inf"));
  auto inputs = test::masked_inputs(p, 24, 8);
  ir::Array& v = test::input_of(p, inputs, "v");
  ir::Array& mask = test::input_of(p, inputs, "mask");
  for (int64_t i = 0; i < 24; i++)
    for (int64_t j = 0; j < 24; j++) mask.at({i, j}) = i / 8 == j / 8;
  for (int64_t j = 16; j < 24; j++) v.at({1, j, 0}) = std::nan("");
  ir::Array o = test::interpret_kernels(p, inputs, {{"S", 24}})[0];
  for (int64_t i = 0; i < 24; i++)
    EXPECT_EQ(std::isfinite(o.at({1, i, 0})), i < 16) << predicate << " row " << i;
}

TEST(Probe, WhatIsLeftOutIsNotRead) {
  for (const char* predicate : {"id[i] == id[j]", "mask[i,j]", "i // 8 == j // 8"})
    expect_unread(predicate);
}

TEST(Probe, ComparisonsOfARowsNumberAreAskedForAllRowsFirst) {
  std::vector<tile::Kernel> k;
  const tile::Pass& p = pass_of(test::masked_attention("id[i] == id[j]", "-inf"), &k);
  ASSERT_TRUE(p.probe && p.probe->some_row);
  EXPECT_EQ(p.probe->summaries.size(), 2u);
  EXPECT_FALSE(p.probe->certificate);
  EXPECT_NE(print(k[0]).find("panels live where"), std::string::npos);
}

TEST(Probe, AMaskHasNothingCheaper) {
  std::vector<tile::Kernel> k;
  const tile::Pass& p = pass_of(test::masked_attention("mask[i,j]", "-1e9"), &k);
  ASSERT_TRUE(p.probe);
  EXPECT_FALSE(p.probe->some_row || !p.probe->summaries.empty());
  EXPECT_TRUE(p.probe->certificate && !p.certificate);
}

TEST(Probe, RangesHaveNone) {
  std::vector<tile::Kernel> k;
  EXPECT_FALSE(pass_of(test::masked_attention("and(j <= i, i - j < 5)", "-inf"), &k).probe);
}

}  // namespace
}  // namespace flashlight
