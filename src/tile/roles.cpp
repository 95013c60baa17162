#include "tile/roles.h"

#include <algorithm>

#include "ir/rewrite.h"

namespace flashlight::tile {

using namespace ir;

namespace {

bool contains_name(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// What rows of a tile share if it is cut along this axis: 2: a matrix over the loop (keys,
/// values), 1: numbers over the loop (a bias), 0: nothing.
int shares_loads(const Stream& s, Expr row) {
  int shares = 0;
  auto look = [&](Expr body) {
    for (Expr l : loads_of(body)) {
      bool global = std::any_of(s.inputs.begin(), s.inputs.end(),
                                [&](const Input& i) { return i.name == l->name(); });
      if (!global || !uses(l, s.loop) || uses(l, row)) continue;
      const std::vector<Expr> axes = axes_of(l);
      const bool matrix = std::any_of(axes.begin(), axes.end(), [&](Expr a) {
        return a != s.loop && !contains(s.row_axes, a);
      });
      shares = std::max(shares, matrix ? 2 : 1);
    }
  };
  for (const Computation& c : s.tiles)
    if (contains(c.axes, row)) look(c.body);
  for (const StreamPass& p : s.passes)
    for (const StreamState& t : p.states)
      if (contains(t.axes, row)) look(t.body);
  return shares;
}

/// Products inside a tile are what a tile of rows is for.
bool multiplies(const Stream& s) {
  return std::any_of(s.tiles.begin(), s.tiles.end(), [](const Computation& c) {
    return c.op == Reduce::Sum && !c.reduce_axes.empty();
  });
}

}  // namespace

/// The row axis over which most is shared, so that a tile of rows is a matrix; of those the
/// longest. Null: each row has operands of its own (one query for each head), and is a unit by
/// itself.
Expr choose_tiled(const Stream& s) {
  Bindings sizes;
  for (const SymbolInfo& i : s.symbols) sizes[i.name] = i.hint;
  Expr best;
  auto key = [&](Expr a) { return std::pair(shares_loads(s, a), evaluate(a->extent(), sizes)); };
  for (Expr a : s.row_axes)
    if (!best || key(a) >= key(best)) best = a;
  return best && multiplies(s) && shares_loads(s, best) == 0 ? Expr() : best;
}

bool Roles::is_grid(Expr axis) const { return contains(grid, axis); }

bool Roles::is_input(const std::string& name) const {
  return std::find(inputs.begin(), inputs.end(), name) != inputs.end();
}

std::vector<Expr> Roles::in_tile(const std::vector<Expr>& axes) const {
  std::vector<Expr> out;
  for (Expr a : axes)
    if (!is_grid(a)) out.push_back(a);
  return out;
}

Expr Roles::local(Expr e) const {
  return transform(e, [&](Expr x) {
    if (x->op != Op::Load || is_input(x->name())) return x;
    return load(x->name(), in_tile(x->args), x->type);
  });
}

std::vector<std::string> whole_rows(const Stream& s) {
  Bindings sizes;
  for (const SymbolInfo& i : s.symbols) sizes[i.name] = i.hint;
  Expr tiled = choose_tiled(s);
  std::vector<std::string> out;
  for (const StreamPass& p : s.passes)
    for (const StreamState& t : p.states)
      for (Expr l : loads_of(t.body)) {
        bool value = false;  // an operand with a value axis, the loop axis and the tiled axis
        for (Expr a : t.axes) value = value || (!contains(s.row_axes, a) && uses(l, a));
        if (!value || !tiled || !uses(l, tiled) || !uses(l, s.loop)) continue;
        for (Expr a : t.axes) {
          bool shared = contains(s.row_axes, a) && a != tiled && !uses(l, a);
          if (shared && evaluate(a->extent(), sizes) <= kMostWhole &&
              !contains_name(out, a->name()))
            out.push_back(a->name());
        }
      }
  return out;
}

Roles assign_roles(const Stream& s, const Schedule& schedule) {
  Roles r;
  for (const Input& i : s.inputs) r.inputs.push_back(i.name);
  Expr tiled = choose_tiled(s);
  if (tiled) r.tiled.push_back(tiled);
  for (Expr a : s.row_axes) {
    bool whole = std::count(schedule.whole_rows.begin(), schedule.whole_rows.end(), a->name());
    if (a != tiled) (whole ? r.whole : r.grid).push_back(a);
  }
  auto add = [&](const std::vector<Expr>& axes) {
    for (Expr a : axes)
      if (a != s.loop && !contains(s.row_axes, a) && !contains(r.whole, a)) r.whole.push_back(a);
  };
  for (auto* list : {&s.rows, &s.tiles, &s.epilogue})
    for (const Computation& c : *list) add(c.axes), add(c.reduce_axes);
  for (const StreamPass& p : s.passes)
    for (const StreamState& t : p.states) add(t.axes);
  for (const Store& o : s.outputs) add(o.axes);
  return r;
}

}  // namespace flashlight::tile
