#include <gtest/gtest.h>

#include "ir/rewrite.h"
#include "unit/tile/attention_kernel.h"

namespace flashlight::tile {
namespace {

TEST(PrintKernel, ShowsWhatRunsWhere) {
  const std::string text =
      print(test::attention("j <= i", "where(live[i,j], s[h,i,j], -inf)").kernel);
  for (const char* line :
       {"kernel attention", "grid h < 2;", "rows i < S; by 4", "loop j < T; by 4, panels of 2",
        "pack keys[d, j] (panel) = k[h, j, d]", "pass 0: j in [0, min(", "no mask in [0, min(",
        "before s[i, j] (scratch) = sum(d) rows x keys", "after p[i, j] (scratch, over x) = exp(",
        "reference r[i] = -inf, then m; ends as m", "move o by exp(r - r') of o",
        "state o[i, c] = sum(j) p x values", "in full tiles before x[i, j] (inline) = s[i, j]",
        "final out[i, c] = o / l", "store out[h, i, c] : f32 = out[i, c]"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nis not in\n" << text;
}

}  // namespace
}  // namespace flashlight::tile
