// Values over all heads that a tile needs for one of them are made once, with the heads whole in
// it.
#include "tile/share_rows.h"

#include <gtest/gtest.h>

#include "support/programs.h"
#include "tile/interpret.h"
#include "tile/lower.h"
#include "transform/canonicalize.h"
#include "transform/stream.h"

namespace flashlight {
namespace {

using namespace ir;

/// `top` and `weight` say what becomes of the scores s[h, i, j].
Program over_heads(const std::string& top, const std::string& weight, int heads = 3) {
  const std::string H = std::to_string(heads);
  return parse("symbol S = 40\nsymbol T = 50\ninput q : f32[" + H + ", S, 8]\ninput k : f32[" + H +
               ", T, 8]\ninput v : f32[" + H + ", T, 4]\n" + "compute s[h:" + H +
               ", i:S, j:T] : f32 = sum[d:8] q[h, i, d] * k[h, j, d]\n" +
               "compute m[i:S, j:T] : f32 = " + top + "\n" + "compute o[h:" + H +
               ", i:S, e:4] : f32 = sum[j:T] (" + weight + ") * v[h, j, e]\noutput o\n");
}

std::vector<std::string> repeated(const Program& p) {
  return tile::repeated_rows(transform::stream(transform::canonicalize(p)).at(0));
}

/// Products of the kernel, and how far its results are from the program's.
std::pair<size_t, double> kernel_of(const Program& p) {
  const Stream s = transform::stream(transform::canonicalize(p)).at(0);
  const tile::Target target;
  const tile::Kernel k = tile::lower(s, tile::choose_schedule(s, {}, target), {}, target);
  const Bindings sizes = {{"S", 40}, {"T", 50}};
  const auto inputs = test::random_inputs(p, sizes);
  std::vector<Array> by_name;
  for (const Input& i : k.inputs)
    for (size_t n = 0; n < p.inputs.size(); ++n)
      if (p.inputs[n].name == i.name) by_name.push_back(inputs[n]);
  return {k.passes.at(0).contractions.size(),
          test::largest_error(tile::interpret(k, by_name, sizes), interpret(p, inputs, sizes))};
}

TEST(ShareRows, ScoresOfAllHeadsAreMadeOnce) {
  const Program p = over_heads("max[h:3] s[h, i, j]", "exp(s[h, i, j] - m[i, j])");
  EXPECT_EQ(repeated(p).size(), 1u);
  const auto [products, error] = kernel_of(p);
  EXPECT_EQ(products, 1u);
  EXPECT_LT(error, 1e-10);
}

TEST(ShareRows, WhatNeedsTwoHeadsAtATimeIsNotShared) {
  const Program p = parse(R"(
symbol S = 40
symbol T = 50
input q : f32[3, S, 8]
input k : f32[3, T, 8]
input v : f32[3, T, 4]
compute s[h:3, i:S, j:T] : f32 = sum[d:8] q[h, i, d] * k[h, j, d]
compute m[h:3, i:S, j:T] : f32 = sum[g:3] s[h, i, j] * s[g, i, j]
compute o[h:3, i:S, e:4] : f32 = sum[j:T] m[h, i, j] * v[h, j, e]
output o
)");
  EXPECT_TRUE(repeated(p).empty());
  EXPECT_LT(kernel_of(p).second, 1e-10);
}

TEST(ShareRows, ManyHeadsStayUnitsOfTheirOwn) {
  const Program p = over_heads("max[h:36] s[h, i, j]", "exp(s[h, i, j] - m[i, j])", 36);
  EXPECT_TRUE(repeated(p).empty());
  EXPECT_LT(kernel_of(p).second, 1e-10);
}

TEST(ShareRows, OneHeadAloneRepeatsNothing) {
  EXPECT_TRUE(
      repeated(over_heads("max[d:8] q[0, i, d] + k[0, j, d]", "m[i, j] + s[h, i, j]")).empty());
}

}  // namespace
}  // namespace flashlight
