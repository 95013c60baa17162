#include "tile/bind.h"

#include <algorithm>
#include <functional>

#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "tile/roles.h"

namespace flashlight::tile {

using namespace ir;

Stream map_expressions(Stream s, const std::function<Expr(Expr)>& fn) {
  auto each = [&](std::vector<Expr>& list) {
    for (Expr& e : list) e = fn(e);
  };
  auto moves = [&](std::map<std::string, Expr>& move) {
    for (auto& [name, e] : move) e = fn(e);
  };
  auto computations = [&](std::vector<Computation>& list) {
    for (Computation& c : list) each(c.axes), each(c.reduce_axes), c.body = fn(c.body);
  };
  each(s.row_axes);
  s.loop = fn(s.loop);
  for (Input& i : s.inputs) each(i.shape);
  computations(s.rows), computations(s.tiles), computations(s.epilogue);
  for (StreamPass& p : s.passes) {
    for (StreamState& t : p.states) each(t.axes), t.body = fn(t.body), moves(t.move);
    for (StreamReference& r : p.references) {
      each(r.axes), r.start = fn(r.start);
      if (r.target) r.target = fn(r.target);
    }
    for (auto& f : p.finals) each(f.axes), f.body = fn(f.body);
  }
  for (Store& o : s.outputs) each(o.shape), each(o.axes), each(o.index), o.body = fn(o.body);
  return s;
}

std::vector<std::string> inner_symbols(const Stream& stream) {
  std::vector<std::string> out;
  auto add_axis = [&](Expr a) {
    for (Expr s : symbols_of(a->extent()))
      if (!std::count(out.begin(), out.end(), s->name())) out.push_back(s->name());
  };
  auto add = [&](const std::vector<Expr>& axes) {
    for (Expr a : axes) {
      bool row = std::count(stream.row_axes.begin(), stream.row_axes.end(), a);
      if (a != stream.loop && !row) add_axis(a);
    }
  };
  std::vector<std::string> whole = whole_rows(stream);
  for (Expr a : stream.row_axes)
    if (std::count(whole.begin(), whole.end(), a->name())) add_axis(a);
  for (auto* list : {&stream.rows, &stream.tiles, &stream.epilogue})
    for (const Computation& c : *list) add(c.axes), add(c.reduce_axes);
  for (const StreamPass& p : stream.passes)
    for (const StreamState& t : p.states) add(t.axes);
  for (const Store& o : stream.outputs) add(o.axes);
  return out;
}

Stream bind(const Stream& stream, const Bindings& fixed) {
  if (fixed.empty()) return stream;
  std::unordered_map<Expr, Expr> memo;
  std::function<Expr(Expr)> fn = [&](Expr e) -> Expr {
    auto it = memo.find(e);
    if (it != memo.end()) return it->second;
    Expr out = e;
    if (e->op == Op::Symbol && fixed.count(e->name())) {
      out = constant(fixed.at(e->name()));
    } else if (e->op == Op::Axis) {
      out = axis(e->name(), simplify(fn(e->extent())));
    } else if (!e->args.empty()) {
      std::vector<Expr> args;
      for (Expr a : e->args) args.push_back(fn(a));
      out = with_args(e, args);
    }
    return memo[e] = out;
  };
  return map_expressions(stream, fn);
}

}  // namespace flashlight::tile
