#include "transform/discover.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/programs.h"

namespace flashlight {
namespace {

transform::Discovery discover(const std::string& text) {
  return transform::discover(ir::parse(text));
}

TEST(Discover, TakesAttentionFromViewToHeadMergeAsOneRegion) {
  auto d = discover(test::kCausalAttention);
  ASSERT_EQ(d.regions.size(), 1u);
  EXPECT_TRUE(d.left.empty());
  const ir::Program& p = d.regions[0].program;
  ASSERT_EQ(p.outputs.size(), 1u);
  EXPECT_EQ(p.outputs[0].name, "om");
  for (const ir::Input& i : p.inputs) EXPECT_EQ(i.shape.size(), 3u);  // q, k, v as they lie
}

TEST(Discover, ProjectionsAroundAttentionStayOutside) {
  std::string text = test::kCausalAttention;
  text.replace(text.find("input q : f32[B, S, 12]"), 23,
               "input x : f32[B, S, 12]\ninput w : f32[12, 12]");
  text.insert(text.find("compute qh"),
              "compute q[b:B, i:S, f:12] : f32 = sum[e:12] x[b,i,e]*w[f,e]\n");
  text.replace(text.find("output om"), 9,
               "compute y[b:B, i:S, f:12] : f32 = sum[e:12] om[b,i,e]*w[f,e]\noutput y");
  auto d = discover(text);
  ASSERT_EQ(d.regions.size(), 1u);
  const auto& names = d.regions[0].computations;
  EXPECT_EQ(std::count(names.begin(), names.end(), "q"), 0);
  EXPECT_EQ(std::count(names.begin(), names.end(), "y"), 0);
}

/// softmax(q k) v, then out = sigmoid(gate) * o; `gate`: how the gate is read.
std::string gated(const std::string& shape, const std::string& axes, const std::string& read) {
  return "input q : f32[4, 40, 8]\ninput k : f32[4, 50, 8]\ninput g : f32[" + shape +
         "]\n"
         "compute s[h:4, i:40, j:50] : f32 = sum[d:8] q[h,i,d]*k[h,j,d]\n"
         "compute m[h:4, i:40] : f32 = max[j:50] s[h,i,j]\n"
         "compute e[h:4, i:40, j:50] : f32 = exp(s[h,i,j] - m[h,i])\n"
         "compute l[h:4, i:40] : f32 = sum[j:50] e[h,i,j]\n"
         "compute o[h:4, i:40, d:8] : f32 = sum[j:50] e[h,i,j] / l[h,i] * k[h,j,d]\n"
         "compute w[" +
         axes + "] : f32 = sigmoid(g[" + read +
         "])\n"
         "compute out[h:4, i:40, d:8] : f32 = w[" +
         read + "] * o[h,i,d]\noutput out\n";
}

TEST(Discover, AGateIsMadeWhereItIsUsedUnlessItIsSharedOrWanted) {
  const auto takes_gate = [](const std::string& text) {
    const auto d = discover(text);
    EXPECT_EQ(d.regions.size(), 1u);
    const auto& names = d.regions.at(0).computations;
    EXPECT_EQ(std::count(names.begin(), names.end(), "out"), 1);
    return std::count(names.begin(), names.end(), "w") == 1;
  };
  const std::string own = gated("4, 40, 8", "h:4, i:40, d:8", "h,i,d");
  EXPECT_TRUE(takes_gate(own));
  EXPECT_FALSE(takes_gate(own + "output w\n"));
  EXPECT_FALSE(takes_gate(gated("40, 8", "i:40, d:8", "i,d"))) << "four heads would make it";
}

TEST(Discover, ScoresThatTheCallerWantsAreNotTaken) {
  std::string text = test::kCausalAttention;
  auto d = discover(text + "output p\n");
  EXPECT_TRUE(d.regions.empty());
  ASSERT_FALSE(d.left.empty());
  EXPECT_EQ(d.left[0].computation, "p");
}

TEST(Discover, TwoMapsAndADistanceAreMadeInTheSameRegion) {
  std::string two =
      "input q : f32[4, 40, 8]\ninput k : f32[4, 50, 8]\ninput x : f32[40, 3]\n"
      "input y : f32[50, 3]\ninput u : f32[4, 40, 8]\ninput w : f32[4, 50, 8]\n"
      "compute d[i:40, j:50, x3:3] : f32 = x[i,x3] - y[j,x3]\n"
      "compute far[i:40, j:50] : f32 = sum[x3:3] d[i,j,x3]*d[i,j,x3]\n"
      "compute s1[h:4, i:40, j:50] : f32 = sum[d:8] q[h,i,d]*k[h,j,d]\n"
      "compute s2[h:4, i:40, j:50] : f32 = sum[d:8] u[h,i,d]*w[h,j,d]\n"
      "compute m2[h:4, i:40] : f32 = max[j:50] s2[h,i,j]\n"
      "compute e2[h:4, i:40, j:50] : f32 = exp(s2[h,i,j] - m2[h,i])\n"
      "compute l2[h:4, i:40] : f32 = sum[j:50] e2[h,i,j]\n"
      "compute t[h:4, i:40, j:50] : f32 = s1[h,i,j] - far[i,j] + e2[h,i,j] / l2[h,i]\n"
      "compute m1[h:4, i:40] : f32 = max[j:50] t[h,i,j]\n"
      "compute l1[h:4, i:40] : f32 = sum[j:50] exp(t[h,i,j] - m1[h,i])\noutput l1\n";
  auto d = discover(two);
  ASSERT_EQ(d.regions.size(), 1u);
  EXPECT_EQ(d.regions[0].program.inputs.size(), 6u);  // nothing score-sized is read
}

TEST(Discover, AFactorOfAHeadIsMadeInside) {
  const auto d = discover(
      "input q : f32[4, 40, 8]\ninput k : f32[4, 50, 8]\ninput w : f32[4]\n"
      "compute half[h:4] : f32 = w[h] * 0.3 / 2.0\n"
      "compute s[h:4, i:40, j:50] : f32 = sum[d:8] q[h,i,d]*k[h,j,d]\n"
      "compute t[h:4, i:40, j:50] : f32 = s[h,i,j] * half[h]\n"
      "compute m[h:4, i:40] : f32 = max[j:50] t[h,i,j]\n"
      "compute l[h:4, i:40] : f32 = sum[j:50] exp(t[h,i,j] - m[h,i])\noutput l\n");
  ASSERT_EQ(d.regions.size(), 1u);
  EXPECT_TRUE(d.regions[0].program.input("w")) << "else one more kernel, for four numbers";
}

// Whoever is first takes the difference into its epilogue; the other one hands its result over.
TEST(Discover, TwoAttentionsThatMeetInOneEpilogueAreTwoRegions) {
  std::string text =
      "input q1 : f32[4, 40, 8]\ninput k1 : f32[4, 50, 8]\ninput q2 : f32[4, 40, 8]\n"
      "input k2 : f32[4, 50, 8]\ninput v : f32[4, 50, 8]\n";
  for (const std::string n : {"1", "2"})
    text += "compute s" + n + "[h:4, i:40, j:50] : f32 = sum[d:8] q" + n + "[h,i,d]*k" + n +
            "[h,j,d]\ncompute m" + n + "[h:4, i:40] : f32 = max[j:50] s" + n +
            "[h,i,j]\ncompute e" + n + "[h:4, i:40, j:50] : f32 = exp(s" + n + "[h,i,j] - m" + n +
            "[h,i])\ncompute l" + n + "[h:4, i:40] : f32 = sum[j:50] e" + n + "[h,i,j]\ncompute p" +
            n + "[h:4, i:40, j:50] : f32 = e" + n + "[h,i,j] / l" + n + "[h,i]\ncompute o" + n +
            "[h:4, i:40, c:8] : f32 = sum[j:50] p" + n + "[h,i,j]*v[h,j,c]\n";
  text += "compute out[h:4, i:40, c:8] : f32 = o1[h,i,c] - o2[h,i,c]\noutput out\n";
  const auto d = discover(text);
  ASSERT_EQ(d.regions.size(), 2u);
  EXPECT_TRUE(d.left.empty());
  std::vector<std::string> made;
  for (const auto& r : d.regions)
    for (const ir::Output& o : r.program.outputs) made.push_back(o.name);
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(std::count(made.begin(), made.end(), "out"), 1);  // not made twice
}

TEST(Discover, OneQueryRowIsAttentionToo) {
  auto d = discover(
      "input q : f32[4, 1, 8]\ninput k : f32[4, 50, 8]\ninput v : f32[4, 50, 8]\n"
      "compute s[h:4, i:1, j:50] : f32 = sum[d:8] q[h,0,d]*k[h,j,d]\n"
      "compute m[h:4, i:1] : f32 = max[j:50] s[h,0,j]\n"
      "compute e[h:4, i:1, j:50] : f32 = exp(s[h,0,j] - m[h,0])\n"
      "compute l[h:4, i:1] : f32 = sum[j:50] e[h,0,j]\n"
      "compute o[h:4, i:1, c:8] : f32 = sum[j:50] e[h,0,j] / l[h,0] * v[h,j,c]\noutput o\n");
  EXPECT_EQ(d.regions.size(), 1u);
}

// Queries, keys, values and one number for each key are computed by little arithmetic.
TEST(Discover, WhatManyRowsWouldMakeAgainIsMadeOnceWithoutPacks) {
  const auto inputs = [](int rows, bool packs) {
    const std::string i = std::to_string(rows);
    const auto d = transform::discover(
        ir::parse("input q : f32[4, " + i +
                  ", 8]\ninput k : f32[4, 50, 8]\ninput v : f32[4, 50, 8]\ninput w : f32[4, 50]\n"
                  "compute q2[h:4, i:" +
                  i +
                  ", d:8] : f32 = q[h,i,d] * 2.0\n"
                  "compute k2[h:4, j:50, d:8] : f32 = k[h,j,d] + 1.0\n"
                  "compute k3[h:4, d:8, j:50] : f32 = k2[h,j,d]\n"
                  "compute v2[h:4, j:50, c:8] : f32 = v[h,j,c] + 3.0\n"
                  "compute w2[h:4, j:50] : f32 = w[h,j] * 4.0\n"
                  "compute s[h:4, i:" +
                  i +
                  ", j:50] : f32 = sum[d:8] q2[h,i,d]*k3[h,d,j] + w2[h,j]\n"
                  "compute m[h:4, i:" +
                  i +
                  "] : f32 = max[j:50] s[h,i,j]\n"
                  "compute e[h:4, i:" +
                  i +
                  ", j:50] : f32 = exp(s[h,i,j] - m[h,i])\n"
                  "compute l[h:4, i:" +
                  i +
                  "] : f32 = sum[j:50] e[h,i,j]\n"
                  "compute o[h:4, i:" +
                  i +
                  ", c:8] : f32 = sum[j:50] e[h,i,j]/l[h,i] * v2[h,j,c]\n"
                  "output o\n"),
        packs);
    std::string names;
    for (const auto& r : d.regions)
      for (const ir::Input& input : r.program.inputs) names += input.name + " ";
    return names;
  };
  EXPECT_EQ(inputs(1024, true), "q k v w ");
  EXPECT_EQ(inputs(1024, false), "q w k2 v2 ");  // its view k3 is made inside
  EXPECT_EQ(inputs(64, false), "q k v w ");
}

// A copy engine loads rows that lie in memory as the product wants them.
TEST(Discover, RowsThatAreComputedAreMadeOnceWithoutPacks) {
  const auto inputs = [](const std::string& row, int rows = 1024) {
    const std::string i = std::to_string(rows);
    std::string text =
        "input q : f32[4, I, 4, 2]\ninput k : bf16[4, 50, 8]\ninput w : f32[8]\n"
        "compute a[h:4, i:I, d:8] : f32 = q[h, i, d // 2, d % 2]\n" +
        row +
        "\ncompute s[h:4, i:I, j:50] : f32 = sum[d:8] r[h,i,d] * k[h,j,d]\n"
        "compute m[h:4, i:I] : f32 = max[j:50] s[h,i,j]\n"
        "compute l[h:4, i:I] : f32 = sum[j:50] exp(s[h,i,j] - m[h,i])\n"
        "compute o[h:4, i:I, c:8] : f32 = sum[j:50] exp(s[h,i,j] - m[h,i]) / l[h,i] * k[h,j,c]\n"
        "output o\n";
    for (size_t at; (at = text.find("I")) != std::string::npos;) text.replace(at, 1, i);
    std::string names;
    for (const auto& r : transform::discover(ir::parse(text), false).regions)
      for (const ir::Input& input : r.program.inputs) names += input.name + " ";
    return names;
  };
  const std::string head = "compute r[h:4, i:I, d:8] : ";
  EXPECT_EQ(inputs(head + "f32 = a[h,i,d] * w[d]"), "k r ");
  EXPECT_EQ(inputs(head + "f32 = a[h,i,d] + w[d]"), "k r ");
  EXPECT_EQ(inputs(head + "bf16 = a[h,i,d]"), "k r ") << "a rounding";
  EXPECT_EQ(inputs(head + "f32 = a[h,i,d] * 0.5"), "k a ") << "a factor of the scores";
  EXPECT_EQ(inputs(head + "f32 = a[h,i,d] * w[d]", 64), "q k w ") << "few rows";
}

TEST(Discover, ScoresOnAFlattenedAxisStayAndAreTold) {
  // Heads mixed by a matrix product over [batch * rows * columns, heads], as einsum writes it.
  auto d = discover(
      "input q : f32[4, 64, 16]\ninput k : f32[4, 64, 16]\ninput w : f32[4, 4]\n"
      "compute s[h:4, i:64, j:64] : f32 = sum[d:16] q[h,i,d]*k[h,j,d]\n"
      "compute f[x:4096, h:4] : f32 = s[h, x // 64, x % 64]\n"
      "compute g[x:4096, h:4] : f32 = sum[r:4] f[x,r]*w[r,h]\n"
      "compute t[h:4, i:64, j:64] : f32 = g[64 * i + j, h]\n"
      "compute m[h:4, i:64] : f32 = max[j:64] t[h,i,j]\n"
      "compute l[h:4, i:64] : f32 = sum[j:64] exp(t[h,i,j] - m[h,i])\noutput l\n");
  EXPECT_TRUE(d.regions.empty());
  ASSERT_EQ(d.left.size(), 1u);
  EXPECT_EQ(d.left[0].computation, "g");
  EXPECT_NE(d.left[0].reason.find("flattened"), std::string::npos);
}

TEST(Discover, APerceptronIsLeftAlone) {
  auto d = discover(
      "symbol N = 512\ninput x : f32[N, 64]\ninput w : f32[256, 64]\ninput u : f32[64, 256]\n"
      "compute h[i:N, f:256] : f32 = sum[e:64] x[i,e]*w[f,e]\n"
      "compute r[i:N, f:256] : f32 = max(h[i,f], 0.0)\n"
      "compute y[i:N, e:64] : f32 = sum[f:256] r[i,f]*u[e,f]\noutput y\n");
  EXPECT_TRUE(d.regions.empty());
}

TEST(Discover, AMaskMadeOnceIsRemadeInEveryLayer) {
  auto layer = [](const std::string& n) {
    return "compute s" + n + "[h:2, i:S, j:S] : f32 = sum[d:4] q[h,i,d]*k[h,j,d] + mask[i,j]\n" +
           "compute m" + n + "[h:2, i:S] : f32 = max[j:S] s" + n + "[h,i,j]\n" + "compute l" + n +
           "[h:2, i:S] : f32 = sum[j:S] exp(s" + n + "[h,i,j] - m" + n + "[h,i])\noutput l" + n +
           "\n";
  };
  auto d = discover(
      "symbol S = 32\ninput q : f32[2, S, 4]\ninput k : f32[2, S, 4]\n"
      "compute mask[i:S, j:S] : f32 = where(j <= i, 0.0, -1e9)\n" +
      layer("1") + layer("2"));
  ASSERT_EQ(d.regions.size(), 2u);
  for (const auto& r : d.regions) EXPECT_EQ(r.program.inputs.size(), 2u);  // q and k, no mask
}

}  // namespace
}  // namespace flashlight
