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

TEST(Simt, LengthsThatNoTileDivides) {
  for (int64_t length : {1, 7, 8, 33}) {
    SimtRun run;
    run.sizes = {{"B", 1}, {"S", length}};
    EXPECT_LT(check(kCausalAttention, run).error, 2e-6) << length;
  }
}

TEST(Simt, EveryFloatType) {
  const std::pair<const char*, double> cases[] = {{"f64", 1e-14}, {"f16", 1e-3}, {"bf16", 8e-3}};
  for (const auto& [type, tolerance] : cases) {
    AttentionText text;
    text.type = type, text.score = "s[b,h,i,j]";
    const auto small = [](std::vector<ir::Array>& inputs) {  // values that every type holds
      for (ir::Array& a : inputs)
        for (double& x : a.data) x = std::nearbyint(x * 8) / 8;
    };
    EXPECT_LT(check(text.str(), {}, small).error, tolerance) << type;
  }
}

TEST(Simt, TransposedInputsAndUnknownStrides) {
  SimtRun run;
  run.emulate.order = {
      {"q", {3, 0, 2, 1}}, {"k", {0, 1, 3, 2}}, {"v", {3, 2, 1, 0}}, {"o", {2, 0, 3, 1}}};
  EXPECT_LT(check(AttentionText().str(), run).error, 2e-6);
  run.generic_strides = true;
  EXPECT_LT(check(AttentionText().str(), run).error, 2e-6);
}

TEST(Simt, ModifiedAndMaskedScores) {
  const std::pair<const char*, const char*> cases[] = {
      {"input w : f32[2]\n", "s[b,h,i,j] + w[h] * f32(i - j)"},
      {"", "where(and(j <= i, i - j < 20), s[b,h,i,j], -inf)"},
      {"input keep : bool[B, S]\n", "where(or(keep[b,j], j == 0), s[b,h,i,j], -inf)"},
      {"input table : f32[2, 7]\n", "s[b,h,i,j] + table[h, (i * j) % 7]"},
      // An index may leave its range where the branch is not taken.
      {"input bias : f32[3]\n", "where(j < 3, s[b,h,i,j] + bias[j], s[b,h,i,j])"}};
  for (const auto& [inputs, score] : cases) {
    AttentionText text;
    text.inputs = inputs, text.score = score;
    EXPECT_LT(check(text.str()).error, 2e-6) << score;
  }
}

TEST(Simt, GatheredDocuments) {
  AttentionText text;
  text.inputs = "input id : i64[B, S]\n";
  text.score = "where(id[b,i] == id[b,j], s[b,h,i,j], -inf)";
  const auto ids = [](std::vector<ir::Array>& inputs) {
    for (size_t e = 0; e < inputs.back().data.size(); e++)
      inputs.back().data[e] = static_cast<double>(e / 11);
  };
  EXPECT_LT(check(text.str(), {}, ids).error, 2e-6);
}

TEST(Simt, SpecialValues) {
  AttentionText dead;  // rows without a live key are NaN, and no others
  dead.score = "where(j < i, s[b,h,i,j], -inf)";
  EXPECT_LT(check(dead.str()).error, 2e-6);
  for (double value : {std::nan(""), double(INFINITY), -double(INFINITY)}) {
    const auto edit = [&](std::vector<ir::Array>& inputs) { inputs[0].data[8] = value; };
    EXPECT_LT(check(AttentionText().str(), {}, edit).error, 2e-6) << value;
  }
}

TEST(Simt, FiniteFillsRedoARowThatSawNothingElse) {
  AttentionText text;
  text.inputs = "input keep : bool[S]\n";
  text.score = "where(and(keep[i], j <= i), s[b,h,i,j], -1000000000.0)";
  EXPECT_LT(check(text.str()).error, 2e-6);
}

TEST(Simt, EmptyTensors) {
  SimtRun run;
  AttentionText text;
  text.keys = "J";
  run.sizes = {{"B", 2}, {"S", 0}, {"J", 4}};
  EXPECT_EQ(check(text.str(), run).error, 0);
  run.sizes = {{"B", 2}, {"S", 3}, {"J", 0}};
  EXPECT_EQ(check(text.str(), run).error, 0);  // sums over nothing
}

TEST(Simt, ProgramsThatAreNoSoftmax) {
  const std::string scores =
      "symbol S = 50\ninput q : f32[S, 8]\ninput k : f32[S, 8]\ninput v : f32[S, 5]\n"
      "compute s[i:S, j:S] : f32 = sum[d:8] q[i,d]*k[j,d] * 0.3\n";
  const char* cases[] = {
      "compute m[i:S] : f32 = max[j:S] s[i,j]\n"
      "compute l[i:S] : f32 = sum[j:S] exp(s[i,j] - m[i])\n"
      "compute o[i:S] : f32 = m[i] + log(l[i])\noutput o\n",
      "compute mu[i:S] : f32 = sum[j:S] s[i,j] / f32(S)\n"
      "compute t[i:S] : f32 = sum[j:S] (s[i,j] - mu[i]) * (s[i,j] - mu[i]) / f32(S)\n"
      "compute o[i:S, c:5] : f32 = sum[j:S] (s[i,j] - mu[i]) * rsqrt(t[i] + 0.1) * v[j,c]\n"
      "output o\n",
      "compute n[i:S] : f32 = min[j:S] s[i,j]\n"
      "compute o[i:S] : bool = any[j:S] s[i,j] > n[i] + 5.0\noutput o\n"};
  for (const char* rest : cases) EXPECT_LT(check(scores + rest).error, 1e-5) << rest;
}

TEST(Simt, InnerAxesWithoutPoints) {
  AttentionText text;
  text.dim = 0;  // scores are sums over nothing
  EXPECT_LT(check(text.str()).error, 2e-6);
  text.dim = 8, text.value_dim = 0;
  EXPECT_EQ(check(text.str()).error, 0);
}

TEST(Simt, WhatDoesNotFitGoesToTheWorkspace) {
  SimtRun run;
  run.options.shared_bytes = 256;
  const Checked c = check(kCausalAttention, run);
  EXPECT_LT(c.error, 2e-6);
  EXPECT_LE(c.sources.at(0).shared_bytes, 256);
  EXPECT_GT(c.sources.at(0).workspace_bytes, 0);
}

TEST(Simt, EveryOrderOfWarps) {
  SimtRun run;
  run.emulate.seed = 7;
  EXPECT_LT(check(kCausalAttention, run).error, 2e-6);
}

}  // namespace
}  // namespace flashlight::test
