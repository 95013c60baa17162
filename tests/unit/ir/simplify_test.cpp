#include "ir/simplify.h"

#include <gtest/gtest.h>

#include <random>

#include "ir/interpret.h"
#include "ir/rewrite.h"

namespace flashlight::ir {
namespace {

Expr c(int64_t v) { return constant(v); }
Expr fdiv(Expr a, Expr b) { return binary(Op::FloorDiv, a, b); }
Expr mod(Expr a, Expr b) { return binary(Op::Mod, a, b); }

const Expr B = symbol("B"), H = symbol("H"), S = symbol("S"), s25 = symbol("s25"),
           s34 = symbol("s34");
const Expr b = axis("b", B), h = axis("h", H), i = axis("i", S), j = axis("j", c(64));

TEST(Simplify, AFlatIndexComesApartIntoItsAxes) {
  const Expr flat = ((b * H + h) * S + i) * c(64) + j;
  EXPECT_EQ(simplify(mod(flat, c(64))), j);
  EXPECT_EQ(simplify(mod(fdiv(flat, c(64)), S)), i);
  EXPECT_EQ(simplify(mod(fdiv(flat, c(64) * S), H)), h);
  EXPECT_EQ(simplify(fdiv(flat, c(64) * S * H)), b);
  EXPECT_EQ(simplify(fdiv(mod(fdiv(flat, c(64)), H * S), S)), h);
}

TEST(Simplify, ConstantFactorsComeOutOfAProduct) {
  const Program p = parse(
      "input a : f32[4]\ninput b : f32[4]\n"
      "compute x[i:4] : f32 = -(a[i] * 3.0) * (b[i] / 4.0) * 2.0\n"
      "compute y[i:4] : f32 = (a[i] + 3.0) * b[i]\n"
      "compute z[i:4] : f32 = a[i] * 1e300 * 1e300\noutput x\noutput y\noutput z\n");
  const auto taken = [&](int k) {
    Expr e = p.computations[static_cast<size_t>(k)].body;
    const double factor = take_factor(&e);
    return std::pair(factor, print(e));
  };
  EXPECT_EQ(taken(0), std::pair(-1.5, std::string("a[i] * b[i]")));
  EXPECT_EQ(taken(1).first, 1);
  EXPECT_EQ(taken(2), std::pair(1.0, print(p.computations[2].body))) << "it would be infinite";
}

TEST(Simplify, AFloorDivisionOfSymbolsIsAnAtomOfAtLeastOne) {
  const Expr group = fdiv(s34, s25);
  const Expr k = axis("k", s25), g = axis("g", group), x = axis("x", s25 * group);
  EXPECT_EQ(simplify(fdiv(k * group + g, group)), k);
  EXPECT_EQ(simplify(mod(k * group + g, group)), g);
  EXPECT_TRUE(is_const(simplify(binary(Op::Lt, fdiv(x, group), s25)), 1));
}

TEST(Simplify, DivisionsNestAndModuloUndoesThem) {
  EXPECT_EQ(simplify(fdiv(fdiv(i, c(4)), c(8))), fdiv(i, c(32)));
  EXPECT_EQ(simplify(i - fdiv(i, c(8)) * c(8)), mod(i, c(8)));
  EXPECT_EQ(simplify(fdiv(i, c(8)) * c(8) + mod(i, c(8))), i);
  EXPECT_EQ(simplify(mod(mod(i, c(64)), c(8))), mod(i, c(8)));
  EXPECT_EQ(simplify(fdiv(c(2) * i + c(4) * j, c(6))), fdiv(i + c(2) * j, c(3)));
  EXPECT_EQ(simplify(fdiv(S - c(1), c(8)) + c(1)), simplify(fdiv(S + c(7), c(8))));
}

TEST(Simplify, ComparisonsThatRangesDecideFold) {
  EXPECT_TRUE(is_const(simplify(binary(Op::Lt, i, S)), 1));
  EXPECT_TRUE(is_const(simplify(binary(Op::Lt, fdiv(j, c(8)), c(8))), 1));
  EXPECT_TRUE(is_const(simplify(binary(Op::Ge, S - c(1) - i, c(0))), 1));
  EXPECT_TRUE(is_const(simplify(binary(Op::Eq, c(2) * i, c(2) * j + c(1))), 0));
  EXPECT_EQ(simplify(where(binary(Op::Lt, i, c(0)), i + S, i)), i);
}

TEST(Simplify, ComparisonsNotDecidedHaveOneForm) {
  EXPECT_EQ(simplify(binary(Op::Ge, i, j)), binary(Op::Le, j, i));
  EXPECT_EQ(simplify(binary(Op::Gt, i + c(1), j)), binary(Op::Le, j, i));
  EXPECT_EQ(simplify(unary(Op::Not, binary(Op::Ge, i, j))), binary(Op::Lt, i, j));
  EXPECT_EQ(simplify(binary(Op::Eq, j, i)), simplify(binary(Op::Eq, i - j, c(0))));
}

TEST(Simplify, AFloatComparisonIsNotNegatedBecauseOfNan) {
  const Expr x = load("x", {i}, Type::F32), y = load("y", {i}, Type::F32);
  const Expr e = unary(Op::Not, binary(Op::Lt, x, y));
  EXPECT_EQ(simplify(e), e);
}

TEST(Simplify, WhatIsNotKnownStays) {
  const Expr n = load("n", {i}, Type::Int);
  EXPECT_FALSE(is_const(simplify(binary(Op::Ge, n, c(0)))));
  EXPECT_EQ(simplify(mod(n, S)), mod(n, S));
  EXPECT_FALSE(known_le(c(2), S));
  EXPECT_TRUE(known_le(c(1), S));
  EXPECT_FALSE(is_const(simplify(binary(Op::Lt, fdiv(S, c(8)), c(1)))));
}

TEST(Affine, CoefficientsAreFreeOfAxes) {
  const auto f = affine(i * S + c(3) * j - B + c(2));
  ASSERT_TRUE(f);
  EXPECT_EQ(f->coefficient(i), S);
  EXPECT_TRUE(is_const(f->coefficient(j), 3));
  EXPECT_TRUE(is_const(f->coefficient(h), 0));
  EXPECT_TRUE(known_equal(f->rest, c(2) - B));
  EXPECT_FALSE(affine(i * j));
  EXPECT_FALSE(affine(fdiv(j, c(7))));
  EXPECT_FALSE(affine(load("n", {i}, Type::Int)));
}

TEST(ExactDiv, DividesPolynomials) {
  EXPECT_EQ(exact_div(B * S * c(4), S * c(2)), simplify(B * c(2)));
  EXPECT_TRUE(known_equal(*exact_div(S * S - c(1), S + c(1)), S - c(1)));
  EXPECT_FALSE(exact_div(B * S, H));
  EXPECT_FALSE(exact_div(B * c(3), c(2)));
  EXPECT_FALSE(exact_div(B, c(0)));
}

TEST(KnownEqual, ComparesPolynomials) {
  EXPECT_TRUE(known_equal((S + c(1)) * (S - c(1)), S * S - c(1)));
  EXPECT_FALSE(known_equal(S, B));
}

/// Random integer expressions and predicates over three axes, one symbol in the extents.
class RandomExpr {
 public:
  explicit RandomExpr(uint64_t seed) : rng_(seed) {}

