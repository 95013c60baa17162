#include "ir/degrees.h"

#include <gtest/gtest.h>

#include <limits>

namespace flashlight::ir {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Expr f(double v) { return constant(v, Type::F32); }
// Of a softmax that refers to m: l and a are sums of exp(x - m); k does not see it.
const Expr m = symbol("m", Type::F32), l = symbol("l", Type::F32), a = symbol("a", Type::F32),
           k = symbol("k", Type::F32), b = symbol("b", Type::Bool);
const std::map<std::string, Degree> kSoftmax = {
    {"m", {Degree::Shift, 1}}, {"l", {Degree::Power, -1}}, {"a", {Degree::Power, -1}}};

bool hidden(Expr e) { return degree_of(e, kSoftmax).is_none(); }

TEST(Degrees, WhatDoesNotShowTheReference) {
  EXPECT_TRUE(hidden(a / l));
  EXPECT_TRUE(hidden(a * unary(Op::Reciprocal, l) * k));
  EXPECT_TRUE(hidden(m + unary(Op::Log, l)));
  EXPECT_TRUE(hidden(m * f(2) + f(2) * unary(Op::Log, l)));
  EXPECT_TRUE(hidden(a / (l + unary(Op::Exp, unary(Op::Neg, m)))));  // off by one
  EXPECT_TRUE(hidden(where(binary(Op::Eq, m, f(-kInf)), f(0), a / l)));
  EXPECT_TRUE(hidden(where(binary(Op::Gt, l, f(0)), a / l, k)));
  EXPECT_TRUE(hidden(binary(Op::Max, a, f(0)) / l));
  EXPECT_TRUE(hidden(unary(Op::Sqrt, a * l) / l));
  EXPECT_TRUE(hidden(binary(Op::Pow, a / l, f(3)) - unary(Op::Tanh, k)));
}

TEST(Degrees, WhatShowsIt) {
  for (Expr e : {a, l, m, a * l, a + k, a / (l + f(1e-9)), m + l, unary(Op::Log, l), m * k,
                 binary(Op::Max, l, f(1e-20)), where(binary(Op::Gt, l, f(100)), a / l, f(0)),
                 where(b, a / l, a), unary(Op::Tanh, a), a / (l * l), m - unary(Op::Log, l)})
    EXPECT_FALSE(hidden(e));
}

TEST(Degrees, TheyCountHowOften) {
  EXPECT_EQ(degree_of(a * l, kSoftmax).by, -2);
  EXPECT_EQ(degree_of(f(3) * m - m, kSoftmax).by, 2);
  EXPECT_EQ(degree_of(unary(Op::Rsqrt, l), kSoftmax).by, 0.5);
  EXPECT_EQ(degree_of(binary(Op::Pow, l, f(2)), kSoftmax).by, -2);
}

}  // namespace
}  // namespace flashlight::ir
