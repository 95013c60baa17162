#include "ir/rewrite.h"

#include <gtest/gtest.h>

namespace flashlight::ir {
namespace {

const Expr S = symbol("S"), T = symbol("T");
const Expr i = axis("i", S), j = axis("j", T);
const Expr n = load("n", {i}, Type::Int);
const Expr x = load("x", {n, j}, Type::F32);

TEST(Rewrite, TransformVisitsASharedNodeOnce) {
  Expr e = x;
  for (int k = 0; k < 60; ++k) e = e + e;  // 2^60 paths
  int seen = 0;
  EXPECT_EQ(transform(e, [&](Expr node) { return ++seen, node; }), e);
  EXPECT_EQ(seen, 60 + 4);
}

TEST(Rewrite, ListsFollowTheExpressionNotTheOrderOfCreation) {
  const Expr second = load("made first", {j}, Type::F32), first = load("made last", {i}, Type::F32);
  EXPECT_EQ(loads_of(first + second), (std::vector<Expr>{first, second}));
  EXPECT_EQ(loads_of(second + first), (std::vector<Expr>{second, first}));
  EXPECT_EQ(axes_of(second + first), (std::vector<Expr>{j, i}));
  const Expr v = symbol("made before u"), u = symbol("u");
  EXPECT_EQ(symbols_of(u + v), (std::vector<Expr>{u, v}));
}

TEST(Rewrite, TransformSeesRebuiltArguments) {
  const Expr e = unary(Op::Exp, x);
  const Expr out = transform(e, [&](Expr node) {
    if (node == j) return constant(int64_t{0});
    return node->op == Op::Load && node->name() == "x" ? load("y", node->args, Type::F32) : node;
  });
  EXPECT_EQ(out, unary(Op::Exp, load("y", {n, constant(int64_t{0})}, Type::F32)));
}

TEST(Rewrite, SubstituteDoesNotLookIntoWhatItPutIn) {
  const Expr e = i + j;
  EXPECT_EQ(substitute(e, {{i, j}, {j, i}}), j + i);
  EXPECT_EQ(substitute(x, {{x, unary(Op::Exp, x)}}), unary(Op::Exp, x));
}

TEST(Rewrite, ExtentsBelongToTheAxis) {
  EXPECT_EQ(substitute(i + S, {{S, T}}), i + T);
  EXPECT_FALSE(uses(i, S));
  EXPECT_EQ(symbols_of(x), (std::vector<Expr>{S, T}));
}

TEST(Rewrite, QueriesLookIntoIndices) {
  EXPECT_EQ(axes_of(x), (std::vector<Expr>{i, j}));
  EXPECT_EQ(loads_of(x), (std::vector<Expr>{n, x}));
  EXPECT_EQ(names_loaded(x), (std::unordered_set<std::string>{"n", "x"}));
  EXPECT_TRUE(uses(x, n));
  EXPECT_TRUE(uses_any(x, {S, i}));
  EXPECT_FALSE(uses_any(n, {j}));
}

TEST(Rewrite, VisitGoesFromArgumentsToUsers) {
  std::vector<Expr> order;
  visit(x, [&](Expr node) { order.push_back(node); });
  EXPECT_EQ(order, (std::vector<Expr>{i, n, j, x}));
}

}  // namespace
}  // namespace flashlight::ir
