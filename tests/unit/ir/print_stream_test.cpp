#include <gtest/gtest.h>

#include "ir/stream.h"

namespace flashlight::ir {
namespace {

TEST(PrintStream, ShowsPassesStatesAndHowTheyMove) {
  const Expr i = axis("i", symbol("S")), j = axis("j", symbol("T"));
  const auto f = [](const char* name) { return symbol(name, Type::F32); };
  const Expr s = load("s", {i, j}, Type::F32), zero = constant(0, Type::F32);
  const Expr move = unary(Op::Exp, f("r") - f("r'"));
  Stream stream;
  stream.name = "example";
  stream.row_axes = {i};
  stream.loop = j;
  stream.tiles = {{"s", DType::F32, {i, j}, Reduce::None, {}, load("x", {i, j}, Type::F32)}};
  StreamPass pass;
  pass.states = {{"m", Reduce::Max, {i}, s, {}, {}},
                 {"l", Reduce::Sum, {i}, unary(Op::Exp, s - f("r")), {"r"}, {{"l", move}}}};
  pass.references = {{"r", "m", f("m"), zero, {i}}};
  pass.finals = {{"m", Reduce::Max, {i}, f("m")}, {"l", Reduce::Sum, {i}, f("l")}};
  stream.passes = {pass};
  stream.outputs = {{"out", DType::F32, {symbol("S")}, {0}, {i}, {i}, load("l", {i}, Type::F32)}};
  EXPECT_EQ(print(stream),
            "stream example\n"
            "  for each i\n"
            "  pass 0 over j < T\n"
            "    tile s[i, j] = x[i, j]\n"
            "    m[i] = max(j) s[i, j]\n"
            "    l[i] = sum(j) exp(s[i, j] - r)\n"
            "      moves by exp(r - r') of l\n"
            "    reference r[i] = 0.0, then m; ends as m\n"
            "    final m[i] = m\n"
            "    final l[i] = l\n"
            "  store out[i] : f32 = l[i]\n");
}

}  // namespace
}  // namespace flashlight::ir
