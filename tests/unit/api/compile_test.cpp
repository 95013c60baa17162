#include "api/compile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "api/explain.h"
#include "api/generalize.h"
#include "flashlight/flashlight.h"
#include "ir/interpret.h"
#include "support/error.h"
#include "transform/canonicalize.h"

namespace flashlight {
namespace {

/// Causal attention of one head, S x 8; `S` is a number or the name of a symbol.
std::string causal(const std::string& S, const std::string& head = "") {
  const std::string ij = "[i:" + S + ", j:" + S + "]", row = "[i:" + S + ", o:1]";
  const std::string shape = "f32[" + S + ", 8]\n";
  return head + "input q : " + shape + "input k : " + shape + "input v : " + shape + "compute s" +
         ij + " : f32 = sum[d:8] q[i,d]*k[j,d]\n" + "compute x" + ij +
         " : f32 = where(j <= i, s[i,j], -inf)\n" + "compute m" + row + " : f32 = max[j:" + S +
         "] x[i,j]\n" + "compute e" + ij + " : f32 = exp(x[i,j] - m[i,0])\n" + "compute l" + row +
         " : f32 = sum[j:" + S + "] e[i,j]\n" + "compute p" + ij + " : f32 = e[i,j] / l[i,0]\n" +
         "compute out[i:" + S + ", d:8] : f32 = sum[j:" + S + "] p[i,j]*v[j,d]\noutput out\n";
}

/// q, k, v and the result the interpreter finds.
struct Case {
  std::vector<std::vector<float>> inputs;
  std::vector<double> expected;
};

Case make_case(const ir::Program& program, int64_t S, const ir::Bindings& sizes) {
  Case out;
  std::vector<ir::Array> arrays;
  for (int t = 0; t < 3; ++t) {
    ir::Array a = ir::make_array({S, 8});
    for (size_t i = 0; i < a.data.size(); ++i) a.data[i] = float(std::sin(double(i * 7 + t)));
    out.inputs.emplace_back(a.data.begin(), a.data.end());
    arrays.push_back(a);
  }
  out.expected = ir::interpret(program, arrays, sizes)[0].data;
  return out;
}

void expect_right(const api::Compiled& compiled, int64_t S, bool symbolic) {
  const ir::Bindings sizes = symbolic ? ir::Bindings{{"S", S}} : ir::Bindings{};
  Case c = make_case(compiled.program(), S, sizes);
  std::vector<float> out(size_t(S) * 8, NAN);
  const int64_t strides[] = {8, 1};
  std::vector<api::View> in;
  for (auto& x : c.inputs) in.push_back({x.data(), strides});
  compiled.call(in, {{out.data(), strides}}, symbolic ? std::vector{S} : std::vector<int64_t>{});
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], c.expected[i], 1e-5) << i;
}

const std::string kSymbol = "symbol S = 40\n";

TEST(Compile, OneKernelServesAllLengths) {
  const api::Compiled compiled(causal("S", kSymbol));
  const int64_t before = api::variants_made();
  for (int64_t S : {40, 1, 7, 300}) expect_right(compiled, S, true);
  EXPECT_EQ(api::variants_made(), before + 1);
}

TEST(Compile, StaticLengthsShareAKernel) {
  expect_right(api::Compiled(causal("50")), 50, false);
  const int64_t before = api::variants_made();
  expect_right(api::Compiled(causal("77")), 77, false);
  EXPECT_EQ(api::variants_made(), before);
}

TEST(Compile, NamesDoNotMatterButPositionsDo) {
  expect_right(api::Compiled(causal("S", kSymbol)), 60, true);
  const int64_t before = api::variants_made();
  std::string text = causal("S", kSymbol);
  for (size_t at = 0; (at = text.find("q", at)) != std::string::npos; at += 5)
    text.replace(at, 1, "layer");
  for (size_t at = 0; (at = text.find("S", at)) != std::string::npos; at += 3)
    text.replace(at, 1, "s77");
  const api::Compiled renamed(text);
  Case c = make_case(renamed.program(), 60, {{"s77", 60}});
  std::vector<float> out(60 * 8, NAN);
  const int64_t strides[] = {8, 1};
  std::vector<api::View> in;
  for (auto& x : c.inputs) in.push_back({x.data(), strides});
  renamed.call(in, {{out.data(), strides}}, {60});
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], c.expected[i], 1e-5) << i;
  EXPECT_EQ(api::variants_made(), before);
}

TEST(Compile, AnInputThatNothingReadsKeepsItsPlace) {
  std::string text = causal("S", kSymbol);
  const size_t k = text.find("input k");
  text.insert(k, "input unused : f32[3]\n");
  const api::Compiled compiled(text);
  Case c = make_case(ir::parse(causal("S", kSymbol)), 30, {{"S", 30}});
  std::vector<float> out(30 * 8, NAN);
  const int64_t strides[] = {8, 1}, one[] = {1};
  float unused[3] = {NAN, NAN, NAN};
  compiled.call({{c.inputs[0].data(), strides},
                 {unused, one},
                 {c.inputs[1].data(), strides},
                 {c.inputs[2].data(), strides}},
                {{out.data(), strides}}, {30});
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], c.expected[i], 1e-5) << i;
}

