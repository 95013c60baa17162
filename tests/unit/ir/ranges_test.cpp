#include "ir/ranges.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/op_table.h"

namespace flashlight::ir {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Expr f(double v) { return constant(v, Type::F32); }
const Expr s = symbol("s", Type::F32), w = symbol("w", Type::F32), b = symbol("b", Type::Bool);
const std::map<std::string, ValueRange> kDead = {{"s", ValueRange::at(-kInf)}};

bool dead(Expr e, double value) { return range_of(e, kDead).is(value); }

TEST(Ranges, WhatADeadScoreBecomes) {
  EXPECT_TRUE(dead(s * f(0.125), -kInf));
  EXPECT_TRUE(dead(s * f(0.125) + w, -kInf));
  EXPECT_TRUE(dead(unary(Op::Exp, s - w), 0));
  EXPECT_TRUE(dead(unary(Op::Exp, s - w) / w, 0));
  EXPECT_TRUE(dead(unary(Op::Exp, where(b, s + w, f(-kInf))), 0));
  EXPECT_TRUE(dead(unary(Op::Sigmoid, s) * w, 0));
  EXPECT_TRUE(dead(binary(Op::Max, s + w, f(0)), 0));
  EXPECT_TRUE(dead(unary(Op::Tanh, s), -1));
}

TEST(Ranges, WhatOneMayNotRelyOn) {
  EXPECT_FALSE(dead(s * w, -kInf));                    // of unknown sign, or 0
  EXPECT_TRUE(std::isnan(range_of(s * w, kDead).lo));  // NaN, if it is 0
  EXPECT_TRUE(std::isnan(range_of(s - s, kDead).lo));
  EXPECT_TRUE(std::isnan(range_of(s * unary(Op::Sigmoid, s), kDead).lo));
  EXPECT_FALSE(dead(unary(Op::Exp, where(b, unary(Op::Tanh, s), f(-kInf)) - w), 0));
  EXPECT_FALSE(dead(binary(Op::Max, unary(Op::Tanh, s) + w, f(0)), 0));
  EXPECT_FALSE(dead(unary(Op::Exp, where(b, s, f(-1e9)) - w), 0));
  EXPECT_TRUE(std::isnan(range_of(unary(Op::Sqrt, w), {}).lo));  // of something negative
}

/// Ends of ranges to draw operands from, and points in them.
struct Drawn {
  ValueRange range;
  std::vector<double> points;
};

Drawn draw(std::mt19937& random) {
  const double ends[] = {-kInf, -1e30, -3, -1, -0.25, 0, 0.5, 1, 2, 40, 1e30, kInf};
  const auto pick = [&] { return ends[random() % std::size(ends)]; };
  double lo = pick(), hi = pick();
  if (lo > hi) std::swap(lo, hi);
  Drawn out{{lo, hi}, {lo, hi}};
  for (double x : ends)
    if (x >= lo && x <= hi) out.points.push_back(x);
  return out;
}

TEST(Ranges, EveryOpStaysInItsRange) {
  std::mt19937 random(1);
  const Op ops[] = {Op::Neg,   Op::Abs,   Op::Sign,    Op::Exp,   Op::Exp2,  Op::Expm1,
                    Op::Log,   Op::Log2,  Op::Log1p,   Op::Sqrt,  Op::Rsqrt, Op::Reciprocal,
                    Op::Sin,   Op::Tanh,  Op::Sigmoid, Op::Erf,   Op::Floor, Op::Ceil,
                    Op::Round, Op::Trunc, Op::IsNan,   Op::IsInf, Op::Add,   Op::Sub,
                    Op::Mul,   Op::Div,   Op::Pow,     Op::Max,   Op::Min,   Op::Eq,
                    Op::Ne,    Op::Lt,    Op::Le,      Op::Gt,    Op::Ge};
  for (Op op : ops)
    for (int n = 0; n < 400; ++n) {
      const Drawn x = draw(random), y = draw(random);
      const Expr e = op_arity(op) == 1 ? unary(op, s) : binary(op, s, w);
      const ValueRange r = range_of(e, {{"s", x.range}, {"w", y.range}});
      if (std::isnan(r.lo)) continue;  // anything
      for (double a : x.points)
        for (double c : y.points) {
          const double got = op_value(op, a, c);
          const bool finite = x.range.is_finite() && (op_arity(op) == 1 || y.range.is_finite());
          if (finite && !std::isfinite(got)) continue;  // taken not to happen
          const double rounding = std::isfinite(got) ? 1e-12 * std::fabs(got) : 0;
          EXPECT_TRUE(got >= r.lo - rounding && got <= r.hi + rounding)
              << op_text(op) << " of " << a << ", " << c << ": " << got << ", not in " << r.lo
              << " .. " << r.hi;
        }
    }
}

TEST(Ranges, DataIsFiniteAndStaysSo) {
  EXPECT_TRUE(range_of(w * w + w / w, {}).is_finite());
  EXPECT_TRUE(range_of(unary(Op::Exp, w), {}).is_finite());
  EXPECT_EQ(range_of(b, {}).lo, 0);
  EXPECT_EQ(range_of(b, {}).hi, 1);
}

}  // namespace
}  // namespace flashlight::ir
