#include "transform/merge.h"

#include <gtest/gtest.h>

#include "online_programs.h"
#include "online_run.h"

namespace flashlight::test {
namespace {

const std::vector<Expr> kLeaves = {x, y, w, c, v};

Columns data() {
  Columns out;
  for (int j = 0; j < 12; ++j) {
    out["x"].push_back(j * 3.5 - (j % 4) * 11);
    out["v"].push_back(0.5 * j - 2);
    out["c"].push_back(j >= 4);
  }
  return out;
}

Reductions attention() {
  const Expr live = ir::where(c, x, lowest);
  return soft(live) + Reductions{sum_of("o", exp_(live - m) / l * v)};
}

TEST(Merge, IsAnExpressionOverTheTwoParts) {
  const auto passes = transform::make_online(attention(), kLeaves);
  const auto merge = transform::make_merge(passes[0]);
  ASSERT_EQ(merge.values.size(), 4u);
  const std::string top = passes[0].states[0].name, total = passes[0].states[1].name;
  EXPECT_EQ(merge.values[0].second, f(Op::Max, var(top + "@a"), var(top + "@b")));
  EXPECT_EQ(merge.values[1].first, "r_m'");
  const auto half = [&](const std::string& part) {
    return exp_(var("r_m" + part) - var("r_m'")) * var(total + part);
  };
  EXPECT_EQ(merge.values[2].second, half("@a") + half("@b"));
}

TEST(Merge, CommutesAndAssociates) {
  const auto passes = transform::make_online(attention(), kLeaves);
  const Columns columns = data();
  const Runner run(passes[0], columns, {});
  const Part a = run.stream({0, 5}, 12), b = run.stream({5, 9}, 12), c = run.stream({9, 12}, 12);
  const auto out = [&](const Part& part) { return run.finals(part).at("o"); };
  const double all = out(run.stream({0, 12}, 12));
  EXPECT_NEAR(out(run.merged(run.merged(a, b), c)), all, 1e-12);
  EXPECT_NEAR(out(run.merged(a, run.merged(b, c))), all, 1e-12);
  EXPECT_NEAR(out(run.merged(run.merged(c, a), b)), all, 1e-12);
}

TEST(Merge, APartWithoutALiveElementIsNeutral) {
  const auto passes = transform::make_online(attention(), kLeaves);
  const Columns columns = data();
  const Runner run(passes[0], columns, {});
  const Part none = run.stream({}, 12), masked = run.stream({0, 4}, 12);
  const Part some = run.stream({4, 12}, 12);
  const double want = run.finals(some).at("o");
  for (const Part& empty : {none, masked}) {
    EXPECT_DOUBLE_EQ(run.finals(run.merged(empty, some)).at("o"), want);
    EXPECT_DOUBLE_EQ(run.finals(run.merged(some, empty)).at("o"), want);
  }
}

}  // namespace
}  // namespace flashlight::test
