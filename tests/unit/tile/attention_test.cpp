// Whole programs: the scheduled kernel on the tile interpreter against the definition.
#include <gtest/gtest.h>

#include "support/error.h"
#include "support/run_kernels.h"

namespace flashlight {
namespace {

void expect_same(const std::string& text, const ir::Bindings& sizes = {}) {
  ir::Program p = ir::parse(text);
  auto inputs = test::random_inputs(p, sizes);
  EXPECT_LT(test::largest_error(test::interpret_kernels(p, inputs, sizes),
                                ir::interpret(p, inputs, sizes)),
            1e-9)
      << text;
}

std::string attention(const std::string& score, const std::string& extra = "") {
  return "input q : f32[2, 19, 4]\ninput k : f32[2, 23, 4]\ninput v : f32[2, 23, 3]\n" + extra +
         "compute s[h:2, i:19, j:23] : f32 = sum[d:4] q[h,i,d]*k[h,j,d]\n"
         "compute x[h:2, i:19, j:23] : f32 = " +
         score +
         "\n"
         "compute m[h:2, i:19] : f32 = max[j:23] x[h,i,j]\n"
         "compute l[h:2, i:19] : f32 = sum[j:23] exp(x[h,i,j] - m[h,i])\n"
         "compute o[h:2, i:19, c:3] : f32 = sum[j:23] exp(x[h,i,j] - m[h,i]) / l[h,i] * v[h,j,c]\n"
         "output o\n";
}

TEST(Attention, CausalWithMergedHeads) {
  for (int64_t s : {1, 4, 9, 17}) expect_same(test::kCausalAttention, {{"B", 2}, {"S", s}});
}

TEST(Attention, MasksOfEveryAffineKind) {
  for (const char* mask : {"j <= i", "j <= i + 4", "and(j <= i, i - j <= 5)", "or(j <= i, j < 6)",
                           "i // 4 == j // 4", "and(j < 0, j > 3)", "not(j > i)"})
    expect_same(attention("where(" + std::string(mask) + ", s[h,i,j], -inf)"));
}

TEST(Attention, FiniteFillsSelectedOrAdded) {
  expect_same(attention("where(j <= i, s[h,i,j], -1e9)"));
  expect_same(attention("s[h,i,j] + where(j <= i, 0.0, -3.0e38)"));
  expect_same(attention("where(and(j <= i, i > 5), s[h,i,j], -1e9)"));  // rows without a live key
}

TEST(Attention, BiasesAndCaps) {
  expect_same(attention("tanh(s[h,i,j] / 2.0) * 2.0"));
  expect_same(attention("s[h,i,j] + bias[i,j]", "input bias : f32[19, 23]\n"));
  expect_same(attention("where(mask[i,j], s[h,i,j], -inf)", "input mask : bool[19, 23]\n"));
  expect_same(attention("s[h,i,j] + f32(j - i) * slope[h]", "input slope : f32[2]\n"));
  expect_same(attention("s[h,i,j] + table[h, j - i + 18]", "input table : f32[2, 41]\n"));
}

TEST(Attention, SoftmaxOverKeysQueriesAndHeads) {
  for (const char* over : {"j", "i", "h"}) expect_same(test::softmax_over(over));
}

TEST(Attention, ScoresThatAreDistances) {
  expect_same(
      "input q : f32[9, 3, 2]\ninput k : f32[11, 3, 2]\ninput v : f32[11, 5]\n"
      "compute s[i:9, j:11] : f32 = sum[p:3, x:2] (q[i,p,x]-k[j,p,x])*(q[i,p,x]-k[j,p,x])\n"
      "compute m[i:9] : f32 = max[j:11] -s[i,j]\n"
      "compute l[i:9] : f32 = sum[j:11] exp(-s[i,j] - m[i])\n"
      "compute o[i:9, c:5] : f32 = sum[j:11] exp(-s[i,j] - m[i]) / l[i] * v[j,c]\noutput o\n");
}

TEST(Attention, PairValuesBesideValues) {
  expect_same(
      "input q : f32[3, 9, 4]\ninput k : f32[3, 11, 4]\ninput v : f32[3, 11, 5]\n"
      "input z : f32[9, 11, 6]\n"
      "compute s[h:3, i:9, j:11] : f32 = sum[d:4] q[h,i,d]*k[h,j,d]\n"
      "compute m[h:3, i:9] : f32 = max[j:11] s[h,i,j]\n"
      "compute e[h:3, i:9, j:11] : f32 = exp(s[h,i,j] - m[h,i])\n"
      "compute l[h:3, i:9] : f32 = sum[j:11] e[h,i,j]\n"
      "compute o[h:3, i:9, c:5] : f32 = sum[j:11] e[h,i,j] / l[h,i] * v[h,j,c]\n"
      "compute w[h:3, i:9, c:6] : f32 = sum[j:11] e[h,i,j] / l[h,i] * z[i,j,c]\n"
      "output o\noutput w\n");
}

TEST(Attention, TwoMapsShareValues) {
  std::string map = "";
  for (std::string n : {"1", "2"})
    map += "compute s" + n + "[i:9, j:11] : f32 = sum[d:4] q" + n + "[i,d]*k" + n + "[j,d]\n" +
           "compute m" + n + "[i:9] : f32 = max[j:11] s" + n + "[i,j]\n" + "compute l" + n +
           "[i:9] : f32 = sum[j:11] exp(s" + n + "[i,j] - m" + n + "[i])\n" + "compute p" + n +
           "[i:9, j:11] : f32 = exp(s" + n + "[i,j] - m" + n + "[i]) / l" + n + "[i]\n";
  expect_same(
      "input q1 : f32[9, 4]\ninput k1 : f32[11, 4]\ninput q2 : f32[9, 4]\n"
      "input k2 : f32[11, 4]\ninput v : f32[11, 5]\n" +
      map + "compute o[i:9, c:5] : f32 = sum[j:11] (p1[i,j] - 0.3 * p2[i,j]) * v[j,c]\noutput o\n");
}

TEST(Attention, ReductionsThatAreNoSoftmax) {
  auto scores = [](const std::string& rest) {
    return "input q : f32[9, 4]\ninput k : f32[21, 4]\ninput v : f32[21, 5]\n"
           "compute s[i:9, j:21] : f32 = sum[d:4] q[i,d]*k[j,d]\n" +
           rest;
  };
  expect_same(scores("compute o[i:9] : f32 = max[j:21] s[i,j]\noutput o\n"));
  expect_same(scores("compute o[i:9, c:5] : f32 = sum[j:21] sigmoid(s[i,j]) * v[j,c]\noutput o\n"));
  expect_same(
      scores("compute l[i:9] : f32 = sum[j:21] max(s[i,j], 0.0)\n"
             "compute o[i:9, c:5] : f32 = sum[j:21] max(s[i,j], 0.0) / l[i] * v[j,c]\n"
             "output o\n"));
  expect_same(
      scores("compute u[i:9] : f32 = sum[j:21] s[i,j] / 21.0\n"
             "compute w[i:9] : f32 = sum[j:21] (s[i,j]-u[i])*(s[i,j]-u[i]) / 21.0\n"
             "compute o[i:9, c:5] : f32 = sum[j:21] (s[i,j]-u[i]) / sqrt(w[i]) * v[j,c]\n"
             "output o\n"));
  expect_same(
      scores("compute u[i:9] : f32 = sum[j:21] s[i,j] / 21.0\n"
             "compute o[i:9, c:5] : f32 = sum[j:21] sigmoid(s[i,j]-u[i]) * v[j,c]\n"
             "output o\n"));
}

TEST(Attention, GroupedHeadsAndOneQueryRow) {
  expect_same(
      "input q : f32[6, 1, 4]\ninput k : f32[2, 21, 4]\ninput v : f32[2, 21, 3]\n"
      "compute s[h:6, i:1, j:21] : f32 = sum[d:4] q[h,i,d]*k[h//3,j,d]\n"
      "compute m[h:6, i:1] : f32 = max[j:21] s[h,i,j]\n"
      "compute l[h:6, i:1] : f32 = sum[j:21] exp(s[h,i,j] - m[h,i])\n"
      "compute o[h:6, i:1, c:3] : f32 = sum[j:21] exp(s[h,i,j]-m[h,i])/l[h,i]*v[h//3,j,c]\n"
      "output o\n");
}

TEST(Lower, ACausalKernelSkipsAndUnmasks) {
  auto k = test::kernels_of(ir::parse(attention("where(j <= i, s[h,i,j], -inf)")), {})[0];
  const tile::Pass& p = k.passes[0];
  ASSERT_EQ(k.tiled.size(), 1u);
  std::string row = k.tiled[0]->name();
  ir::Bindings at{{row + ".lo", 4}, {row + ".hi", 8}};
  EXPECT_EQ(ir::evaluate(p.live.lo, at), 0);
  EXPECT_EQ(ir::evaluate(p.live.hi, at), 8);
  EXPECT_EQ(ir::evaluate(p.full.hi, at), 5);
  EXPECT_FALSE(p.certificate);  // -inf needs none
}

/// Windows (or sequences of an alignment) outnumber rows, and share a bias but no keys.
TEST(Lower, ATileIsCutWhereRowsShareKeys) {
  auto k = test::kernels_of(
      ir::parse(
          "input q : f32[64, 21, 4]\ninput k : f32[64, 21, 4]\ninput v : f32[64, 21, 3]\n"
          "input b : f32[21, 21]\n"
          "compute s[n:64, i:21, j:21] : f32 = sum[d:4] q[n,i,d]*k[n,j,d] + b[i,j]\n"
          "compute m[n:64, i:21] : f32 = max[j:21] s[n,i,j]\n"
          "compute l[n:64, i:21] : f32 = sum[j:21] exp(s[n,i,j] - m[n,i])\n"
          "compute o[n:64, i:21, c:3] : f32 = sum[j:21] exp(s[n,i,j]-m[n,i])/l[n,i]*v[n,j,c]\n"
          "output o\n"),
      {});
  ASSERT_EQ(k.at(0).tiled.size(), 1u);
  EXPECT_TRUE(ir::is_const(k[0].tiled[0]->extent(), 21));
}

TEST(Lower, ChunksOfConstantSizeAreRanges) {
  std::string text = attention("where(i // 4 == j // 4, s[h,i,j], -inf)");
  for (size_t at; (at = text.find("23")) != std::string::npos;) text.replace(at, 2, "24");
  auto k = test::kernels_of(ir::parse(text), {})[0];
  ir::Bindings at{{k.tiled[0]->name() + ".lo", 8}, {k.tiled[0]->name() + ".hi", 12}};
  EXPECT_EQ(ir::evaluate(k.passes[0].live.lo, at), 8);
  EXPECT_EQ(ir::evaluate(k.passes[0].live.hi, at), 12);
}

TEST(Lower, ScoresNeverLeaveTheTile) {
  auto k = test::kernels_of(ir::parse(attention("s[h,i,j] * 0.5")), {})[0];
  for (const ir::Store& o : k.outputs) EXPECT_EQ(o.axes.size(), 3u);
  EXPECT_EQ(k.passes[0].contractions.size(), 1u);
  int products = 0;
  for (const tile::State& s : k.passes[0].states) products += s.contraction.has_value();
  EXPECT_EQ(products, 1);
}

}  // namespace
}  // namespace flashlight
