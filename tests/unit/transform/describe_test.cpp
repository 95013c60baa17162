#include "transform/describe.h"

#include <gtest/gtest.h>

#include "online_programs.h"

namespace flashlight::test {
namespace {

using transform::describe;
using transform::formula;

TEST(Describe, FormulasHaveTheParenthesesTheyNeed) {
  EXPECT_EQ(formula(x - (y - w)), "x - (y - w)");
  EXPECT_EQ(formula((x - y) - w), "x - y - w");
  EXPECT_EQ(formula(x * (y / w)), "x * (y / w)");
  EXPECT_EQ(formula((x + y) * w / (x * y)), "(x + y) * w / (x * y)");
  EXPECT_EQ(formula((x / y) * (x / y)), "(x / y)^2");
  EXPECT_EQ(formula(f(Op::Neg, x + y) * w), "(-(x + y)) * w");
  EXPECT_EQ(formula(ir::where(c, exp_(x - m), num(0)) * v), "where(c, exp(x - m), 0) * v");
}

TEST(Describe, AnUpdateReadsAsFormulas) {
  const auto passes = transform::make_online(soft() + Reductions{sum_of("o", p * v)}, {x, v});
  const std::string move = " when r_m moves: ";
  const std::string text = describe(passes);
  EXPECT_NE(text.find("m = max_j x\n"), std::string::npos) << text;
  EXPECT_NE(text.find("l = sum_j exp(x - r_m);" + move + "l *= exp(r_m - r_m')\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(" = sum_j exp(x - r_m) * v;" + move), std::string::npos) << text;
  EXPECT_NE(text.find("r_m follows m: m\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" / l\n"), std::string::npos) << text;
}

TEST(Describe, PassesAreNumberedWhereThereAreSeveral) {
  const Reductions program = {sum_of("mu", x / num(kN)), sum_of("o", relu(x - mu))};
  const std::string text = describe(transform::make_online(program, {x}), "i");
  EXPECT_NE(text.find("pass 2\n  o = sum_i max(x - mu, 0)\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace flashlight::test
