#include "codegen/cpu/emit.h"

#include <gtest/gtest.h>

#include <limits>

#include "attention_text.h"
#include "kernel_run.h"

namespace flashlight {
namespace {

using test::AttentionText;
using test::KernelSetup;

constexpr double kInf = std::numeric_limits<double>::infinity();

void small_tiles(tile::Schedule& s) {
  s.row_tile = 12, s.loop_tile = 2 * s.panel, s.value_step = 24;
}

struct Checked {
  double error;
  std::vector<ir::Array> outputs;
};

Checked check(const std::string& text, KernelSetup setup = {},
              const std::function<void(std::vector<ir::Array>&)>& edit = {}) {
  const ir::Program p = ir::parse(text);
  for (const auto& [name, value] : ir::hints(p)) setup.sizes.try_emplace(name, value);
  std::vector<ir::Array> inputs = test::random_inputs(p, setup.sizes);
  if (edit) edit(inputs);
  Checked out;
  out.outputs = test::KernelRun(setup)(p, inputs);
  out.error = test::largest_error(out.outputs, ir::interpret(p, inputs, setup.sizes));
  return out;
}

TEST(Emit, CausalAttentionIsRightAtEveryLength) {
  for (int64_t length : {1, 15, 17, 129, 300}) {
    KernelSetup setup;
    setup.sizes["S"] = length;
    EXPECT_LT(check(test::kCausalAttention, setup).error, 2e-6) << length;
  }
}

TEST(Emit, SmallTilesGiveTheSameNumbers) {
  KernelSetup setup;
  setup.schedule = small_tiles;
  setup.sizes["S"] = 90;
  EXPECT_LT(check(test::kCausalAttention, setup).error, 2e-6);
}

TEST(Emit, StatisticsAlongAnyAxis) {
  for (const char* axis : {"j", "i", "h"})
    EXPECT_LT(check(test::softmax_over(axis)).error, 2e-6) << axis;
}

TEST(Emit, InnerSizesThatFillNoVector) {
  for (int dim : {1, 3, 13, 33}) {
    AttentionText text;
    text.dim = dim, text.value_dim = 36 - dim;
    text.rows = "S", text.keys = "J";
    EXPECT_LT(check(text.str()).error, 2e-6) << dim;
  }
}

/// The emitted text of the one kernel of a program.
std::string text_of(const char* program, KernelSetup setup = {}) {
  const ir::Program p = ir::parse(program);
  for (const auto& [name, value] : ir::hints(p)) setup.sizes.try_emplace(name, value);
  return test::KernelRun(setup).text(transform::stream(transform::canonicalize(p)).at(0));
}

TEST(Emit, ASumOverTwoAxesIsOneProduct) {
  // Distances of points with 3 coordinates; a value with two short axes.
  const char* text = R"(symbol S = 40
input p : f32[S, 4, 3]
input q : f32[S, 4, 3]
compute s[i:S, j:S] : f32 = sum[a:4, x:3] (p[i,a,x] - q[j,a,x]) * (p[i,a,x] - q[j,a,x])
compute m[i:S] : f32 = max[j:S] -s[i,j]
compute l[i:S] : f32 = sum[j:S] exp(-s[i,j] - m[i])
compute o[i:S, a:4, x:3] : f32 = sum[j:S] exp(-s[i,j] - m[i]) / l[i] * q[j,a,x]
compute out[i:S, a:4, x:3] : f32 = o[i,a,x]
output out
)";
  EXPECT_LT(check(text).error, 4e-6);
  EXPECT_NE(text_of(text).find("contract_block"), std::string::npos) << text_of(text);
}

TEST(Emit, OneRowReadsKeysAsTheyLie) {
  const char* text = R"(symbol S = 70
input q : f32[3, 20]
input k : f32[3, S, 20]
input v : f32[3, S, 24]
compute s[h:3, j:S] : f32 = sum[d:20] q[h,d] * k[h,j,d]
compute m[h:3] : f32 = max[j:S] s[h,j]
compute l[h:3] : f32 = sum[j:S] exp(s[h,j] - m[h])
compute o[h:3, e:24] : f32 = sum[j:S] exp(s[h,j] - m[h]) / l[h] * v[h,j,e]
compute out[h:3, e:24] : f32 = o[h,e]
output out
)";
  for (int64_t keys : {1, 70, 300}) {
    KernelSetup setup;
    setup.sizes["S"] = keys;
    EXPECT_LT(check(text, setup).error, 2e-6) << keys;
  }
  EXPECT_NE(text_of(text).find("dot_rows<T>"), std::string::npos);
  EXPECT_EQ(text_of(text).find("pack_panel"), std::string::npos);
}

