#include "transform/algebra.h"

#include <gtest/gtest.h>

#include "online_programs.h"

namespace flashlight::test {
namespace {

using transform::Sum;
using transform::Term;

Expr round_trip(Expr e) { return to_expr(transform::expand(e), ir::Type::F64); }

TEST(Algebra, SumsOfProductsAreOneFormWhateverTheyWereWrittenAs) {
  EXPECT_TRUE(transform::same_value((x + y) * (x - y), x * x - y * y));
  EXPECT_TRUE(transform::same_value(x / (y * w), x / y / w));
  EXPECT_TRUE(transform::same_value(f(Op::Pow, x - y, num(2)), x * x - num(2) * y * x + y * y));
  EXPECT_TRUE(transform::same_value(f(Op::Reciprocal, x) * x * y, y));
  EXPECT_TRUE(transform::same_value(x * num(4) / num(2), x + x));
  EXPECT_FALSE(transform::same_value(exp_(x + y), exp_(y + x))) << "atoms are not looked into";
  EXPECT_FALSE(transform::same_value(x * x - y * y, x * x + y * y));
}

TEST(Algebra, WhatCancelsIsGone) {
  EXPECT_TRUE(transform::expand(x + y - x - y).empty());
  EXPECT_EQ(round_trip(x * y / x), y);
}

TEST(Algebra, WhatComesBackLooksLikeWhatWentIn) {
  EXPECT_EQ(round_trip(x - y), x - y);
  EXPECT_EQ(round_trip(x * y), x * y);
  EXPECT_EQ(round_trip(x / num(97)), x / num(97));
  EXPECT_EQ(round_trip(f(Op::Neg, x) + y), y - x);
  EXPECT_EQ(round_trip(x / y - w / y), (x - w) / y) << "one division";
}

TEST(Algebra, AnIndicatorIsItsOwnSquareAndExcludesItsOpposite) {
  const Term is = transform::atom(c), is_not = transform::atom(f(Op::Not, c));
  EXPECT_TRUE(alike(multiply(is, is), is));
  EXPECT_EQ(multiply(is, is_not).coefficient, 0);
  EXPECT_EQ(to_expr(multiply(is, transform::atom(x)), ir::Type::F64), ir::where(c, x, num(0)));
}

TEST(Algebra, AnIndicatorOfOneTermStaysWhereTheOthersShareAFactor) {
  Sum s = {multiply(transform::atom(c), transform::atom(x)), transform::atom(x, 2)};
  EXPECT_EQ(to_expr(s, ir::Type::F64), (ir::where(c, num(1), num(0)) + x) * x);
}

TEST(Algebra, RatioFindsTheFactorBetweenTwoSums) {
  const auto t3 =
      transform::ratio(transform::expand(num(3) * t * (y + x)), transform::expand(x + y));
  ASSERT_TRUE(t3.has_value());
  EXPECT_EQ(t3->coefficient, 3);
  EXPECT_EQ(to_expr(*t3, ir::Type::F64), num(3) * t);
  EXPECT_FALSE(transform::ratio(transform::expand(x + y), transform::expand(x - y)).has_value());
  EXPECT_FALSE(transform::ratio(transform::expand(x), transform::expand(x + y)).has_value());
}

TEST(Algebra, PowersAreMadeBySquaring) {
  EXPECT_EQ(transform::power_of(x, 3), x * x * x);
  EXPECT_EQ(transform::power_of(x, 4), (x * x) * (x * x));
  EXPECT_EQ(transform::power_of(x, 0.5), f(Op::Sqrt, x));
  EXPECT_EQ(transform::power_of(x, 1.5), f(Op::Pow, x, num(1.5)));
}

}  // namespace
}  // namespace flashlight::test
