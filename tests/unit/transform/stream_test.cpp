#include "transform/stream.h"

#include <gtest/gtest.h>

#include "support/error.h"
#include "support/programs.h"
#include "transform/canonicalize.h"

namespace flashlight {
namespace {

std::vector<ir::Stream> streams(const std::string& text) {
  return transform::stream(transform::canonicalize(ir::parse(text)));
}

TEST(Stream, SoftmaxAttentionIsOnePassWithThreeStates) {
  auto s = streams(test::kCausalAttention);
  ASSERT_EQ(s.size(), 1u);
  ASSERT_EQ(s[0].passes.size(), 1u);
  EXPECT_EQ(s[0].passes[0].states.size(), 3u);
  EXPECT_EQ(s[0].row_axes.size(), 3u);  // b, h, i; the value axis is carried
  EXPECT_EQ(s[0].tiles.size(), 1u);
}

TEST(Stream, MergedHeadsAreStoredThroughAnAffineIndex) {
  auto s = streams(test::kCausalAttention);
  ASSERT_EQ(s[0].outputs.size(), 1u);
  EXPECT_EQ(s[0].outputs[0].axes.size(), 4u);
  EXPECT_EQ(s[0].outputs[0].index.size(), 3u);
}

TEST(Stream, AColumnStatisticIsAKernelOfItsOwn) {
  auto s = streams(test::softmax_over("i"));
  ASSERT_EQ(s.size(), 2u);
  EXPECT_EQ(s[0].outputs.size(), 2u);  // maximum and sum per column, in one kernel
  for (const ir::Store& o : s[0].outputs) EXPECT_EQ(o.shape.size(), 2u);  // no score-sized output
}

TEST(Stream, AStatisticOverHeadsStaysInTheTile) {
  auto s = streams(test::softmax_over("h"));
  ASSERT_EQ(s.size(), 1u);
  EXPECT_GE(s[0].tiles.size(), 3u);  // scores, maximum, sum
}

TEST(Stream, WhatFindsNoClosedSetTakesAnotherPass) {
  auto s = streams(
      "input q : f32[7, 4]\ninput k : f32[11, 4]\ninput v : f32[11, 5]\n"
      "compute s[i:7, j:11] : f32 = sum[d:4] q[i,d]*k[j,d]\n"
      "compute mu[i:7] : f32 = sum[j:11] s[i,j] * 0.09\n"
      "compute o[i:7, c:5] : f32 = sum[j:11] sigmoid(s[i,j] - mu[i]) * v[j,c]\noutput o\n");
  ASSERT_EQ(s.size(), 1u);
  EXPECT_EQ(s[0].passes.size(), 2u);
}

// Found by fuzzing: seed 4.
TEST(Stream, ResultsThatOnlyAnOutputBringsTogetherAreOneKernel) {
  auto s = streams(
      "input a : f32[7, 11]\ninput b : f32[7, 11]\ninput v : f32[11, 5]\n"
      "compute x[i:7, c:5] : f32 = sum[j:11] exp(a[i,j]) * v[j,c]\n"
      "compute y[i:7] : f32 = sum[j:11] b[i,j]\n"
      "compute o[i:7, c:5] : f32 = x[i,c] / y[i]\noutput o\n");
  ASSERT_EQ(s.size(), 1u);
  EXPECT_EQ(s[0].passes.size(), 1u);
}

// Found by fuzzing: seed 1362.
TEST(Stream, TwoMapsWithoutACommonValueShareAxesOfTheirOutput) {
  std::string text = "input v : f32[3, 5]\n";
  for (const std::string m : {"1", "2"})
    text += "input q" + m + " : f32[7, 4]\ninput k" + m + " : f32[3, 4]\n" + "compute s" + m +
            "[i:7, j:3] : f32 = sum[d:4] q" + m + "[i,d]*k" + m + "[j,d]\n" + "compute w" + m +
            "[i:7, c:5] : f32 = sum[j:3] s" + m + "[i,j] * v[j,c]\n" + "compute l" + m +
            "[i:7] : f32 = sum[j:3] s" + m + "[i,j]\n";
  auto s =
      streams(text + "compute o[i:7, c:5] : f32 = w1[i,c] / l1[i] - w2[i,c] / l2[i]\noutput o\n");
  ASSERT_EQ(s.size(), 1u);
  EXPECT_EQ(s[0].passes.size(), 1u);
}

TEST(Stream, RefusesAComputedIndexAndSaysWhere) {
  try {
    streams(
        "input q : f32[7, 4]\ninput k : f32[7, 4]\n"
        "compute s[i:7, j:7] : f32 = sum[d:4] q[i,d]*k[j,d]\n"
        "compute o[i:7] : f32 = sum[j:7] s[i,j] * s[i,6-j]\noutput o\n");
    FAIL() << "accepted";
  } catch (const Refused& r) {
    EXPECT_EQ(r.node(), "s");
    EXPECT_NE(r.reason().find("computed index"), std::string::npos);
  }
}

}  // namespace
}  // namespace flashlight