TEST(Emit, TransposedInputsAndUnknownStrides) {
  KernelSetup setup;
  setup.order = {
      {"q", {3, 0, 2, 1}}, {"k", {0, 1, 3, 2}}, {"v", {3, 2, 1, 0}}, {"o", {2, 0, 3, 1}}};
  EXPECT_LT(check(AttentionText().str(), setup).error, 2e-6);
  setup.generic_strides = true;
  EXPECT_LT(check(AttentionText().str(), setup).error, 2e-6);
}

TEST(Emit, EveryFloatType) {
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

TEST(Emit, ModifiedAndMaskedScores) {
  const std::pair<const char*, const char*> cases[] = {
      {"input w : f32[2]\n", "s[b,h,i,j] + w[h] * f32(i - j)"},
      {"", "tanh(s[b,h,i,j] * 0.1) * 10.0"},
      {"", "where(and(j <= i, i - j < 20), s[b,h,i,j], -inf)"},
      {"", "where(i // 16 == j // 16, s[b,h,i,j], -inf)"},
      {"", "where(j <= i, s[b,h,i,j], -1000000000.0)"},
      {"input bias : f32[S, S]\n", "s[b,h,i,j] + bias[i,j]"},
      {"input keep : bool[B, S]\n", "where(or(keep[b,j], j == 0), s[b,h,i,j], -inf)"},
      {"input table : f32[2, 89]\n", "s[b,h,i,j] + table[h, i - j + 44]"},
      {"input table : f32[2, 7]\n", "s[b,h,i,j] + table[h, (i * j) % 7]"}};
  for (const auto& [inputs, score] : cases) {
    AttentionText text;
    text.inputs = inputs, text.score = score;
    KernelSetup setup;
    setup.schedule = small_tiles;
    EXPECT_LT(check(text.str(), setup).error, 2e-6) << score;
  }
}

TEST(Emit, AnIndexMayLeaveItsRangeWhereTheBranchIsNotTaken) {
  AttentionText text;
  text.inputs = "input bias : f32[3]\n";
  text.score = "where(j < 3, s[b,h,i,j] + bias[j], s[b,h,i,j])";
  EXPECT_LT(check(text.str()).error, 2e-6);
}

TEST(Emit, GatheredKeysAndDocumentsFromMemory) {
  AttentionText text;
  text.inputs = "input id : i64[B, S]\n";
  text.score = "where(id[b,i] == id[b,j], s[b,h,i,j], -inf)";
  const auto ids = [](std::vector<ir::Array>& inputs) {
    for (size_t e = 0; e < inputs.back().data.size(); e++)
      inputs.back().data[e] = static_cast<double>(e / 11);
  };
  EXPECT_LT(check(text.str(), {}, ids).error, 2e-6);
}

// ---- special values
// -------------------------------------------------------------------------------

TEST(Emit, ARowWithoutALiveKeyIsNanAndNoOtherIs) {
  AttentionText text;
  text.score = "where(j < i, s[b,h,i,j], -inf)";
  const Checked run = check(text.str());
  EXPECT_LT(run.error, 2e-6);  // NaN where the definition has NaN
  EXPECT_TRUE(std::isnan(run.outputs[0].data[0]));
}

TEST(Emit, ANanOrAnInfiniteScoreSpoilsItsRowAlone) {
  for (double value : {std::nan(""), kInf, -kInf}) {
    const auto edit = [&](std::vector<ir::Array>& inputs) { inputs[0].data[8] = value; };
    const Checked run = check(AttentionText().str(), {}, edit);
    EXPECT_LT(run.error, 2e-6) << value;
  }
}

TEST(Emit, HugeScoresDoNotOverflow) {
  AttentionText text;
  text.score = "s[b,h,i,j] * 1e30";
  EXPECT_LT(check(text.str()).error, 2e-6);
}

TEST(Emit, AMaximumThatIsAnOutputKeepsNan) {
  const auto edit = [](std::vector<ir::Array>& inputs) { inputs[0].data[3] = std::nan(""); };
  const std::string text =
      "input q : f32[5, 4]\ninput k : f32[40, 4]\n"
      "compute s[i:5, j:40] : f32 = sum[d:4] q[i,d]*k[j,d]\n"
      "compute o[i:5] : f32 = max[j:40] s[i,j]\noutput o\n";
  const Checked run = check(text, {}, edit);
  EXPECT_LT(run.error, 2e-6);
  EXPECT_TRUE(std::isnan(run.outputs[0].data[0]));
}

TEST(Emit, FiniteFillsRedoARowThatSawNothingElse) {
  AttentionText text;
  text.inputs = "input keep : bool[S]\n";
  text.score = "where(and(keep[i], j <= i), s[b,h,i,j], -1000000000.0)";
  EXPECT_LT(check(text.str()).error, 2e-6);
}

TEST(Emit, EmptyTensors) {
  AttentionText text;
  text.keys = "J";
  KernelSetup setup;
  setup.sizes = {{"S", 0}, {"J", 4}};
  EXPECT_EQ(check(text.str(), setup).outputs[0].data.size(), 0u);
  setup.sizes = {{"S", 3}, {"J", 0}};
  const Checked nothing = check(text.str(), setup);
  for (double x : nothing.outputs[0].data) EXPECT_EQ(x, 0);  // sums over nothing
}

// ---- other forms than softmax
// -----------------------------------------------------------------------

std::string scores_then(const std::string& rest) {
  return "symbol S = 50\ninput q : f32[S, 8]\ninput k : f32[S, 8]\ninput v : f32[S, 5]\n"
         "compute s[i:S, j:S] : f32 = sum[d:8] q[i,d]*k[j,d] * 0.3\n" +
         rest;
}

TEST(Emit, ProgramsThatAreNoSoftmax) {
  const char* cases[] = {
      "compute o[i:S, c:5] : f32 = sum[j:S] sigmoid(s[i,j])*v[j,c]\noutput o\n",
      "compute m[i:S] : f32 = max[j:S] s[i,j]\n"
      "compute l[i:S] : f32 = sum[j:S] exp(s[i,j] - m[i])\n"
      "compute o[i:S] : f32 = m[i] + log(l[i])\noutput o\n",
      "compute mu[i:S] : f32 = sum[j:S] s[i,j] / f32(S)\n"
      "compute t[i:S] : f32 = sum[j:S] (s[i,j] - mu[i]) * (s[i,j] - mu[i]) / f32(S)\n"
      "compute o[i:S, c:5] : f32 = sum[j:S] (s[i,j] - mu[i]) * rsqrt(t[i] + 0.1) * v[j,c]\n"
      "output o\n",
      "compute n[i:S] : f32 = min[j:S] s[i,j]\n"
      "compute o[i:S] : bool = any[j:S] s[i,j] > n[i] + 5.0\noutput o\n",
      "compute o[i:S] : f32 = max[j:S] s[i,j] * v[j,0]\noutput o\n"};
  for (const char* rest : cases) EXPECT_LT(check(scores_then(rest)).error, 1e-5) << rest;
}

TEST(Emit, BaselineVectorsAreRightToo) {
  KernelSetup setup;
  setup.isa = "generic";
  EXPECT_LT(check(test::kCausalAttention, setup).error, 2e-6);
}

// ---- structure
// ----------------------------------------------------------------------------------------

TEST(Emit, TextIsTheSameEveryTime) {
  const auto streams =
      transform::stream(transform::canonicalize(ir::parse(test::kCausalAttention)));
  const test::KernelRun run{KernelSetup()};
  EXPECT_EQ(run.text(streams[0]), run.text(streams[0]));
}

TEST(Emit, MaskCodeIsInPartialTilesOnly) {
  const auto streams =
      transform::stream(transform::canonicalize(ir::parse(test::kCausalAttention)));
  const std::string text = test::KernelRun{KernelSetup()}.text(streams[0]);
  const size_t full = text.find("if constexpr (Full)"), partial = text.find("} else {", full);
  ASSERT_NE(full, std::string::npos);
  EXPECT_EQ(text.substr(full, partial - full).find("select"), std::string::npos);
}

}  // namespace
}  // namespace flashlight
