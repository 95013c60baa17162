// The form of what is derived: what the tile compiler and the emitter rely on.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "ir/rewrite.h"
#include "online_programs.h"
#include "online_run.h"
#include "transform/describe.h"
#include "transform/online.h"

namespace flashlight::test {
namespace {

using transform::make_online;

const std::vector<Expr> kLeaves = {x, y, w, c, v};

Expr final_of(const Pass& pass, const std::string& name) {
  for (const auto& [n, e] : pass.finals)
    if (n == name) return e;
  throw std::runtime_error("no final " + name);
}

TEST(OnlineForm, ABodyIsAContractionWithTheMaskInItsLeftOperand) {
  const Expr pc = ir::where(c, exp_(x - m) / l, num(0));
  const auto passes = make_online(soft() + Reductions{sum_of("o", v * pc)}, kLeaves);
  const Expr r = var("r_m");
  EXPECT_EQ(passes[0].states.back().body, ir::where(c, exp_(x - r), num(0)) * v);
}

TEST(OnlineForm, OneFactorIsSharedByAllStatesThatFollowOneReference) {
  const auto passes = make_online(soft() + Reductions{sum_of("o", p * v)}, kLeaves);
  const Pass& pass = passes[0];
  const Expr alpha = exp_(var("r_m") - var("r_m'"));
  EXPECT_EQ(pass.states[1].move.at(pass.states[1].name), alpha);
  EXPECT_EQ(pass.states[2].move.at(pass.states[2].name), alpha);
  EXPECT_EQ(final_of(pass, "o"), var(pass.states[2].name) / l);
  EXPECT_EQ(pass.references.size(), 1u);
  EXPECT_EQ(pass.references[0].follows, "m");
  EXPECT_EQ(pass.references[0].target, var(pass.states[0].name));
  EXPECT_EQ(pass.references[0].start, lowest);
}

TEST(OnlineForm, EqualStatesAreOneState) {
  const auto passes = make_online(
      soft() + Reductions{sum_of("o", p * v), sum_of("o2", v * p), max_of("n", x)}, kLeaves);
  EXPECT_EQ(passes[0].states.size(), 3u);
  EXPECT_EQ(final_of(passes[0], "o"), final_of(passes[0], "o2"));
}

TEST(OnlineForm, EagersOwnExpressionIsKeptWhereNoReductionIsInIt) {
  const Expr score = f(Op::Tanh, (y + x) * num(0.5)) * num(30);
  const auto passes =
      make_online(soft(score) + Reductions{sum_of("o", exp_(score - m) / l * v)}, kLeaves);
  EXPECT_EQ(passes[0].states[0].body, score);
  EXPECT_EQ(passes[0].states[1].body, exp_(score - var("r_m")));
}

TEST(OnlineForm, CastsBetweenFloatsAreTransparent) {
  const Expr xf = ir::symbol("x", ir::Type::F32), vf = ir::symbol("v", ir::Type::F32);
  const auto wide = [](Expr e) { return ir::cast(e, ir::Type::F64); };
  const Expr mf = ir::symbol("m", ir::Type::F32);
  const Expr weight = wide(exp_(xf - mf)) / l;
  const std::vector<Reduction> program = {max_of("m", xf), sum_of("l", wide(exp_(xf - mf))),
                                          sum_of("o", weight * wide(vf))};
  const auto passes = make_online(program, {xf, vf});
  ASSERT_EQ(passes.size(), 1u);
  const Expr r = ir::symbol("r_m", ir::Type::F32);
  EXPECT_EQ(passes[0].states[1].body, wide(exp_(xf - r)));
  EXPECT_EQ(passes[0].states[2].body->type, ir::Type::F64);
  EXPECT_EQ(passes[0].states[2].move.at(passes[0].states[2].name)->type, ir::Type::F64);
}

TEST(OnlineForm, ASumIsNaNWhereEagerSubtractsInfinityFromInfinity) {
  const auto passes = make_online(soft() + Reductions{sum_of("o", p * v)}, kLeaves);
  const Expr l_final = final_of(passes[0], "l"), nan = num(std::nan(""));
  EXPECT_EQ(l_final, ir::where(ir::binary(Op::Eq, m, lowest), nan, var(passes[0].states[1].name)));
  EXPECT_EQ(final_of(passes[0], "o")->op, Op::Div);  // 0 / 0 says it
}

TEST(OnlineForm, ASumThatEagerGuardsIsZeroWhereNothingWasSeen) {
  // As torch.logsumexp: where the maximum is infinite, 0 is subtracted.
  const Expr safe = ir::where(ir::binary(Op::Eq, m, lowest), num(0), m);
  const auto passes = make_online({max_of("m", x), sum_of("l", exp_(x - safe))}, kLeaves);
  for (const auto& [name, value] : passes.back().finals)
    ir::visit(value, [](Expr e) {
      if (ir::is_const(e)) EXPECT_FALSE(std::isnan(ir::const_value(e)));
    });
}

TEST(OnlineForm, OnlyAPositiveFactorMovesOutOfAMaximum) {
  const Expr k = var("k");  // sum of y: of unknown sign
  EXPECT_EQ(make_online({sum_of("k", y), max_of("o", x * k)}, kLeaves).size(), 2u);
  EXPECT_EQ(make_online({sum_of("k", exp_(y)), max_of("o", x * k)}, kLeaves).size(), 1u);
  EXPECT_EQ(make_online({sum_of("k", y), max_of("o", x * k)}, kLeaves, {"y"}).size(), 1u);
}

TEST(OnlineForm, AMultipleOfALargestElementServesOnlyIfItIsPositive) {
  const Reductions program = {max_of("m", x), sum_of("l", exp_(t * x - t * m))};
  const auto unknown = make_online(program, kLeaves);
  EXPECT_EQ(unknown[0].states.size(), 3u) << "needs the largest t * x";
  const auto positive = make_online(program, kLeaves, {"t"});
  EXPECT_EQ(positive[0].states.size(), 2u);
}

TEST(OnlineForm, AFactorThatUnderflowsToZeroIsZero) {
  const auto passes = make_online({max_of("m", x), sum_of("l", exp_(x - m - num(1e9)))}, kLeaves);
  EXPECT_EQ(final_of(passes[0], "l"), num(0));
}

TEST(OnlineForm, NamesOfTheProgramAreNotTaken) {
  const Reductions program = {max_of("S0", x), sum_of("r_S0", exp_(x - var("S0")))};
  const auto passes = make_online(program, kLeaves);
  std::set<std::string> names = {"S0", "r_S0"};
  for (const State& s : passes[0].states) EXPECT_TRUE(names.insert(s.name).second) << s.name;
  for (const auto& r : passes[0].references) EXPECT_TRUE(names.insert(r.name).second) << r.name;
}

TEST(OnlineForm, StatesOfDifferentPassesHaveDifferentNames) {
  const auto program = model_programs()[15];
  const auto passes = make_online(program.reductions, kLeaves);
  ASSERT_EQ(passes.size(), 2u) << program.name;
  for (const State& s : passes[1].states)
    for (const State& other : passes[0].states) EXPECT_NE(s.name, other.name);
}

TEST(OnlineForm, EachReductionIsFinalOnceAndAfterWhatItNeeds) {
  for (const auto& programs : {model_programs(), masked_programs(), more_programs()}) {
    for (const Program& program : programs) {
      std::set<std::string> known;
      for (const Pass& pass : make_online(program.reductions, kLeaves)) {
        for (const auto& [name, e] : pass.finals) EXPECT_TRUE(known.insert(name).second) << name;
        for (const auto& r : pass.references) EXPECT_TRUE(known.contains(r.follows));
      }
      for (const Reduction& r : program.reductions) EXPECT_TRUE(known.contains(r.name));
    }
  }
}

TEST(OnlineForm, AReferenceStaysFiniteForPolynomials) {
  const auto passes = make_online(soft() + Reductions{sum_of("o", (x - m) * v)}, kLeaves);
  bool found = false;
  for (const auto& r : passes[0].references) found |= ir::is_const(r.start, 0);
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace flashlight::test
