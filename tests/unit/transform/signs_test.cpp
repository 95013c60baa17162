#include "transform/signs.h"

#include <gtest/gtest.h>

#include "online_programs.h"

namespace flashlight::test {
namespace {

using transform::Sign;

TEST(Signs, FollowFromTheNamesAndTheFunctions) {
  const transform::Signs signs{{"l"}, {"a"}};
  EXPECT_EQ(signs.of(x), Sign::Unknown);
  EXPECT_EQ(signs.of(l), Sign::Positive);
  EXPECT_EQ(signs.of(a), Sign::NonNegative);
  EXPECT_EQ(signs.of(l * a), Sign::NonNegative);
  EXPECT_EQ(signs.of(l + a), Sign::Positive);
  EXPECT_EQ(signs.of(l - a), Sign::Unknown);
  EXPECT_EQ(signs.of(exp_(x) / l), Sign::Positive);
  EXPECT_EQ(signs.of(f(Op::Neg, l)), Sign::Unknown);
  EXPECT_EQ(signs.of(x * x), Sign::NonNegative);
  EXPECT_EQ(signs.of(f(Op::Pow, x, num(3))), Sign::Unknown);
  EXPECT_EQ(signs.of(f(Op::Pow, x, num(2))), Sign::NonNegative);
  EXPECT_EQ(signs.of(relu(x)), Sign::NonNegative);
  EXPECT_EQ(signs.of(f(Op::Max, x, l)), Sign::Positive);
  EXPECT_EQ(signs.of(f(Op::Min, x, l)), Sign::Unknown);
  EXPECT_EQ(signs.of(ir::where(c, exp_(x), num(0))), Sign::NonNegative);
  EXPECT_EQ(signs.of(ir::where(c, x, num(0))), Sign::Unknown);
  EXPECT_EQ(signs.of(f(Op::Sqrt, x)), Sign::NonNegative);
}

TEST(Signs, AReductionHasThatOfItsElements) {
  const transform::Signs signs;
  EXPECT_EQ(signs.of(Reduce::Sum, exp_(x)), Sign::Positive);
  EXPECT_EQ(signs.of(Reduce::Max, f(Op::Abs, x)), Sign::NonNegative);
  EXPECT_EQ(signs.of(Reduce::Max, x), Sign::Unknown);
}

}  // namespace
}  // namespace flashlight::test
