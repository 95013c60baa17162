// What goes from one pass or tile to the next: names, references, sums that were too large.
#include <gtest/gtest.h>

#include "unit/codegen/cuda/fragment_run.h"

namespace flashlight::test {
namespace {

/// Passes have scopes of their own: what one hoists out of its loop is not there in the next one.
TEST(FragmentPasses, PassesThatHoistTheSame) {
  FragmentProgram of{.name = "normalised"};
  of.score = "(s[h,i,j] / 8.0 - u[h,i] * 0.125 / 100.0) * rsqrt(w[h,i] / 100.0 + 0.00001)";
  std::string text = of.str("bf16");
  text.insert(text.find("compute x["),
              "compute u[h:2, i:S] : f32 = sum[j:S] s[h,i,j]\n"
              "compute z[h:2, i:S, j:S] : f32 = s[h,i,j] / 8.0 - u[h,i] * 0.125 / 100.0\n"
              "compute w[h:2, i:S] : f32 = sum[j:S] z[h,i,j] * z[h,i,j]\n");
  FragmentRun run = FragmentRun::tensor_core();
  const ir::Program p = ir::parse(text);
  run.make(p);
  EXPECT_NE(run.sources.at(0).text.find("---- pass 2"), std::string::npos);
  EXPECT_LE(run.error(p, {{"S", 100}}), run.tolerance(100));
}

/// Bands whose first tile sees little, whose full tiles weigh far more than float16 holds, and
/// whose last tile, at the far end, moves the reference: the sum becomes small again, and must not
/// pass.
TEST(FragmentPasses, BandsThatOverflowBeforeAReferenceMoves) {
  for (const char* type : {"bf16", "f16"})
    for (int groups : {1, 2})
      for (double above : {8., 12., 14., 20., 90.}) {
        FragmentRun run = FragmentRun::hopper(type, groups);
        run.loop_tile = 16;
        std::string text = fragment_program("window").str(type);
        text.replace(text.find("< 50"), 4, "< 150");
        const ir::Program p = ir::parse(text);
        const double error = run.error(p, {{"S", 256}}, early_keys_above(above, 192));
        EXPECT_LE(error, run.tolerance(256)) << type << " " << groups << " " << above;
      }
}

}  // namespace
}  // namespace flashlight::test
