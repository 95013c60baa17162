#include "tile/interpret.h"

#include <gtest/gtest.h>

#include "ir/rewrite.h"
#include "support/error.h"
#include "support/programs.h"
#include "tile/lower.h"
#include "transform/canonicalize.h"
#include "transform/stream.h"
#include "unit/tile/attention_kernel.h"

namespace flashlight {
namespace {

using namespace ir;
using test::Attention;
using test::attention;

const char* const kSelected = "where(live[i,j], s[h,i,j], -inf)";
const char* const kAdded = "s[h,i,j] + where(live[i,j], 0.0, -3.4028234663852886e38)";

/// Largest difference between the scheduled kernel and the definition.
double error(const Attention& a, int64_t rows, int64_t columns, unsigned seed = 1) {
  const Bindings sizes = {{"S", rows}, {"T", columns}};
  const auto inputs = test::random_inputs(a.program, sizes, seed);
  return test::largest_error(tile::interpret(a.kernel, inputs, sizes),
                             interpret(a.program, inputs, sizes));
}

TEST(TileInterpret, CausalAttentionAgreesWithItsDefinition) {
  const Attention a = attention("j <= i", kSelected);
  tile::verify(a.kernel);
  for (const auto& [rows, columns] :
       {std::pair{1, 1}, {9, 9}, {13, 13}, {4, 8}, {17, 5}, {5, 17}, {1, 16}})
    EXPECT_LT(error(a, rows, columns), 1e-12) << rows << " x " << columns;
}

TEST(TileInterpret, TilesDoNotChangeTheResult) {
  Attention a = attention("and(j <= i, i < j + 5)", kSelected);
  for (const auto& [rows, columns, panel] :
       {std::tuple{1, 2, 2}, {3, 6, 3}, {64, 64, 16}, {2, 5, 5}}) {
    a.kernel.schedule.row_tile = rows;
    a.kernel.schedule.loop_tile = columns;
    a.kernel.schedule.panel = panel;
    EXPECT_LT(error(a, 21, 21), 1e-12) << rows << " x " << columns;
  }
}

TEST(TileInterpret, RowsThatSeeNothingAreNaNAsInTheDefinition) {
  for (const char* live : {"j < i - 3", "mask[i,j]"}) {
    Attention a = attention(live, kSelected);
    // Their log-sum-exp is -inf here and, spelled like this, NaN in the definition.
    a.program.outputs.pop_back();
    a.kernel.outputs.pop_back();
    EXPECT_LT(error(a, 13, 6), 1e-12) << live;  // NaN has to meet NaN
  }
}

TEST(TileInterpret, RowsWithoutALiveEntryAreDoneAgainUnderAFiniteFill) {
  Attention a = attention("j < i - 3", kAdded);
  const Expr m = symbol("m", Type::F32);
  a.kernel.passes[0].certificate = binary(Op::Lt, unary(Op::Neg, m), constant(1e38, Type::F32));
  tile::verify(a.kernel);
  EXPECT_LT(error(a, 13, 13), 1e-12);
  a.kernel.passes[0].certificate = Expr();
  EXPECT_GT(error(a, 13, 13), 1e-3);  // the mean of all values, not of none
}

TEST(TileInterpret, AnEmptyLoopGivesTheIdentities) {
  const Attention a = attention("j <= i", kSelected);
  const Bindings sizes = {{"S", 3}, {"T", 0}};
  const auto inputs = test::random_inputs(a.program, sizes);
  const auto got = tile::interpret(a.kernel, inputs, sizes);
  EXPECT_EQ(test::largest_error(got, interpret(a.program, inputs, sizes)), 0);
  for (double x : got[0].data) EXPECT_EQ(x, 0);
  EXPECT_TRUE(tile::interpret(a.kernel, test::random_inputs(a.program, {{"S", 0}, {"T", 3}}),
                              {{"S", 0}, {"T", 3}})[0]
                  .data.empty());
}

TEST(TileInterpret, AWrongRangeShows) {
  Attention late = attention("j <= i", kSelected);
  late.kernel.passes[0].live.hi = symbol("i.lo");
  EXPECT_GT(error(late, 9, 9), 1e-3);
  Attention full = attention("j <= i", kSelected);
  full.kernel.passes[0].full.hi = symbol("T");
  EXPECT_GT(error(full, 9, 9), 1e-3);
}

TEST(TileInterpret, AWrongContractionShows) {
  Attention a = attention("j <= i", kSelected);
  a.kernel.passes[0].contractions[0].combine =
      symbol("a", Type::F32) * symbol("b", Type::F32) * constant(2, Type::F32);
  EXPECT_GT(error(a, 9, 9), 1e-3);
}

TEST(TileInterpret, AliasesReallyShareMemory) {
  Attention a = attention("j <= i", kSelected);
  // Reads the scores again after the weights were written over them.
  a.kernel.passes[0].states[1].body = unary(
      Op::Exp, test::Parts::f("x", {test::Parts().i, test::Parts().j}) - symbol("r", Type::F32));
  EXPECT_GT(error(a, 9, 9), 1e-3);
  a.kernel.passes[0].after[0].alias.clear();
  EXPECT_LT(error(a, 9, 9), 1e-12);
}

TEST(TileInterpret, PacksAreMadeOncePerTheirAxes) {
  Attention a = attention("j <= i", kSelected);
  a.kernel.pack_axes = 0;  // but they depend on h
  EXPECT_THROW(error(a, 9, 9), InternalError);
}

TEST(TileInterpret, RefusesInputsOfAnotherShape) {
  const Attention a = attention("j <= i", kSelected);
  auto inputs = test::random_inputs(a.program, {{"S", 4}, {"T", 4}});
  EXPECT_THROW(tile::interpret(a.kernel, inputs, {{"S", 4}, {"T", 5}}), Refused);
}

/// sum_j (x - mean)^2: a reference that follows an extrapolated sum, and moves with two terms.
TEST(TileInterpret, StatesMoveByEveryTermOfTheirRow) {
  const test::Parts a;
  const Expr x = a.f("x", {a.i, a.j}), r = a.row("r"), to = a.row("r'");
  const Expr n = cast(a.j->extent(), Type::F32), two = constant(2, Type::F32);
  const Program program = parse(
      "symbol S = 9\nsymbol T = 9\ninput x : f32[S, T]\n"
      "compute sum[i:S] : f32 = sum[j:T] x[i,j]\n"
      "compute var[i:S] : f32 = sum[j:T] (x[i,j] - sum[i] / f32(T)) * "
      "(x[i,j] - sum[i] / f32(T))\noutput var\n");
  tile::Kernel k;
  k.name = "variance";
  k.schedule.row_tile = 4, k.schedule.loop_tile = 4, k.schedule.panel = 2;
  k.symbols = program.symbols, k.inputs = program.inputs;
  k.tiled = {a.i}, k.loop = a.j;
  tile::Pass pass;
  const Expr zero = constant(int64_t{0}), one = constant(1, Type::F32);
  pass.live = pass.full = {zero, a.j->extent()};
  pass.references = {
      {"r", "mean", a.row("sum") / n / a.row("share"), constant(0, Type::F32), {a.i}}};
  pass.states = {{"sum", Type::F32, Reduce::Sum, {a.i}, x, Expr(), std::nullopt, {}, {}},
                 {"count", Type::F32, Reduce::Sum, {a.i}, one, Expr(), std::nullopt, {}, {}},
                 {"u",
                  Type::F32,
                  Reduce::Sum,
                  {a.i},
                  x - r,
                  Expr(),
                  std::nullopt,
                  {"r"},
                  {{"u", one}, {"count", r - to}}},
                 {"uu",
                  Type::F32,
                  Reduce::Sum,
                  {a.i},
                  (x - r) * (x - r),
                  Expr(),
                  std::nullopt,
                  {"r"},
                  {{"uu", one}, {"u", two * (r - to)}, {"count", (r - to) * (r - to)}}}};
  pass.finals = {{"mean", Reduce::Sum, {a.i}, a.row("sum") / n},
                 {"var", Reduce::Sum, {a.i}, a.row("uu")}};
  k.passes = {pass};
  k.outputs = {{"var", DType::F32, {a.i->extent()}, {0}, {a.i}, {a.i}, a.f("var", {a.i})}};
  tile::verify(k);
  const auto error_now = [&] {
    const Bindings sizes = {{"S", 5}, {"T", 11}};
    const auto inputs = test::random_inputs(program, sizes);
    return test::largest_error(tile::interpret(k, inputs, sizes),
                               interpret(program, inputs, sizes));
  };
  EXPECT_LT(error_now(), 1e-12);
  k.passes[0].states[3].move.erase("count");
  EXPECT_GT(error_now(), 1e-6);
}

TEST(TileInterpret, AnIndexOutOfRangeIsAnErrorWhereItIsUsed) {
  const std::string head = "symbol S = 9\ninput t : f32[5]\ninput n : i64[S]\ninput v : f32[S]\n";
  const auto run = [&](const std::string& weight, double index) {
    const Program p =
        parse(head + "compute o[i:3] : f32 = sum[j:S] (" + weight + ") * v[j]\noutput o\n");
    const Stream s = flashlight::transform::stream(flashlight::transform::canonicalize(p)).at(0);
    const tile::Target target;
    const tile::Kernel k = tile::lower(s, tile::choose_schedule(s, {}, target), {}, target);
    auto inputs = test::random_inputs(p, {{"S", 9}});
    inputs[1].data = {0, 4, 3, 2, 1, 0, index, 4, 3};
    std::vector<Array> by_name;
    for (const Input& i : k.inputs)
      by_name.push_back(inputs[i.name == "t" ? 0 : i.name == "n" ? 1 : 2]);
    return tile::interpret(k, by_name, {{"S", 9}});
  };
  EXPECT_NO_THROW(run("t[n[j]]", 4));
  for (double index : {-1., 5.}) EXPECT_THROW(run("t[n[j]]", index), OutOfRange) << index;
  EXPECT_NO_THROW(run("where(n[j] < 5, t[n[j]], 0.0)", 5));
  EXPECT_THROW(run("where(n[j] < 5, t[n[j]], 0.0)", -1), OutOfRange);
}

}  // namespace
}  // namespace flashlight
