#include "transform/canonicalize.h"

#include <gtest/gtest.h>

#include "ir/rewrite.h"
#include "support/programs.h"

namespace flashlight {
namespace {

using transform::canonicalize;

int count_ops(const ir::Program& p, ir::Op op) {
  int n = 0;
  for (const ir::Computation& c : p.computations)
    ir::visit(c.body, [&](ir::Expr e) { n += e->op == op && c.op != ir::Reduce::None; });
  return n;
}

TEST(Canonicalize, KeepsTheMeaningOfAttentionAsPyTorchSpellsIt) {
  ir::Program p = ir::parse(test::kCausalAttention), c = canonicalize(p);
  for (int64_t s : {1, 9, 17}) {
    ir::Bindings sizes{{"B", 2}, {"S", s}};
    auto inputs = test::random_inputs(p, sizes);
    EXPECT_LT(test::largest_error(ir::interpret(c, inputs, sizes), ir::interpret(p, inputs, sizes)),
              1e-12);
  }
}

TEST(Canonicalize, LeavesOnlyReductionsAndOutputs) {
  ir::Program c = canonicalize(ir::parse(test::kCausalAttention));
  ASSERT_EQ(c.computations.size(), 5u);  // s, m, l, o and the output
  EXPECT_EQ(c.computations.back().name, "om");
}

TEST(Canonicalize, SplitsFlattenedAxesSoThatNoDivisionIsLeft) {
  ir::Program c = canonicalize(ir::parse(test::kCausalAttention));
  EXPECT_EQ(count_ops(c, ir::Op::FloorDiv) + count_ops(c, ir::Op::Mod), 0);
  EXPECT_EQ(c.computation("s")->axes.size(), 4u);  // b, h, i, j from [B*3, S, S]
  EXPECT_EQ(c.computation("m")->axes.size(), 3u);  // keepdim is gone
}

TEST(Canonicalize, IsIdempotent) {
  ir::Program c = canonicalize(ir::parse(test::kCausalAttention));
  EXPECT_EQ(ir::print(canonicalize(c)), ir::print(c));
}

TEST(Canonicalize, GroupedHeadsHaveOneFormWhateverTheSpelling) {
  const std::string head =
      "symbol S = 8\nsymbol G = 2\ninput q : f32[3*G, S, 4]\ninput k : f32[3, S, 4]\n";
  const std::string tail =
      "compute s[h:3*G, i:S, j:S] : f32 = sum[d:4] q[h,i,d]*kr[h,j,d]\n"
      "compute o[h:3*G, i:S] : f32 = max[j:S] s[h,i,j]\noutput o\n";
  std::string repeat = "compute kr[h:3*G, j:S, d:4] : f32 = k[h//G, j, d]\n";
  std::string expand =
      "compute ke[h:3, g:G, j:S, d:4] : f32 = k[h, j, d]\n"
      "compute kr[x:3*G, j:S, d:4] : f32 = ke[x//G, x%G, j, d]\n";
  EXPECT_EQ(ir::print(canonicalize(ir::parse(head + repeat + tail))),
            ir::print(canonicalize(ir::parse(head + expand + tail))));
}

TEST(Canonicalize, SharesReductionsThatAreWrittenTwice) {
  ir::Program c = canonicalize(
      ir::parse("input x : f32[4, 5]\n"
                "compute a[i:4] : f32 = max[j:5] x[i,j]\ncompute b[k:4] : f32 = max[n:5] x[k,n]\n"
                "compute o[i:4] : f32 = a[i] + b[i]\noutput o\n"));
  EXPECT_EQ(c.computations.size(), 2u);
}

}  // namespace
}  // namespace flashlight