  Expr integer(int depth) {
    if (depth == 0) return leaf();
    const auto sub = [&] { return integer(depth - 1); };
    switch (pick(11)) {
      case 0:
      case 1:
        return sub() + sub();
      case 2:
        return sub() - sub();
      case 3:
      case 4:
        return sub() * (pick(2) ? divisor() : leaf());
      case 5:
      case 6:
        return fdiv(sub(), divisor());
      case 7:
      case 8:
        return mod(sub(), divisor());
      case 9:
        return binary(pick(2) ? Op::Max : Op::Min, sub(), sub());
      default:
        return where(predicate(depth - 1), sub(), sub());
    }
  }

  Expr predicate(int depth) {
    constexpr Op kOps[] = {Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge};
    const Expr e = binary(kOps[pick(6)], integer(depth), integer(depth));
    return pick(4) ? e : unary(Op::Not, e);
  }

  const std::vector<Expr> axes = {axis("x", S), axis("y", c(6)), axis("z", fdiv(H, c(2)))};

 private:
  int pick(int n) { return static_cast<int>(rng_() % n); }
  Expr leaf() {
    if (pick(4) == 0) return c(pick(9) - 3);
    return pick(5) == 0 ? S : axes[pick(3)];
  }
  Expr divisor() {
    const Expr all[] = {S, S * c(2), c(2), c(3), c(6), c(12), fdiv(H, c(2)), S * fdiv(H, c(2))};
    return all[pick(8)];
  }
  std::mt19937_64 rng_;
};

// All values of `e` over the axes, by the interpreter.
std::vector<double> values(Expr e, const std::vector<Expr>& axes, const Bindings& symbols) {
  Program p;
  for (const auto& [name, value] : symbols) p.symbols.push_back({name, value});
  const bool predicate = e->type == Type::Bool;
  p.computations.push_back(
      {"out", predicate ? DType::Bool : DType::I64, axes, Reduce::None, {}, e});
  p.outputs.push_back({"out", {0, 1, 2}});
  verify(p);
  return interpret(p, {}, symbols)[0].data;
}

TEST(Simplify, RandomExpressionsKeepTheirValuesAndSimplifyOnce) {
  const std::vector<Bindings> sizes = {
      {{"S", 1}, {"H", 2}}, {{"S", 5}, {"H", 7}}, {{"S", 4}, {"H", 9}}};
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    RandomExpr random(seed);
    const Expr e = seed % 4 ? random.integer(3) : random.predicate(3);
    const Expr s = simplify(e);
    ASSERT_EQ(simplify(s), s) << "seed " << seed << "\n" << print(e) << "\n" << print(s);
    for (const Bindings& symbols : sizes)
      ASSERT_EQ(values(e, random.axes, symbols), values(s, random.axes, symbols))
          << "seed " << seed << "\n"
          << print(e) << "\n"
          << print(s);
  }
}

}  // namespace
}  // namespace flashlight::ir
