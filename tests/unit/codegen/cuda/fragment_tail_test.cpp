// Columns past the last key, in the last tile: whatever is made of them weighs nothing.
#include <gtest/gtest.h>

#include "unit/codegen/cuda/fragment_run.h"

namespace flashlight::test {
namespace {

const std::string kDocuments = "input d : i64[S]\ninput c : i64[S]\n";  // 23 keys in each

/// Weights over their sum, of products t (and t2) of queries and keys.
FragmentProgram normalised(const std::string& name, const std::string& inputs,
                           const std::string& weight) {
  FragmentProgram p{.name = name};
  p.inputs = inputs +
             "compute t[h:2, i:S, j:S] : f32 = sum[d:64] q[h,i,d]*k[h,j,d]\n"
             "compute w[h:2, i:S, j:S] : f32 = " +
             weight + "\ncompute lw[h:2, i:S] : f32 = sum[j:S] w[h,i,j]\n";
  p.weight = "w[h,i,j] / (lw[h,i] + 1.0)";
  return p;
}

struct Tail {
  FragmentProgram program;
  FragmentRun::Edit edit = {};
};

/// Input number `at`, every value of it: by its place.
FragmentRun::Edit set(size_t at, double (*value)(size_t)) {
  return [=](std::vector<ir::Array>& inputs) {
    std::vector<double>& data = inputs.at(at).data;
    for (size_t e = 0; e < data.size(); ++e) data[e] = value(e);
  };
}

/// What a score of -inf would not do in each of them.
std::vector<Tail> tails() {
  return {
      // A bounded score is not below the others, but the mask says so in other documents.
      {{.name = "softcap",
        .inputs = kDocuments,
        .score = "where(d[i] == c[j], 2.0 * tanh(s[h,i,j] * 0.0625), -inf)"}},
      // The factor comes from data.
      {{.name = "negative", .inputs = "input w : T[2]\n", .score = "s[h,i,j] * w[h]"},
       set(3, [](size_t e) { return -0.1 - 0.1 * double(e); })},
      {{.name = "zero", .inputs = "input w : T[2]\n", .score = "s[h,i,j] * w[h]"},
       set(3, [](size_t e) { return 0.1 * double(e); })},
      {normalised("relu of bounded", "input b : T[S, S]\n",
                  "max(2.0 * tanh(t[h,i,j] * 0.0625) + b[i,j], 0.0)"),
       set(3, [](size_t e) { return double(e % 7) - 2; })},
      {normalised("product",
                  kDocuments + "input k2 : T[2, S, 64]\n"
                               "compute t2[h:2, i:S, j:S] : f32 = sum[d:64] q[h,i,d]*k2[h,j,d]\n",
                  "max(where(d[i] == c[j], t[h,i,j] * t2[h,i,j] * 0.01, -inf), 0.0)")},
      {{.name = "gated",
        .inputs = kDocuments,
        .score = "where(d[i] == c[j], s[h,i,j] * sigmoid(s[h,i,j]) * 0.125, -inf)"}},
  };
}

TEST(FragmentTail, ColumnsPastTheEndWeighNothing) {
  for (const Tail& t : tails())
    for (FragmentRun run : {FragmentRun::tensor_core(), FragmentRun::hopper()})
      for (int64_t length : {1, 17, 97, 130}) {
        const ir::Program p = ir::parse(t.program.str(run.type));
        EXPECT_LE(run.error(p, {{"S", length}, {"J", 70}}, t.edit), run.tolerance(length))
            << t.program.name << " " << run.path << " " << length;
      }
}

}  // namespace
}  // namespace flashlight::test
