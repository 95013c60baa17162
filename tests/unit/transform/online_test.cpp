#include "transform/online.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "online_programs.h"
#include "online_run.h"
#include "transform/describe.h"

namespace flashlight::test {
namespace {

using transform::describe;
using transform::make_online;

const std::vector<Expr> kLeaves = {x, y, w, c, v};
const Env kConstants = {{"t", -0.7}};

Columns normal_data() {
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  Columns data;
  for (int j = 0; j < kN; ++j) {
    data["x"].push_back(normal(random) * 5 + 30);
    data["y"].push_back(normal(random) * 3);
    data["w"].push_back(normal(random) * 2 - 10);
    data["v"].push_back(normal(random));
    data["c"].push_back(j > 8 && random() % 3 != 0);  // the first blocks have no live element
  }
  return data;
}

/// Rises and falls far beyond what exp takes, so that a reference in the wrong place overflows.
Columns steep_data(double slope) {
  Columns data = normal_data();
  for (int j = 0; j < kN; ++j) {
    data["x"][j] = slope * (j - 40) + data["w"][j];
    data["y"][j] += slope * (j - 60);
    data["w"][j] -= slope * (j - 20);
  }
  return data;
}

void expect_same(const Program& program, const Columns& data, double tolerance) {
  const auto passes = make_online(program.reductions, kLeaves);
  const Env got = run_online(passes, data, kConstants, kN);
  const Env want = run_definition(program.reductions, data, kConstants, kN);
  for (const Reduction& r : program.reductions) {
    const double g = got.at(r.name), d = want.at(r.name);
    if (!std::isfinite(d)) continue;
    const double scale = std::max(std::fabs(d), 1e-30);
    EXPECT_LE(std::fabs(g - d) / scale, tolerance)
        << program.name << ": " << r.name << " = " << g << ", not " << d << "\n"
        << describe(passes);
  }
}

std::vector<Program> all_programs() {
  auto out = model_programs();
  for (auto& p : masked_programs()) out.push_back(p);
  for (auto& p : more_programs()) out.push_back(p);
  return out;
}

class Online : public testing::TestWithParam<Program> {};

TEST_P(Online, HasTheExpectedPasses) {
  const auto passes = make_online(GetParam().reductions, kLeaves);
  EXPECT_EQ(passes.size(), GetParam().passes) << describe(passes);
  size_t states = 0;
  for (const auto& pass : passes) states += pass.states.size();
  if (GetParam().states) {
    EXPECT_EQ(states, GetParam().states) << describe(passes);
  }
}

TEST_P(Online, AgreesWithTheDefinition) { expect_same(GetParam(), normal_data(), 1e-9); }

TEST_P(Online, StaysFiniteWhereTheDefinitionDoes) {
  expect_same(GetParam(), steep_data(20), 1e-7);
  expect_same(GetParam(), steep_data(-20), 1e-7);
}

// What eager makes of elements that are not finite: NaN stays NaN, and a row without a live element
// is NaN where the program divides by its sum.
TEST_P(Online, KeepsNaN) {
  Columns poisoned = normal_data();
  poisoned["x"][50] = NAN;
  poisoned["c"][50] = 1;
  Columns dead = normal_data();
  dead["c"].assign(dead["c"].size(), 0);
  for (const Columns& data : {poisoned, dead}) {
    const auto passes = make_online(GetParam().reductions, kLeaves);
    const std::string last = GetParam().reductions.back().name;
    const double got = run_online(passes, data, kConstants, kN).at(last);
    const double want = run_definition(GetParam().reductions, data, kConstants, kN).at(last);
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(got)) << got << "\n" << describe(passes);
    }
  }
}

std::string test_name(const testing::TestParamInfo<Program>& info) {
  std::string out = info.param.name;
  std::replace_if(out.begin(), out.end(), [](char ch) { return !std::isalnum(ch); }, '_');
  return out;
}

INSTANTIATE_TEST_SUITE_P(Programs, Online, testing::ValuesIn(all_programs()), test_name);

}  // namespace
}  // namespace flashlight::test
