// What the fast loops of the tensor-core and the Hopper path must not get wrong: values far apart,
// NaN, infinities, nothing at all, other layouts and widths.
#include <gtest/gtest.h>

#include "unit/codegen/cuda/emulated.h"
#include "unit/codegen/cuda/fragment_run.h"

namespace flashlight::test {
namespace {

const FragmentRun::Edit kAsDrawn = {};

ir::Program program(const std::string& name, const FragmentRun& run) {
  return ir::parse(fragment_program(name).str(run.type));
}

void expect_right(FragmentRun run, const std::string& name, int64_t length,
                  const FragmentRun::Edit& edit = kAsDrawn, const std::string& what = "") {
  const ir::Program p = program(name, run);
  EXPECT_LE(run.error(p, {{"S", length}, {"J", 70}}, edit), run.tolerance(length))
      << name << " " << run.path << " " << run.type << " " << what;
  EXPECT_TRUE(run.refused.empty()) << run.refused.at(0);
}

std::vector<FragmentRun> both(const std::string& type = "bf16") {
  return {FragmentRun::tensor_core(type), FragmentRun::hopper(type)};
}

TEST(FragmentSpecial, HugeScores) {
  const auto huge = [](std::vector<ir::Array>& inputs) {
    for (double& x : inputs[0].data) x *= 1e30;
  };
  for (const FragmentRun& run : both())
    for (const char* name : {"full", "causal"}) expect_right(run, name, 200, huge);
}

TEST(FragmentSpecial, KeysThatComeLateAndWeighAll) {
  for (const char* type : {"bf16", "f16"})
    for (const FragmentRun& run : both(type))
      for (double above : {8., 16., 30., 50., 800.})
        for (const char* name : {"full", "causal"})
          expect_right(run, name, 200, early_keys_above(above), std::to_string(above));
}

/// A float32 sum over all keys rounds as often as there are keys; sums of tiles, and of halves of
/// the channels, keep the error below that of eager PyTorch.
TEST(FragmentSpecial, SumsInFloat32AreShort) {
  FragmentRun run = FragmentRun::tensor_core("f32", 32);
  const ir::Program p = program("full", run);
  EXPECT_LE(run.error(p, {{"S", 500}}), 7.5e-7);  // 8.3e-7 in one long sum
}

/// A quotient of two products shows no reference, and no sum that would tell of an overflow.
TEST(FragmentSpecial, NothingIsFrozenThatNoSumWatches) {
  const std::string text =
      "symbol S = 70\ninput q : bf16[2, S, 16]\ninput k : bf16[2, S, 16]\n"
      "input v : bf16[2, S, 16]\ninput u : bf16[2, S, 16]\n"
      "compute s[h:2, i:S, j:S] : f32 = sum[d:16] q[h,i,d]*k[h,j,d]\n"
      "compute m[h:2, i:S] : f32 = max[j:S] s[h,i,j]\n"
      "compute e[h:2, i:S, j:S] : f32 = exp(s[h,i,j] - m[h,i])\n"
      "compute a[h:2, i:S, c:16] : f32 = sum[j:S] e[h,i,j]*v[h,j,c]\n"
      "compute b[h:2, i:S, c:16] : f32 = sum[j:S] e[h,i,j]*u[h,j,c]\n"
      "compute o[h:2, i:S, c:16] : bf16 = a[h,i,c] / b[h,i,c]\noutput o\n";
  const auto edit = [](std::vector<ir::Array>& inputs) {
    early_keys_above(800)(inputs);
    for (double& x : inputs[3].data) x = std::fabs(x) + 0.5;
  };
  const ir::Program p = ir::parse(text);
  FragmentRun run = FragmentRun::hopper("bf16");
  EXPECT_LE(run.error(p, {{"S", 200}}, edit), run.tolerance(200));
  ASSERT_TRUE(run.refused.empty()) << run.refused.at(0);
  EXPECT_EQ(run.sources.at(0).text.find("references frozen"), std::string::npos);
  FragmentRun full = FragmentRun::hopper("bf16");  // whereas here one does
  full.make(program("full", full));
  EXPECT_NE(full.sources.at(0).text.find("references frozen"), std::string::npos);
}

/// The Hopper path keeps the reference of the first tile that it sees, which is the last one. Where
/// that was too small the unit is posted again: without that the result is wrong.
TEST(FragmentSpecial, UnitsThatOverflowAreDoneAgain) {
  for (int groups : {1, 3})
    for (double above : {50., 800.}) {
      FragmentRun run = FragmentRun::hopper("bf16", groups);
      const ir::Program p = program("full", run);
      run.make(p);
      for (uint32_t seed : {0u, 1u, 2u}) {
        run.options.seed = seed;
        EXPECT_LE(run.error(p, {{"S", 300}}, early_keys_above(above)), run.tolerance(300));
      }
      if (above < 100) continue;  // what counts as too large is below what float32 can hold
      std::string& text = run.sources.at(0).text;
      text = mutate(text, "w.unit >= 0 && !w.tracked && ", "false && ");
      EXPECT_GT(run.error(p, {{"S", 300}}, early_keys_above(above)), 0.1) << groups;
    }
}

/// The program, made for a length at which TMA can bring its rows.
ir::Program made(const std::string& name, FragmentRun& run) {
  ir::Program p = program(name, run);
  for (ir::SymbolInfo& s : p.symbols) s.hint = 200;
  run.make(p);
  return p;
}

/// A row that a mask of finite entries leaves no key: all weigh the same, in the first tile, which
/// sets the reference, and in those that keep it.
TEST(FragmentSpecial, RowsOfOneLargeScore) {
  for (const double fill : {-5e3, -3e4, -1e6, -1e9, -1e15, -1e30})
    for (const char* name : {"additive_mask", "finite_mask", "full"})
      for (int groups : {0, 2, 4}) {
        const bool scaled = std::string(name) != "additive_mask";
        FragmentRun run = groups ? FragmentRun::hopper("bf16", groups) : FragmentRun::tensor_core();
        const auto edit = [&](std::vector<ir::Array>& inputs) {
          const int64_t length = inputs[0].shape[1], dim = inputs[0].shape[2];
          for (size_t e = 0; e < inputs[0].data.size(); ++e)
            if (int64_t(e) / dim % length % 64 == 5)
              inputs[0].data[e] = scaled && int64_t(e) % dim == 0 ? fill : 0;
          for (size_t e = 0; e < inputs[3 - scaled].data.size() && !scaled; ++e)
            if (int64_t(e) / length % length % 64 == 5) inputs[3].data[e] = fill;
          for (size_t e = 0; e < inputs[1].data.size() && scaled; ++e)
            if (int64_t(e) % dim == 0) inputs[1].data[e] = 8;
        };
        expect_right(run, name, 200, edit, std::to_string(fill));
      }
}

/// The same for all rows of a sequence that is nothing but padding, beside a bias that is zero
/// there.
TEST(FragmentSpecial, SequencesOfPadding) {
  for (const double fill : {-3e4, -1e9, -1e15, -1e30, -3.3e38})
    for (int groups : {2, 4}) {
      FragmentRun run = FragmentRun::hopper("bf16", groups);
      const ir::Program p = made("pair_bias", run);
      EXPECT_NE(run.sources.at(0).text.find("(tracked)"), std::string::npos) << "no start";
      const auto edit = [&](std::vector<ir::Array>& inputs) {
        for (size_t k : {0, 3, 4})  // queries, padding, bias: of the first of two heads
          std::fill_n(inputs[k].data.begin(), inputs[k].data.size() / 2, k == 3 ? fill : 0);
      };
      EXPECT_LE(run.error(p, {{"S", 264}}, edit), run.tolerance(264)) << fill << " " << groups;
      if (fill != -1e15) continue;  // where sums of what is wrong do not overflow
      run.sources.at(0).text = mutate(run.sources.at(0).text, ") < 32768.f)", ") < 1e38f)");
      EXPECT_GT(run.error(p, {{"S", 264}}, edit), 0.1) << "references may be as large";
    }
}

/// Scores start from a bias divided by their scale, which overflows for the largest of them: such
/// rows are done again, and the bias is added last.
TEST(FragmentSpecial, BiasesAtTheEndOfTheRange) {
  const auto edit = [](std::vector<ir::Array>& inputs) {
    ir::Array& b = inputs.size() > 4 ? inputs[4] : inputs[3];
    const int64_t length = b.shape.back();
    for (int64_t j = 0; j < length; ++j) b.data[size_t(5 * length + j)] = -3.3e38;
    for (int64_t j = 0; j < length; ++j) b.data[size_t(70 * length + j)] = j < 9 ? -1e38 : -3e38;
    b.data[size_t(100 * length + 3)] = 1e38;
    b.data[size_t(100 * length + 150)] = 3e38;
    b.data[size_t(140 * length + 150)] = -3e38;
  };
  for (const char* name : {"additive_mask", "pair_bias"})
    for (int groups : {2, 4}) {
      FragmentRun run = FragmentRun::hopper("bf16", groups);
      ir::Program p = program(name, run);
      for (ir::SymbolInfo& s : p.symbols) s.hint = 200;  // whose rows TMA can bring
      run.make(p);
      EXPECT_NE(run.sources.at(0).text.find("* 8.0f"), std::string::npos) << "no start";
      EXPECT_LE(run.error(p, {{"S", 200}, {"J", 70}}, edit), run.tolerance(200)) << name;
      run.sources.at(0).text = mutate(run.sources.at(0).text, "if (tracked)", "if (false)");
      EXPECT_GT(run.error(p, {{"S", 200}, {"J", 70}}, edit), 0.1) << name << ": nothing was redone";
    }
}

/// Bias tiles in the ring of the keys: the scores of a unit's first tile start while the unit
/// before ends, whatever the order of loads and warpgroups.
TEST(FragmentSpecial, ScoresStartFromBiasTiles) {
  for (const char* name : {"additive_mask", "pair_bias", "two_biases"})
    for (int groups : {1, 2, 4}) {
      FragmentRun run = FragmentRun::hopper("bf16", groups);
      run.stages = 2 + groups % 2;
      ir::Program p = program(name, run);
      for (ir::SymbolInfo& s : p.symbols) s.hint = 200;
      run.make(p);
      EXPECT_NE(run.sources.at(0).text.find("(tracked)"), std::string::npos) << "no start";
      for (uint32_t seed = 0; seed < 2; ++seed) {
        run.options.seed = seed;
        run.options.multiprocessors = 1 + static_cast<int>(seed);
        const int64_t length = seed == 0 ? 72 : 264;
        EXPECT_LE(run.error(p, {{"S", length}, {"J", 70}}), run.tolerance(length))
            << name << " " << groups << " " << seed;
      }
    }
}

TEST(FragmentSpecial, EveryOrderOfProducerAndConsumers) {
  for (int groups : {1, 2, 3, 4}) {
    FragmentRun run = FragmentRun::hopper("bf16", groups);
    run.stages = 2 + groups % 2;
    const ir::Program p = program("causal", run);
    run.make(p);
    for (uint32_t seed = 1; seed <= 4; ++seed) {
      run.options.seed = seed;
      run.options.multiprocessors = static_cast<int>(seed);
      EXPECT_LE(run.error(p, {{"S", 260}}), run.tolerance(260)) << groups << " " << seed;
    }
  }
}

/// Teams claim units of their own and share nothing, so that any of them may be ahead.
TEST(FragmentSpecial, TeamsOfWarpgroups) {
  for (const char* name : {"causal", "window", "chunked", "two_maps", "pair_bias"})
    for (int groups : {1, 2}) {
      FragmentRun run = FragmentRun::hopper("bf16", groups);
      run.teams = 2, run.stages = 2 + groups % 2;
      const ir::Program p = made(name, run);
      ASSERT_TRUE(run.refused.empty()) << name << ": " << run.refused.at(0);
      for (uint32_t seed = 1; seed <= 3; ++seed) {
        run.options.seed = seed;
        run.options.multiprocessors = static_cast<int>(seed);
        const int64_t length = seed == 1 ? 72 : 264;
        EXPECT_LE(run.error(p, {{"S", length}, {"J", 70}}), run.tolerance(length))
            << name << " " << groups << " " << seed;
      }
    }
}

TEST(FragmentSpecial, NanAndInfinity) {
  for (const FragmentRun& run : both())
    for (const char* name : {"full", "causal"})
      for (size_t input : {0, 1, 2})  // v: masked values need not spoil a row, see semantics.md
        for (double value : {std::nan(""), double(INFINITY)}) {
          if (input == 2 && std::string(name) == "causal") continue;
          const auto edit = [&](std::vector<ir::Array>& inputs) {
            inputs[input].data[70 * 64 + 5] = value;
          };
          expect_right(run, name, 130, edit, std::to_string(input) + " " + std::to_string(value));
        }
}

TEST(FragmentSpecial, RowsWithoutAKey) {
  const auto dead = [](std::vector<ir::Array>& inputs) {  // rows 3 to 9, and a whole row tile
    ir::Array& b = inputs[3];
    for (size_t e = 0; e < b.data.size(); ++e) {
      const size_t row = e / 200 % 200;
      if ((row >= 3 && row < 10) || row >= 128) b.data[e] = 0;
    }
  };
  for (FragmentRun run : both()) {
    expect_right(run, "boolean_mask", 200, dead);
    // softmax(..).masked_fill(mask, 0): zeros where there was NaN
    FragmentProgram zeroed = fragment_program("boolean_mask");
    zeroed.weight = "where(b[h,i,j], e[h,i,j] / l[h,i], 0.0)";
    EXPECT_LE(run.error(ir::parse(zeroed.str(run.type)), {{"S", 200}}, dead), run.tolerance(200));
    EXPECT_TRUE(run.refused.empty());
  }
}

TEST(FragmentSpecial, FiniteFillsRedoARowThatSawNothingElse) {
  FragmentProgram mask{.name = "finite"};
  mask.inputs = "input b : bool[S]\n";
  mask.score = "where(and(b[i], j <= i), s[h,i,j] * 0.125, -1000000000.0)";
  FragmentRun run;
  const ir::Program p = ir::parse(mask.str(run.type));
  EXPECT_LE(run.error(p, {{"S", 200}}), run.tolerance(200));
}

TEST(FragmentSpecial, NoRowsOrNoKeys) {
  for (FragmentRun run : both()) {
    const ir::Program full = program("full", run);
    EXPECT_EQ(run.error(full, {{"S", 0}}), 0) << run.path;
  }
  FragmentRun run;
  const ir::Program cross = program("cross", run);
  EXPECT_EQ(run.error(cross, {{"S", 20}, {"J", 0}}), 0);
}

TEST(FragmentSpecial, AnyLayoutAndAlignment) {
  FragmentRun run;
  run.aligned = false;
  expect_right(run, "causal", 129);
  run.unit_strides = false;
  expect_right(run, "causal", 129);
  run = {};
  run.aligned = false;
  run.options.order = {{"q", {1, 0, 2}}, {"k", {0, 2, 1}}, {"v", {2, 1, 0}}, {"o", {1, 0, 2}}};
  expect_right(run, "causal", 129);
  for (FragmentRun by_heads : both()) {  // heads inside, as projections leave them: aligned
    by_heads.options.order = {
        {"q", {1, 0, 2}}, {"k", {1, 0, 2}}, {"v", {1, 0, 2}}, {"o", {1, 0, 2}}};
    expect_right(by_heads, "causal", 129);
  }
}

/// Strides over them are constants too.
TEST(FragmentSpecial, KeysOfAConstantLength) {
  for (const char* path : {"hopper", "tensor_core"}) {
    FragmentProgram text{.name = "fixed", .keys = "150"};
    FragmentRun run = FragmentRun::hopper();
    run.path = path;
    EXPECT_LT(run.error(ir::parse(text.str("bf16")), {{"S", 70}, {"J", 1}}), run.tolerance(150));
    EXPECT_TRUE(run.refused.empty()) << run.refused.at(0);
  }
}

TEST(FragmentSpecial, TheCopyEngineNeedsAlignment) {
  FragmentRun run = FragmentRun::hopper();
  run.aligned = false;
  run.make(program("causal", run));
  ASSERT_EQ(run.refused.size(), 1u);
  EXPECT_NE(run.refused[0].find("is not copied as it lies"), std::string::npos) << run.refused[0];
}

void expect_widths(FragmentRun run, int dim, int value_dim) {
  FragmentProgram wide{.name = "wide"};
  wide.score = "where(j <= i, s[h,i,j] * 0.09, -inf)";
  wide.dim = dim, wide.value_dim = value_dim;
  const ir::Program p = ir::parse(wide.str(run.type));
  EXPECT_LE(run.error(p, {{"S", 140}}), run.tolerance(140))
      << run.path << " " << dim << " " << value_dim;
  EXPECT_TRUE(run.refused.empty()) << run.refused.at(0);
}

// Lengths are multiples of 8, as rows of 16-byte pieces must be.
TEST(FragmentSpecial, BiasTilesComeThroughTheRing) {
  for (const char* name : {"additive_mask", "pair_bias"})
    for (const auto& [groups, stages, columns] :
         std::vector<std::tuple<int, int, int64_t>>{{1, 3, 128}, {2, 2, 128}, {4, 2, 64}}) {
      std::string text = fragment_program(name).str("bf16");
      text.replace(text.find("S = 100"), 7, "S = 128");
      const ir::Program p = ir::parse(text);
      FragmentRun run = FragmentRun::hopper("bf16", groups);
      run.stages = stages, run.loop_tile = columns;
      run.make(p);
      ASSERT_TRUE(run.refused.empty()) << run.refused[0];
      EXPECT_NE(run.sources[0].text.find("tile_row"), std::string::npos);
      EXPECT_EQ(run.sources[0].text.find("pair0"), std::string::npos);
      for (int64_t length : {8, 136, 264})
        EXPECT_LE(run.error(p, {{"S", length}, {"J", 70}}), run.tolerance(length)) << length;
    }
}

TEST(FragmentSpecial, Widths) {
  const std::pair<int, int> widths[] = {{16, 16},   {40, 40},   {80, 80},   {96, 96},  {112, 112},
                                        {128, 128}, {192, 128}, {256, 256}, {72, 136}, {64, 24}};
  for (const auto& [dim, value_dim] : widths) {
    FragmentRun run;
    run.loop_tile = 32;
    expect_widths(run, dim, value_dim);
    run = FragmentRun::hopper("bf16", dim > 128 ? 1 : 2);
    run.loop_tile = dim > 128 ? 32 : 64;
    expect_widths(run, dim, value_dim);
  }
  FragmentRun odd;  // rows that are no multiple of 16 bytes
  odd.aligned = false;
  for (int dim : {20, 33}) expect_widths(odd, dim, dim);
}

}  // namespace
}  // namespace flashlight::test
