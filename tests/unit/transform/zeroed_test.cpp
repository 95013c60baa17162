#include "transform/zeroed.h"

#include <gtest/gtest.h>

#include <limits>

#include "ir/rewrite.h"

namespace flashlight::transform {
namespace {

using namespace ir;

const Expr j = axis("j", constant(int64_t{8}));
Expr element(const std::string& name, Type type = Type::F32) { return load(name, {j}, type); }
const Expr s = element("s"), v = element("v"), a = element("a", Type::Bool),
           b = element("b", Type::Bool);
const Expr m = load("m", {}, Type::F32), l = load("l", {}, Type::F32);  // rows
const Expr zero = constant(0.0, Type::F32),
           lowest = constant(-std::numeric_limits<double>::infinity(), Type::F32);

Expr softmax(Expr x) { return unary(Op::Exp, x - m) / l; }
bool zeroed(Expr e) { return zeroes_dead_rows(e, {"m", "l"}); }

TEST(Zeroed, TheMaskThatMadeTheRowDeadMakesItZero) {
  const Expr w = softmax(where(a, lowest, s));
  EXPECT_TRUE(zeroed(where(a, zero, w) * v));
  EXPECT_TRUE(zeroed(where(unary(Op::Not, a), w, zero) * v));
  EXPECT_TRUE(zeroed(where(binary(Op::Or, a, b), zero, w) * v));
  EXPECT_TRUE(zeroed(where(a, zero, w) * v - where(a, zero, w * w) * v));
  EXPECT_TRUE(zeroed(where(binary(Op::Gt, w, zero), w, zero)));  // no NaN is more
}

TEST(Zeroed, AnotherOneMayNot) {
  const Expr w = softmax(where(a, lowest, s));
  EXPECT_FALSE(zeroed(w * v));
  EXPECT_FALSE(zeroed(where(b, zero, w) * v));
  EXPECT_FALSE(zeroed(where(binary(Op::And, a, b), zero, w) * v));
  EXPECT_FALSE(zeroed(where(a, w, zero) * v));
  EXPECT_FALSE(zeroed(where(binary(Op::Lt, w, zero), zero, w)));                      // NaN stays
  EXPECT_FALSE(zeroed(where(a, zero, unary(Op::Exp, where(a, lowest, s) - m)) / l));  // 0 / 0
  EXPECT_FALSE(zeroed(where(a, zero, w) * v + w));
  EXPECT_FALSE(zeroed(where(a, zero, s) * v));
}

}  // namespace
}  // namespace flashlight::transform
