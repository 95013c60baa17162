// Tiles that data leave out, in generated code.
#include <gtest/gtest.h>

#include <cmath>

#include "kernel_run.h"
#include "support/data_masks.h"

namespace flashlight {
namespace {

constexpr int64_t kBlock = 192;  // whole panels of every instruction set

std::vector<ir::Array> run(const ir::Program& p, const std::vector<ir::Array>& inputs,
                           int64_t length) {
  test::KernelSetup setup;
  setup.sizes["S"] = length;
  setup.schedule = [](tile::Schedule& s) { s.row_tile = 48, s.loop_tile = 2 * s.panel; };
  return test::KernelRun(setup)(p, inputs);
}

double error(const std::string& text, int64_t length, int64_t block) {
  const ir::Program p = ir::parse(text);
  const auto inputs = test::masked_inputs(p, length, block);
  return test::largest_error(run(p, inputs, length), ir::interpret(p, inputs, {{"S", length}}));
}

TEST(EmitProbe, EveryPredicateGivesTheNumbersOfItsDefinition) {
  for (const std::string& predicate : test::data_masks())
    for (int64_t length : {45, 301})
      EXPECT_LT(error(test::masked_attention(predicate, "-inf"), length, kBlock / 2), 2e-6)
          << predicate;
}

TEST(EmitProbe, RowsWithoutALiveKeyAreDoneAgainUnderAFiniteFill) {
  for (const char* predicate : {"mask[i,j]", "id[j] < id[i]", "keep[i]"}) {
    EXPECT_LT(error(test::masked_attention(predicate, "-1e9"), 301, kBlock), 2e-6) << predicate;
    EXPECT_LT(error(test::masked_attention(predicate, "-3.4e38", true), 301, kBlock), 2e-6)
        << predicate;
  }
}

TEST(EmitProbe, DoublesHaveWideIntegers) {
  EXPECT_LT(error(test::masked_attention("id[i] == id[j]", "f64(-inf)", false, "f64"), 301, kBlock),
            1e-12);
}

TEST(EmitProbe, WhatIsLeftOutIsNotRead) {
  const ir::Program p = ir::parse(test::masked_attention("id[i] == id[j]", "-inf"));
  auto inputs = test::masked_inputs(p, 3 * kBlock, kBlock);
  ir::Array& v = test::input_of(p, inputs, "v");
  for (int64_t j = 2 * kBlock; j < 3 * kBlock; j++) v.at({0, j, 0}) = std::nan("");
  ir::Array o = run(p, inputs, 3 * kBlock)[0];
  for (int64_t i = 0; i < 3 * kBlock; i++)
    EXPECT_EQ(std::isfinite(o.at({0, i, 0})), i < 2 * kBlock) << i;
}

}  // namespace
}  // namespace flashlight
