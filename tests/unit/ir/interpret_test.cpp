#include "ir/interpret.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/error.h"

namespace flashlight::ir {
namespace {

Array ramp(std::vector<int64_t> shape, double start = 0) {
  Array a = make_array(std::move(shape));
  for (size_t n = 0; n < a.data.size(); ++n) a.data[n] = start + static_cast<double>(n);
  return a;
}

std::vector<double> run(const std::string& text, const std::vector<Array>& inputs,
                        const Bindings& symbols = {}) {
  return interpret(parse(text), inputs, symbols)[0].data;
}

TEST(Interpret, AContraction) {
  const auto out =
      run("symbol n = 2\ninput a : f32[n, 3]\ninput b : f32[3, 2]\n"
          "compute c[i:n, j:2] : f32 = sum[k:3] a[i, k] * b[k, j]\noutput c",
          {ramp({2, 3}), ramp({3, 2})}, {{"n", 2}});
  EXPECT_EQ(out, (std::vector<double>{10, 13, 28, 40}));
}

TEST(Interpret, EveryReduction) {
  const auto reduced = [](const std::string& op) {
    return run("input a : f64[2, 3]\ncompute r[i:2] : f64 = " + op + "[k:3] a[i, k]\noutput r",
               {ramp({2, 3}, 1)});
  };
  EXPECT_EQ(reduced("sum"), (std::vector<double>{6, 15}));
  EXPECT_EQ(reduced("prod"), (std::vector<double>{6, 120}));
  EXPECT_EQ(reduced("max"), (std::vector<double>{3, 6}));
  EXPECT_EQ(reduced("min"), (std::vector<double>{1, 4}));
  const auto logic = [](const std::string& op) {
    return run("input a : i32[2, 3]\ncompute r[i:2] : bool = " + op + "[k:3] a[i, k] > 2\noutput r",
               {ramp({2, 3}, 1)});
  };
  EXPECT_EQ(logic("any"), (std::vector<double>{1, 1}));
  EXPECT_EQ(logic("all"), (std::vector<double>{0, 1}));
}

TEST(Interpret, ReductionsOverNothingGiveTheirIdentity) {
  const std::string text =
      "symbol n = 0\ninput a : f32[2, n]\ncompute r[i:2] : f32 = max[k:n] a[i, k]\noutput r";
  const auto out = run(text, {make_array({2, 0})}, {{"n", 0}});
  EXPECT_EQ(out, (std::vector<double>{-HUGE_VAL, -HUGE_VAL}));
}

TEST(Interpret, TensorsWithoutElementsAndWithoutDimensions) {
  EXPECT_EQ(run("input a : f32[0]\ncompute r[i:0] : f32 = a[i]\noutput r", {make_array({0})}),
            (std::vector<double>{}));
  EXPECT_EQ(run("input a : f32[]\ncompute r[] : f32 = a[] + 1.0\noutput r", {make_array({}, 2)}),
            (std::vector<double>{3}));
}

TEST(Interpret, NanAndInfinityPropagate) {
  Array a = ramp({3});
  a.data[1] = std::nan("");
  const auto max = run("input a : f32[3]\ncompute r[] : f32 = max[i:3] a[i]\noutput r", {a});
  EXPECT_TRUE(std::isnan(max[0]));
  // A row whose scores are all -inf: exp(-inf - -inf) is NaN, as in eager PyTorch.
  const auto row = run(
      "compute m[] : f32 = max[j:4] -inf\ncompute p[j:4] : f32 = exp(-inf - m[])\noutput p", {});
  EXPECT_TRUE(std::isnan(row[0]));
}

TEST(Interpret, OnlyTheBranchTakenMustBeInRange) {
  const std::string guarded =
      "input a : f32[3]\ncompute r[i:5] : f32 = where(i < 3, a[i], -1.0)\noutput r";
  EXPECT_EQ(run(guarded, {ramp({3})}), (std::vector<double>{0, 1, 2, -1, -1}));
  const std::string open = "input a : f32[3]\ncompute r[i:5] : f32 = a[i] * 0.0\noutput r";
  try {
    run(open, {ramp({3})});
    FAIL();
  } catch (const OutOfRange& e) {
    EXPECT_STREQ(e.what(), "r reads a out of range in a[i]");
  }
}

TEST(Interpret, AnIndexMayBeALoad) {
  Array index = make_array({2});
  index.data = {2, 0};
  EXPECT_EQ(run("input a : f32[3]\ninput n : i64[2]\ncompute r[i:2] : f32 = a[n[i]]\noutput r",
                {ramp({3}, 5), index}),
            (std::vector<double>{7, 5}));
}

TEST(Interpret, CastsTruncate) {
  Array a = make_array({3});
  a.data = {-1.5, 0.5, 2};
  EXPECT_EQ(run("input a : f32[3]\ncompute r[i:3] : i32 = int(a[i])\noutput r", {a}),
            (std::vector<double>{-1, 0, 2}));
  EXPECT_EQ(run("input a : f32[3]\ncompute r[i:3] : bool = bool(a[i])\noutput r", {a}),
            (std::vector<double>{1, 1, 1}));
}

TEST(Interpret, InputsMustFitTheirDeclaration) {
  const std::string text = "symbol n = 2\ninput a : f32[n]\ncompute r[i:n] : f32 = a[i]\noutput r";
  EXPECT_THROW(run(text, {ramp({3})}, {{"n", 2}}), Refused);
  EXPECT_THROW(run(text, {}, {{"n", 2}}), Refused);
  EXPECT_EQ(run(text, {ramp({2})}, {{"n", 2}}).size(), 2u);
}

TEST(Array, IndexingIsRowMajorAndChecked) {
  Array a = ramp({2, 3});
  EXPECT_EQ(a.at({1, 2}), 5);
  EXPECT_THROW(a.at({1, 3}), InternalError);
  EXPECT_THROW(a.at({1}), InternalError);
}

}  // namespace
}  // namespace flashlight::ir
