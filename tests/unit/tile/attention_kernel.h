// Masked attention as a program and, written by hand, as a scheduled kernel.
#pragma once
#include <limits>
#include <string>

#include "analysis/live.h"
#include "ir/interpret.h"
#include "ir/rewrite.h"
#include "tile/kernel.h"

namespace flashlight::test {

struct Attention {
  ir::Program program;
  tile::Kernel kernel;
};

inline ir::Program attention_program(const std::string& live, const std::string& masked) {
  return ir::parse(
      "symbol S = 9\nsymbol T = 9\n"
      "input q : f32[2, S, 4]\ninput k : f32[2, T, 4]\ninput v : f32[2, T, 3]\n"
      "input mask : bool[S, T]\n"
      "compute live[i:S, j:T] : bool = " +
      live +
      "\n"
      "compute s[h:2, i:S, j:T] : f32 = sum[d:4] q[h,i,d] * 0.5 * k[h,j,d]\n"
      "compute x[h:2, i:S, j:T] : f32 = " +
      masked +
      "\n"
      "compute m[h:2, i:S] : f32 = max[j:T] x[h,i,j]\n"
      "compute l[h:2, i:S] : f32 = sum[j:T] exp(x[h,i,j] - m[h,i])\n"
      "compute out[h:2, i:S, c:3] : f32 = sum[j:T] exp(x[h,i,j] - m[h,i]) / l[h,i] * v[h,j,c]\n"
      "compute lse[h:2, i:S] : f32 = m[h,i] + log(l[h,i])\n"
      "output out\noutput lse\n");
}

/// The kernel's parts by the names that bodies use.
struct Parts {
  ir::Expr h = ir::axis("h", ir::constant(2)), i = ir::axis("i", ir::symbol("S")),
           j = ir::axis("j", ir::symbol("T")), d = ir::axis("d", ir::constant(4)),
           c = ir::axis("c", ir::constant(3));
  static ir::Expr f(const std::string& name, std::vector<ir::Expr> at) {
    return ir::load(name, std::move(at), ir::Type::F32);
  }
  static ir::Expr row(const std::string& name) { return ir::symbol(name, ir::Type::F32); }
};

inline tile::Pass softmax_pass(const Parts& a, ir::Expr masked, ir::Expr unmasked) {
  using namespace ir;
  using tile::Statement, tile::Storage, tile::Contraction, tile::State;
  const Expr s = a.f("s", {a.i, a.j}), x = a.f("x", {a.i, a.j}), p = a.f("p", {a.i, a.j});
  const Expr dot = a.f("rows", {a.i, a.d}) * a.f("keys", {a.d, a.j});
  const Expr product = a.row("a") * a.row("b");
  const Expr weight = unary(Op::Exp, x - a.row("r"));
  const Expr move = unary(Op::Exp, a.row("r") - a.row("r'"));
  const Statement score{"s", Type::F32, {a.i, a.j}, Reduce::Sum, {a.d}, dot, Storage::Scratch, ""};
  tile::Pass pass;
  pass.before = {score,
                 {"x", Type::F32, {a.i, a.j}, Reduce::None, {}, masked, Storage::Scratch, "s"}};
  pass.after = {{"p", Type::F32, {a.i, a.j}, Reduce::None, {}, weight, Storage::Scratch, "x"}};
  pass.before_full = {
      score, {"x", Type::F32, {a.i, a.j}, Reduce::None, {}, unmasked, Storage::Inline, ""}};
  pass.after_full = {{"p", Type::F32, {a.i, a.j}, Reduce::None, {}, weight, Storage::Scratch, "s"}};
  pass.contractions = {{"s", "rows", "keys", {}, {a.i}, {a.j}, {a.d}, Reduce::Sum, product}};
  const Contraction values{"o", "p", "values", {}, {a.i}, {a.c}, {a.j}, Reduce::Sum, product};
  pass.states = {
      {"m", Type::F32, Reduce::Max, {a.i}, x, x, std::nullopt, {}, {}},
      {"l", Type::F32, Reduce::Sum, {a.i}, p, p, std::nullopt, {"r"}, {{"l", move}}},
      {"o", Type::F32, Reduce::Sum, {a.i, a.c}, Expr(), Expr(), values, {"r"}, {{"o", move}}}};
  const double inf = std::numeric_limits<double>::infinity();
  pass.references = {{"r", "m", a.row("m"), constant(-inf, Type::F32), {a.i}}};
  pass.finals = {{"m", Reduce::Max, {a.i}, a.row("m")},
                 {"l", Reduce::Sum, {a.i}, a.row("l")},
                 {"out", Reduce::Sum, {a.i, a.c}, a.row("o") / a.row("l")}};
  return pass;
}

inline void bound(tile::Pass* pass, ir::Expr live, const Parts& a) {
  const ir::Expr one = ir::constant(int64_t{1}), zero = ir::constant(int64_t{0});
  const std::map<ir::Expr, analysis::Interval> rows = {
      {a.i, {ir::symbol("i.lo"), ir::symbol("i.hi") - one}}};
  const auto may = analysis::may_hold(live, a.j, rows), must = analysis::must_hold(live, a.j, rows);
  const auto range = [&](const analysis::LoopRange& r) {
    return tile::Range{r.lo ? r.lo : zero, r.hi ? r.hi : a.j->extent()};
  };
  pass->live = range(may);
  pass->full = range(must);
}

/// `live`: the condition; `masked`, `unmasked`: the scores s[h,i,j] with and without it.
inline Attention attention(const std::string& live, const std::string& masked) {
  using namespace ir;
  using tile::Storage;
  const Parts a;
  Attention out;
  out.program = attention_program(live, masked);
  const Expr condition = out.program.computation("live")->body;
  const Expr score = a.f("s", {a.i, a.j});
  const Substitution local = {{a.f("s", {a.h, a.i, a.j}), score},
                              {load("live", {a.i, a.j}, Type::Bool), condition}};
  const Expr body = substitute(out.program.computation("x")->body, local);
  tile::Kernel& k = out.kernel;
  k.name = "attention";
  k.target = "none";
  k.schedule.row_tile = 4, k.schedule.loop_tile = 4, k.schedule.panel = 2;
  k.symbols = out.program.symbols;
  k.inputs = out.program.inputs;
  k.grid = {a.h}, k.pack_axes = 1, k.tiled = {a.i}, k.whole = {a.d, a.c}, k.loop = a.j;
  k.packs = {{"keys",
              Type::F32,
              {a.d, a.j},
              Reduce::None,
              {},
              a.f("k", {a.h, a.j, a.d}),
              Storage::Panel,
              ""},
             {"values",
              Type::F32,
              {a.j, a.c},
              Reduce::None,
              {},
              a.f("v", {a.h, a.j, a.c}),
              Storage::Scratch,
              ""}};
  k.prologue = {{"rows",
                 Type::F32,
                 {a.i, a.d},
                 Reduce::None,
                 {},
                 a.f("q", {a.h, a.i, a.d}) * constant(0.5, Type::F32),
                 Storage::Scratch,
                 ""}};
  k.passes = {softmax_pass(a, body, substitute(body, {{condition, boolean(true)}}))};
  bound(&k.passes[0], condition, a);
  const Expr lse = a.f("m", {a.i}) + unary(Op::Log, a.f("l", {a.i}));
  k.epilogue = {{"lse", Type::F32, {a.i}, Reduce::None, {}, lse, Storage::Inline, ""}};
  const Expr s = symbol("S"), two = constant(int64_t{2}), three = constant(int64_t{3});
  k.outputs = {{"out",
                DType::F32,
                {two, s, three},
                {0, 1, 2},
                {a.h, a.i, a.c},
                {a.h, a.i, a.c},
                a.f("out", {a.i, a.c})},
               {"lse", DType::F32, {two, s}, {0, 1}, {a.h, a.i}, {a.h, a.i}, a.f("lse", {a.i})}};
  return out;
}

}  // namespace flashlight::test
