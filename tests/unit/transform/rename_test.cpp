#include "transform/rename.h"

#include <gtest/gtest.h>

#include "support/programs.h"

namespace flashlight {
namespace {

using transform::rename;

const char* kNamed = R"(symbol s7 = 20
input query_5 : f32[s7, 8]
input mask : bool[s7]
compute bmm_3[i:s7, j:s7] : f32 = sum[d:8] query_5[i,d] * query_5[j,d]
compute amax_2[i:s7] : f32 = max[j:s7] where(mask[j], bmm_3[i,j], -inf)
compute view_9[i:s7] : f32 = amax_2[i] + 1.0
output view_9
)";

const char* kByPosition = R"(symbol size0 = 20
input in0 : f32[size0, 8]
input in1 : bool[size0]
compute dot0[i:size0, j:size0] : f32 = sum[d:8] in0[i,d] * in0[j,d]
compute max0[i:size0] : f32 = max[j:size0] where(in1[j], dot0[i,j], -inf)
compute out0[i:size0] : f32 = max0[i] + 1.0
output out0
)";

TEST(Rename, NamesAreByPosition) {
  EXPECT_EQ(rename(ir::parse(kNamed)).program, ir::parse(kByPosition));
}

TEST(Rename, IsIdempotent) {
  const ir::Program once = rename(ir::parse(test::kCausalAttention)).program;
  EXPECT_EQ(rename(once).program, once);
}

TEST(Rename, RemembersWhatTheCallerKnows) {
  const auto renamed = rename(ir::parse(kNamed));
  EXPECT_EQ(renamed.original.at("in1"), "mask");
  EXPECT_EQ(renamed.original.at("max0"), "amax_2");
}

TEST(Rename, SwappedNamesDoNotMeet) {
  const char* text =
      "input in1 : f32[3]\ninput in0 : f32[3]\n"
      "compute out0[] : f32 = sum[i:3] in1[i] - in0[i]\noutput out0\n";
  const ir::Program p = ir::parse(text);
  const auto inputs = test::random_inputs(p, {});
  EXPECT_EQ(test::largest_error(ir::interpret(rename(p).program, inputs, {}),
                                ir::interpret(p, inputs, {})),
            0);
}

}  // namespace
}  // namespace flashlight
