#include "tile/share_rows.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "tile/bind.h"
#include "tile/roles.h"

namespace flashlight::tile {
namespace {

using namespace ir;

bool mentions(const Computation& c, Expr axis) {
  return contains(c.axes, axis) || contains(c.reduce_axes, axis) || uses(c.body, axis);
}

Computation renamed(Computation c, Expr from, Expr to) {
  for (auto* list : {&c.axes, &c.reduce_axes}) std::replace(list->begin(), list->end(), from, to);
  c.body = substitute(c.body, {{from, to}});
  return c;
}

bool same_value(const Computation& a, const Computation& b) {
  return a.op == b.op && a.axes == b.axes && a.reduce_axes == b.reduce_axes && a.body == b.body;
}

/// Only values of a tile may know the inner axis, and none of them both.
bool may_rename(const Stream& s, Expr inner, Expr row) {
  for (const Computation& c : s.tiles)
    if (mentions(c, inner) && mentions(c, row)) return false;
  for (const StreamPass& p : s.passes)
    for (const StreamState& t : p.states)
      if (contains(t.axes, inner) || uses(t.body, inner)) return false;
  for (auto* list : {&s.rows, &s.epilogue})
    for (const Computation& c : *list)
      if (mentions(c, inner)) return false;
  return std::none_of(s.outputs.begin(), s.outputs.end(),
                      [&](const Store& o) { return contains(o.axes, inner); });
}

/// The inner axis over which a value of this row axis is made as well; null: there is none.
Expr repeats(const Stream& s, Expr row) {
  for (const Computation& c : s.tiles)
    for (const Computation& other : s.tiles)
      for (Expr inner : other.axes) {
        const bool free = inner != s.loop && !contains(s.row_axes, inner);
        if (free && inner->extent() == row->extent() && contains(c.axes, row) &&
            same_value(renamed(other, inner, row), c) && may_rename(s, inner, row))
          return inner;
      }
  return Expr();
}

/// Loads of `from` become loads of `to`, which has the same axes.
Stream read_instead(const Stream& s, const std::string& from, const std::string& to) {
  return map_expressions(s, [&](Expr e) {
    return transform(e, [&](Expr l) {
      return l->op == Op::Load && l->name() == from ? load(to, l->args, l->type) : l;
    });
  });
}

}  // namespace

std::vector<std::string> repeated_rows(const Stream& s) {
  Bindings sizes;
  for (const SymbolInfo& i : s.symbols) sizes[i.name] = i.hint;
  const Expr tiled = choose_tiled(s);
  std::vector<std::string> out;
  for (Expr row : s.row_axes)
    if (row != tiled && evaluate(row->extent(), sizes) <= kMostWhole && repeats(s, row))
      out.push_back(row->name());
  return out;
}

Stream share_rows(const Stream& stream, const std::vector<std::string>& rows) {
  Stream s = stream;
  for (Expr row : stream.row_axes) {
    if (!std::count(rows.begin(), rows.end(), row->name())) continue;
    while (const Expr inner = repeats(s, row)) {
      for (Computation& c : s.tiles) c = renamed(c, inner, row);
      for (size_t i = 0; i < s.tiles.size(); ++i)
        for (size_t k = s.tiles.size(); --k > i;)
          if (same_value(s.tiles[i], s.tiles[k])) {
            s = read_instead(s, s.tiles[k].name, s.tiles[i].name);
            s.tiles.erase(s.tiles.begin() + static_cast<std::ptrdiff_t>(k));
          }
    }
  }
  return s;
}

}  // namespace flashlight::tile