TEST(Compile, ARefusalNamesWhatTheCallerWrote) {
  try {
    api::Compiled("input a : f32[20]\ncompute plain[i:20] : f32 = a[i]\noutput plain\n");
    FAIL();
  } catch (const Refused& e) {
    EXPECT_EQ(e.node(), "plain");
  }
}

TEST(Compile, ThreadsMakeAVariantOnce) {
  // A text of its own: variants of equal programs are shared.
  std::string text = causal("S", kSymbol);
  text.replace(text.find("k[j,d]\n"), 6, "k[j,d]*0.25");
  const api::Compiled compiled(text);
  const int64_t before = api::variants_made();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { expect_right(compiled, 33, true); });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(api::variants_made(), before + 1);
}

TEST(Compile, TransposedOutputIsAnotherVariant) {
  const api::Compiled compiled(causal("S", kSymbol));
  expect_right(compiled, 20, true);
  const int64_t before = api::variants_made();
  Case c = make_case(compiled.program(), 20, {{"S", 20}});
  std::vector<float> out(160, NAN);
  const int64_t rows[] = {8, 1}, columns[] = {1, 20};
  std::vector<api::View> in;
  for (auto& x : c.inputs) in.push_back({x.data(), rows});
  compiled.call(in, {{out.data(), columns}}, {20});
  EXPECT_EQ(api::variants_made(), before + 1);
  for (size_t i = 0; i < 20; ++i)
    for (size_t d = 0; d < 8; ++d) ASSERT_NEAR(out[i + 20 * d], c.expected[i * 8 + d], 1e-5);
}

TEST(Compile, AWrongCallIsRefused) {
  const api::Compiled compiled(causal("S", kSymbol));
  EXPECT_THROW(compiled.call({}, {}, {20}), Refused);
  EXPECT_THROW(api::Compiled("compute x[] : f32 = y[]"), Error);
}

TEST(Explain, TellsTilesAndUpdate) {
  const api::Compiled compiled(causal("S", kSymbol));
  expect_right(compiled, 600, true);
  const auto facts = api::explain(compiled, {600});
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_GT(facts[0].dead, 0);
  EXPECT_GT(facts[0].partial, 0);
  EXPECT_GT(facts[0].flops, 0);
  EXPECT_NE(facts[0].update.find("moves"), std::string::npos) << facts[0].update;
  EXPECT_NE(facts[0].source.find("int "), std::string::npos);
}

TEST(Generalize, ValuesGiveTheProgramBack) {
  const ir::Program program = transform::canonicalize(ir::parse(causal("50")));
  const api::General general = api::generalize(program);
  ASSERT_FALSE(general.values.empty());
  ir::Bindings sizes;
  for (size_t i = 0; i < general.values.size(); ++i)
    sizes["length" + std::to_string(i)] = general.values[i];
  const std::vector<double> expected = make_case(program, 50, {}).expected;
  const std::vector<double> got = make_case(general.program, 50, sizes).expected;
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-12);
}

TEST(Generalize, AnExtentThatAnIndexReliesOnStays) {
  const ir::Program program = transform::canonicalize(
      ir::parse("input a : f32[40]\ncompute b[i:30] : f32 = sum[j:11] a[i + j]\noutput b\n"));
  EXPECT_TRUE(api::generalize(program).values.empty());
}

/// Merged heads are as wide as there are keys, and both axes have one name.
TEST(Generalize, LengthsAreNotTheAxesOfOtherComputations) {
  const ir::Program program = ir::parse(
      "input x : f32[4, 24]\ncompute s[p0:4, p1:24] : f32 = x[p0, p1] * 2.0\n"
      "compute o[p0:2, p1:24] : f32 = s[2 * p0 + p1 // 12, p1 % 12]\noutput o\n"
      "compute t[p0:4] : f32 = sum[p1:24] x[p0, p1]\noutput t\n");
  EXPECT_TRUE(api::generalize(program).values.empty()) << "s is indexed by what was proven";
  const ir::Program apart = ir::parse(
      "input x : f32[4, 24]\ninput y : f32[2, 12]\n"
      "compute t[p0:4] : f32 = sum[p1:24] x[p0, p1]\noutput t\n"
      "compute o[p0:2, p1:24] : f32 = y[p1 // 12, p1 % 12]\noutput o\n");
  EXPECT_EQ(api::generalize(apart).values, (std::vector<int64_t>{24}));
}

TEST(Flashlight, CallsByThePublicHeader) {
  const Kernel kernel(causal("S", kSymbol));
  EXPECT_EQ(kernel.inputs(), (std::vector<std::string>{"q", "k", "v"}));
  EXPECT_EQ(kernel.shape("out", {24}), (std::vector<int64_t>{24, 8}));
  Case c = make_case(ir::parse(causal("S", kSymbol)), 24, {{"S", 24}});
  std::vector<float> out(24 * 8, NAN);
  std::vector<Tensor> in;
  for (auto& x : c.inputs) in.push_back({x.data(), {8, 1}});
  kernel.call(in, {{out.data(), {8, 1}}}, {24});
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], c.expected[i], 1e-5);
  EXPECT_THROW(kernel.call({in[0]}, {}, {24}), std::runtime_error);
}

}  // namespace
}  // namespace flashlight
