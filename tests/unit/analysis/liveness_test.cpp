#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "analysis/live.h"
#include "ir/rewrite.h"

namespace flashlight::analysis {
namespace {

using namespace ir;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMin = -3.4028234663852886e38;
const Expr i = axis("i", symbol("Sq")), j = axis("j", symbol("Sk")), c = axis("c", constant(8));
const Expr kScores = load("s", {i, j}, Type::F32);
const Expr kCausal = binary(Op::Le, j, i), kDead = binary(Op::Gt, j, i);
const Expr kUnknown = load("mask", {i, j}, Type::Bool);

Expr f(double v) { return constant(v, Type::F32); }
Expr name(const char* s) { return symbol(s, Type::F32); }
Expr both(Expr a, Expr b) { return binary(Op::And, a, b); }

/// The one-pass softmax of x over j with values v, as make_online gives it.
Stream softmax(Expr x) {
  Stream s;
  s.name = "test";
  s.inputs = {{"v", DType::F32, {symbol("Sk"), constant(8)}},
              {"mask", DType::Bool, {symbol("Sq"), symbol("Sk")}},
              {"lengths", DType::I64, {constant(2)}}};
  s.row_axes = {i};
  s.loop = j;
  const Expr p = unary(Op::Exp, x - name("r"));
  StreamPass pass;
  pass.states = {{"m", Reduce::Max, {i}, x, {}, {}},
                 {"l", Reduce::Sum, {i}, p, {"r"}, {}},
                 {"o", Reduce::Sum, {i, c}, p * load("v", {j, c}, Type::F32), {"r"}, {}}};
  pass.references = {{"r", "m", name("m"), f(-kInf), {i}}};
  pass.finals = {{"m", Reduce::Max, {i}, name("m")},
                 {"l", Reduce::Sum, {i}, name("l")},
                 {"out", Reduce::Sum, {i, c}, name("o") / name("l")}};
  s.passes = {pass};
  return s;
}

Liveness of(Expr x) {
  const Stream s = softmax(x);
  return liveness(s, s.passes[0]);
}

bool ends_at_the_row(Expr condition) {
  const LoopRange r = may_hold(condition, j, {{i, {constant(10), constant(20)}}});
  return !r.lo && r.hi && evaluate(r.hi, {{"Sk", 1000}}) == 21;
}

/// Value of a certificate over the final m.
bool holds(Expr certificate, double m) {
  const Expr e = substitute(certificate, {{name("m"), f(m)}});
  EXPECT_TRUE(is_const(e)) << print(e);
  return const_value(e) != 0;
}

TEST(Liveness, MinusInfinitySelectedNeedsNoCertificate) {
  const Liveness live = of(where(kCausal, kScores, f(-kInf)));
  EXPECT_EQ(live.condition, kCausal);
  EXPECT_FALSE(live.certificate);
  EXPECT_EQ(live.predicates, std::vector<Expr>{kCausal});
}

TEST(Liveness, MaskedFillIsTheNegatedForm) {
  const Liveness live = of(where(kDead, f(-kInf), kScores));
  EXPECT_TRUE(ends_at_the_row(live.condition));
  EXPECT_EQ(live.predicates, std::vector<Expr>{unary(Op::Not, kDead)});
}

TEST(Liveness, AnAddedFiniteFillHoldsBesideUnknownTerms) {
  const Liveness live = of(kScores + where(both(kCausal, kUnknown), f(0), f(kMin)));
  ASSERT_TRUE(live.condition);
  EXPECT_TRUE(ends_at_the_row(live.condition));
  ASSERT_TRUE(live.certificate);
  EXPECT_TRUE(holds(live.certificate, -1e30));
  EXPECT_FALSE(holds(live.certificate, kMin));
  EXPECT_FALSE(holds(live.certificate, -kInf));
  EXPECT_FALSE(holds(live.certificate, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(live.predicates, std::vector<Expr>{kCausal});
}

TEST(Liveness, ASelectedFiniteFillIsCertifiedByItsDistance) {
  const Liveness live = of(where(kCausal, kScores, f(-1e4)));
  ASSERT_TRUE(live.certificate);
  EXPECT_TRUE(holds(live.certificate, -9000));
  EXPECT_FALSE(holds(live.certificate, -9900));
}

TEST(Liveness, SmallFillsAreValuesLikeOthers) {
  EXPECT_FALSE(of(where(kCausal, kScores, f(-1000))).condition);
  EXPECT_FALSE(of(kScores + where(kCausal, f(0), f(-1e4))).condition);
  EXPECT_FALSE(of(where(kCausal, kScores, f(0))).condition);
}

TEST(Liveness, WhatComesAfterTheMask) {
  const Expr masked = where(kCausal, kScores, f(-kInf));
  const Expr slope = load("slope", {axis("h", symbol("H"))}, Type::F32);
  EXPECT_EQ(of(masked + slope * cast(j - i, Type::F32)).condition, kCausal);
  EXPECT_EQ(of(masked * f(0.125)).condition, kCausal);
  EXPECT_EQ(of(masked / f(8)).condition, kCausal);
  // A cap makes the masked entries count again, and a factor of unknown sign may flip them.
  EXPECT_FALSE(of(unary(Op::Tanh, masked / f(50)) * f(50)).condition);
  EXPECT_FALSE(of(masked * slope).condition);
  EXPECT_FALSE(of(unary(Op::Neg, masked)).condition);
}

TEST(Liveness, SeveralMasksAreJoined) {
  const Expr seen = binary(Op::Lt, j, load("lengths", {axis("b", constant(2))}, Type::Int));
  const Liveness live = of(where(seen, where(kCausal, kScores, f(-kInf)), f(-kInf)));
  ASSERT_TRUE(live.condition);
  EXPECT_TRUE(uses(live.condition, kCausal) && uses(live.condition, seen));
  EXPECT_EQ(live.predicates.size(), 2u);
}

TEST(Liveness, ALoadThatMayBeOutOfRangeIsNotMovedBeforeTheLoop) {
  const Expr b = axis("b", symbol("B"));  // lengths has two elements, B may be more
  const Expr seen = binary(Op::Lt, j, load("lengths", {b}, Type::Int));
  const Expr guarded =
      where(binary(Op::Lt, b, constant(2)), where(seen, kScores, f(-kInf)), f(-kInf));
  const Liveness live = of(guarded);
  ASSERT_TRUE(live.condition);
  EXPECT_FALSE(uses(live.condition, seen));
}

TEST(Liveness, AStateWithoutTheMaskKeepsEveryElement) {
  Stream s = softmax(where(kCausal, kScores, f(-kInf)));
  s.passes[0].states.push_back({"n", Reduce::Sum, {i}, kScores, {}, {}});
  const Liveness live = liveness(s, s.passes[0]);
  EXPECT_FALSE(live.condition);
  EXPECT_EQ(live.predicates, std::vector<Expr>{kCausal});
}

TEST(Liveness, StatesWithMasksOfTheirOwnLiveWhereAnyDoes) {
  const Expr window = binary(Op::Lt, i - j, constant(4));
  Stream s = softmax(kScores);
  s.passes[0].states = {{"a", Reduce::Sum, {i}, where(kCausal, kScores, f(0)), {}, {}},
                        {"b", Reduce::Sum, {i}, where(window, kScores, f(0)), {}, {}}};
  EXPECT_EQ(liveness(s, s.passes[0]).condition, binary(Op::Or, kCausal, window));
}

TEST(Liveness, ResultsOfAnEarlierPassMayBeInfinite) {
  Stream s = softmax(where(kCausal, kScores, f(-kInf)));
  const Expr m = load("m", {i}, Type::F32), l = load("l", {i}, Type::F32);
  const Expr p = unary(Op::Exp, where(kCausal, kScores, f(-kInf)) - m) / l;
  StreamPass second;
  second.states = {{"q", Reduce::Sum, {i}, p, {}, {}}};
  second.finals = {{"q", Reduce::Sum, {i}, name("q")}};
  s.passes.push_back(second);
  const Liveness live = liveness(s, s.passes[1]);
  EXPECT_EQ(live.condition, kCausal);
  ASSERT_TRUE(live.certificate);
  const auto certified = [&](double max, double sum) {
    return const_value(substitute(live.certificate, {{m, f(max)}, {l, f(sum)}})) != 0;
  };
  EXPECT_TRUE(certified(3, 2));
  EXPECT_FALSE(certified(-kInf, 0));  // exp(-inf + inf) / 0 is NaN for a dead row
  EXPECT_FALSE(certified(3, 0));
}

TEST(Liveness, SumsNeedNoSoftmax) {
  const auto sum_of = [](Expr body) {
    Stream s = softmax(kScores);
    s.passes[0].states = {{"o", Reduce::Sum, {i, c}, body * load("v", {j, c}, Type::F32), {}, {}}};
    return liveness(s, s.passes[0]);
  };
  const Expr masked = where(kCausal, kScores, f(-kInf)), filled = where(kCausal, kScores, f(-1e9));
  const Expr zero = f(0);
  for (Expr body :
       {where(kCausal, kScores, zero), kScores * cast(kCausal, Type::F32),
        unary(Op::Sigmoid, masked), unary(Op::Sigmoid, filled), binary(Op::Max, masked, zero),
        binary(Op::Max, filled, zero), unary(Op::Exp, filled)}) {
    EXPECT_EQ(sum_of(body).condition, kCausal) << print(body);
    EXPECT_FALSE(sum_of(body).certificate) << print(body);
  }
  // x log x at 0 is NaN, as in eager PyTorch, unless the program says otherwise.
  const Expr p = unary(Op::Exp, masked), logs = p * unary(Op::Log, p);
  EXPECT_FALSE(sum_of(logs).condition);
  EXPECT_EQ(sum_of(where(binary(Op::Gt, p, zero), logs, zero)).condition, kCausal);
}

TEST(Liveness, LooksThroughValuesOfTheTile) {
  Stream s = softmax(load("x", {i, j}, Type::F32));
  s.tiles = {
      {"fill", DType::F32, {i, j}, Reduce::None, {}, where(kCausal, f(0), f(-kInf))},
      {"x", DType::F32, {i, j}, Reduce::None, {}, kScores + load("fill", {i, j}, Type::F32)}};
  EXPECT_EQ(liveness(s, s.passes[0]).condition, kCausal);
  s.tiles = {{"x",
              DType::F32,
              {i, j},
              Reduce::Sum,
              {c},
              where(kCausal, load("v", {j, c}, Type::F32), f(0))}};
  s.passes[0].states = {{"o", Reduce::Sum, {i}, load("x", {i, j}, Type::F32), {}, {}}};
  EXPECT_EQ(liveness(s, s.passes[0]).condition, kCausal);
}

TEST(Liveness, DoublesNeedMoreRoom) {
  const auto d = [](double v) { return constant(v, Type::F64); };
  const Expr s64 = load("s", {i, j}, Type::F64), r = symbol("r", Type::F64);
  const Expr x = where(kCausal, s64, d(-1e4));
  Stream s = softmax(kScores);
  s.passes[0].states = {{"l", Reduce::Sum, {i}, unary(Op::Exp, x - r), {"r"}, {}}};
  const Expr certificate = liveness(s, s.passes[0]).certificate;
  ASSERT_TRUE(certificate);
  const auto holds_at = [&](double m) {
    return const_value(substitute(certificate, {{symbol("m", Type::F64), d(m)}})) != 0;
  };
  EXPECT_FALSE(holds_at(-9500));
  EXPECT_TRUE(holds_at(-8000));
}

// ---- what data decide -------------------------------------------------------------------------

/// As lower() asks: rows are a tile of i.
Liveness probed(Expr x) {
  const Stream s = softmax(x);
  return liveness(s, s.passes[0], {{i, {symbol("i.lo"), symbol("i.hi") - constant(int64_t{1})}}});
}

TEST(Probe, RangesNeedNone) {
  EXPECT_FALSE(probed(where(kCausal, kScores, f(-kInf))).probe);
  EXPECT_FALSE(probed(kScores * f(2)).probe);
}

TEST(Probe, AMaskInMemoryIsOne) {
  const Liveness live = probed(where(kUnknown, kScores, f(-kInf)));
  EXPECT_EQ(live.probe, kUnknown);
  EXPECT_FALSE(live.condition || live.probe_certificate);
  EXPECT_TRUE(live.predicates.empty());
}

TEST(Probe, TheWholeConditionIsAsked) {
  const Liveness live = probed(where(both(kCausal, kUnknown), kScores, f(-kInf)));
  EXPECT_TRUE(ends_at_the_row(live.condition));
  EXPECT_EQ(live.probe, both(kCausal, kUnknown));
}

TEST(Probe, NothingThatTheScoresDecide) {
  Stream s =
      softmax(where(binary(Op::Gt, load("dot", {i, j}, Type::F32), f(0)), kScores, f(-kInf)));
  s.tiles = {{"dot", DType::F32, {i, j}, Reduce::Sum, {c}, load("v", {j, c}, Type::F32)}};
  EXPECT_FALSE(liveness(s, s.passes[0]).probe);
}

TEST(Probe, AFillOfZeroIsNone) { EXPECT_FALSE(probed(where(kUnknown, kScores, f(0))).probe); }

TEST(Probe, AFiniteFillHasACertificateOfItsOwn) {
  const Liveness live = probed(where(kUnknown, kScores, f(-1e9)));
  EXPECT_FALSE(live.certificate);
  ASSERT_TRUE(live.probe_certificate);
  EXPECT_TRUE(holds(live.probe_certificate, 3));
  EXPECT_FALSE(holds(live.probe_certificate, -1e9));
}

TEST(Probe, IndicesStayInRangeWithoutTheirGuard) {
  const Expr shifted = load("mask", {i, j - constant(int64_t{5})}, Type::Bool);
  const Liveness live = probed(where(shifted, kScores, f(-kInf)));
  ASSERT_TRUE(live.probe);
  EXPECT_EQ(print(live.probe->args[1]), "max(0, j - 5)");
}

}  // namespace
}  // namespace flashlight::analysis
