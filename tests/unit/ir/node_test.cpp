#include "ir/node.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "support/error.h"

namespace flashlight::ir {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Expr f(double v) { return constant(v, Type::F32); }
Expr c(int64_t v) { return constant(v); }
const Expr i = axis("i", symbol("S"));
const Expr x = load("x", {i}, Type::F32);
const Expr p = binary(Op::Lt, x, f(0));

TEST(Node, EqualExpressionsAreOneNode) {
  EXPECT_EQ(load("x", {i}, Type::F32), x);
  EXPECT_EQ(unary(Op::Exp, x + f(1)), unary(Op::Exp, x + f(1)));
  EXPECT_NE(load("x", {i}, Type::F64), x);
  EXPECT_NE(axis("i", c(3)), axis("i", c(4)));
  EXPECT_NE(f(0.0), f(-0.0));
  EXPECT_EQ(f(kNan), f(-kNan));
  EXPECT_NE(f(1), constant(1.0, Type::F64));
}

TEST(Node, ThreadsAgreeOnNodes) {
  Expr made[4];
  std::vector<std::thread> threads;
  for (Expr& out : made)
    threads.emplace_back([&out] {
      Expr e = load("shared", {c(0)}, Type::F32);
      for (int n = 0; n < 1000; ++n) e = e * f(n + 0.5) + e;
      out = e;
    });
  for (std::thread& t : threads) t.join();
  for (Expr e : made) EXPECT_EQ(e, made[0]);
}

TEST(Node, ConstantsFold) {
  EXPECT_EQ(c(7) + c(-3), c(4));
  EXPECT_EQ(binary(Op::FloorDiv, c(-7), c(2)), c(-4));
  EXPECT_EQ(binary(Op::Mod, c(-7), c(2)), c(1));
  EXPECT_EQ(binary(Op::Lt, f(1), f(2)), boolean(true));
  EXPECT_EQ(unary(Op::Exp, f(0)), f(1));
  EXPECT_EQ(cast(f(-1.5), Type::Int), c(-1));
  EXPECT_EQ(cast(f(0.5), Type::Bool), boolean(true));
  EXPECT_TRUE(std::isnan(const_value(binary(Op::Max, f(kNan), f(1)))));
  EXPECT_TRUE(std::isnan(const_value(binary(Op::Min, f(1), f(kNan)))));
}

TEST(Node, IntegersFoldExactlyOrNotAtAll) {
  const Expr big = c((int64_t{1} << 53) + 1);
  EXPECT_EQ(int_const(big + c(2)), (int64_t{1} << 53) + 3);
  EXPECT_FALSE(is_const(binary(Op::FloorDiv, c(1), c(0))));
  EXPECT_FALSE(is_const(c(std::numeric_limits<int64_t>::max()) + c(1)));
  EXPECT_FALSE(is_const(cast(f(kNan), Type::Int)));
  const int64_t least = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(binary(Op::Mod, c(3), c(least)), c(least + 3));
  EXPECT_EQ(binary(Op::Mod, c(least), c(-1)), c(0));
  EXPECT_FALSE(is_const(binary(Op::FloorDiv, c(least), c(-1))));
}

TEST(Node, NeutralElementsVanish) {
  EXPECT_EQ(i + c(0), i);
  EXPECT_EQ(c(1) * i, i);
  EXPECT_EQ(i * c(0), c(0));
  EXPECT_EQ(x * f(1), x);
  EXPECT_EQ(x - f(0), x);
  EXPECT_EQ(binary(Op::And, p, boolean(true)), p);
  EXPECT_EQ(binary(Op::Or, p, boolean(true)), boolean(true));
  EXPECT_EQ(unary(Op::Not, unary(Op::Not, p)), p);
  EXPECT_EQ(where(boolean(false), x, f(2)), f(2));
  EXPECT_EQ(where(p, x, x), x);
  EXPECT_EQ(cast(x, Type::F32), x);
}

TEST(Node, NothingFoldsThatNanOrInfinityWouldChange) {
  EXPECT_FALSE(is_const(x * f(0)));
  EXPECT_FALSE(is_const(x - x));
  EXPECT_FALSE(is_const(binary(Op::Eq, x, x)));
  EXPECT_EQ(binary(Op::Eq, i, i), boolean(true));
  EXPECT_FALSE(is_const(x / x));
  EXPECT_EQ(const_value(f(1) / f(0)), kInf);
}

TEST(Node, MixedTypesAreOurBug) {
  EXPECT_THROW(x + c(1), InternalError);
  EXPECT_THROW(unary(Op::Exp, i), InternalError);
  EXPECT_THROW(unary(Op::Not, x), InternalError);
  EXPECT_THROW(p + p, InternalError);
  EXPECT_THROW(where(x, x, x), InternalError);
  EXPECT_THROW(load("x", {x}, Type::F32), InternalError);
  EXPECT_THROW(binary(Op::Exp, x, x), InternalError);
  EXPECT_THROW(op_arity(Op::Where), InternalError);
}

TEST(Node, WithArgsKeepsTheOp) {
  const Expr e = where(p, x, f(0));
  EXPECT_EQ(with_args(e, e->args), e);
  EXPECT_EQ(with_args(e, {p, f(0), x}), where(p, f(0), x));
  EXPECT_EQ(with_args(x, {c(3)}), load("x", {c(3)}, Type::F32));
  EXPECT_EQ(with_args(cast(i, Type::F32), {c(3)}), f(3));
}

TEST(Node, EveryOpHasASpellingThatReadsBack) {
  for (int n = static_cast<int>(Op::Cast) + 1; n <= static_cast<int>(Op::Xor); ++n) {
    Op op;
    ASSERT_TRUE(op_from_text(op_text(static_cast<Op>(n)), &op));
    EXPECT_EQ(op, static_cast<Op>(n));
  }
  Op op;
  EXPECT_FALSE(op_from_text("where", &op));
}

}  // namespace
}  // namespace flashlight::ir
