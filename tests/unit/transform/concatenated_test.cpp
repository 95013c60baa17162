// Reductions over scores beside something else become reductions over scores.
#include "transform/concatenated.h"

#include <gtest/gtest.h>

#include "ir/rewrite.h"
#include "support/programs.h"
#include "transform/canonicalize.h"

namespace flashlight::transform {
namespace {

using namespace ir;

/// `extent` of the axis r, whose elements are `element` over the scores s[i, j:S] and b.
Program program(const std::string& reduce, const std::string& extent, const std::string& element) {
  return parse(
      "symbol S = 6\ninput q : f32[5, 3]\ninput k : f32[S, 3]\ninput b : f32[4]\n"
      "compute s[i:5, j:S] : f32 = sum[d:3] q[i, d] * k[j, d]\n"
      "compute c[i:5, r:" +
      extent + "] : f32 = " + element + "\ncompute x[i:5] : f32 = " + reduce + "[r:" + extent +
      "] c[i, r]\ncompute o[i:5] : f32 = x[i] + 1.0\noutput o\n");
}

/// Extents of the reductions but that of the scores.
std::vector<std::string> reduced(const Program& p) {
  std::vector<std::string> out;
  for (const Computation& c : p.computations)
    if (c.op != Reduce::None && c.name != "s") out.push_back(print(c.reduce_axes.at(0)->extent()));
  return out;
}

void expect_split(const Program& p, const std::vector<std::string>& extents) {
  const Program c = canonicalize(p);
  EXPECT_EQ(reduced(c), extents) << print(c);
  for (int64_t length : {1, 6, 9}) {
    const Bindings sizes{{"S", length}};
    const auto inputs = test::random_inputs(p, sizes);
    EXPECT_LT(test::largest_error(interpret(c, inputs, sizes), interpret(p, inputs, sizes)), 1e-12)
        << length;
  }
}

using Extents = std::vector<std::string>;

TEST(Concatenated, AColumnBehindTheScores) {
  for (const char* op : {"max", "min", "sum", "prod"})
    expect_split(program(op, "S + 1", "where(r < S, s[i, min(r, S - 1)], b[0])"), Extents{"S"});
}

TEST(Concatenated, AColumnBeforeThem) {
  const char* element = "where(1 > r, b[1], s[i, max(r - 1, 0)] * 2.0)";
  expect_split(program("max", "S + 1", element), Extents{"S"});
  expect_split(program("sum", "S + 1", element), Extents{"S"});
}

TEST(Concatenated, SeveralColumnsAreAReductionOfTheirOwn) {
  expect_split(
      program("max", "S + 4", "where(S <= r, b[min(max(r - S, 0), 3)], s[i, min(r, S - 1)])"),
      Extents{"S", "4"});
}

TEST(Concatenated, AMaskOfScoresIsNone) {
  expect_split(program("max", "S", "where(r < 2, s[i, r], s[i, r] - b[0])"), Extents{"S"});
  expect_split(program("sum", "S", "where(r <= i, s[i, r], b[0])"), Extents{"S"});
}

TEST(Concatenated, WhatIsAddedToAMaximumLeavesIt) {
  const Program p = parse(
      "input x : f32[5, 7]\ninput b : f32[5]\n"
      "compute m[i:5] : f32 = max[j:7] x[i, j]\n"
      "compute n[i:5] : f32 = max[j:7] x[i, j] - m[i]\n"
      "compute l[i:5] : f32 = min[j:7] x[i, j] + b[i]\n"
      "compute o[i:5] : f32 = n[i] + l[i]\noutput o\n");
  const Program c = canonicalize(p);
  EXPECT_EQ(c.computations.size(), 3u) << print(c);  // one maximum, one minimum
  const auto inputs = test::random_inputs(p, {});
  EXPECT_EQ(test::largest_error(interpret(c, inputs, {}), interpret(p, inputs, {})), 0);
}

}  // namespace
}  // namespace flashlight::transform
