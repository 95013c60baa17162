#include "ir/shapes.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

size_t node_count(Expr e) {
  size_t n = 0;
  visit(e, [&](Expr) { ++n; });
  return n;
}

// x -> y * (x // y) for every `x // y` of a symbol x in the sizes.
Substitution divisions(const std::vector<Expr>& sizes) {
  Substitution out;
  for (Expr e : sizes)
    visit(e, [&](Expr n) {
      if (n->op != Op::FloorDiv || n->args[0]->op != Op::Symbol || out.count(n->args[0])) return;
      out[n] = n;
      out[n->args[0]] = n->args[1] * n;
    });
  return out;
}

// A run of dimensions [begin, end) of both sides with equally many elements.
struct Group {
  size_t from_begin, from_end, to_begin, to_end;
};

// The finest grouping: a view moves no element between its groups, so each is solved alone.
std::vector<Group> groups(const std::vector<Expr>& from, const std::vector<Expr>& to) {
  std::vector<Group> out;
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    Group best{i, from.size(), j, to.size()};
    size_t fewest = SIZE_MAX;
    Expr p = constant(int64_t{1});
    for (size_t m = i; m <= from.size(); ++m) {
      Expr q = constant(int64_t{1});
      for (size_t n = j; n <= to.size(); ++n) {
        const bool progress = m > i || n > j;
        if (progress && m - i + n - j < fewest && same_size(p, q)) {
          best = {i, m, j, n};
          fewest = m - i + n - j;
        }
        if (n < to.size()) q = q * to[n];
      }
      if (m < from.size()) p = p * from[m];
    }
    out.push_back(best);
    i = best.from_end, j = best.to_end;
  }
  return out;
}

}  // namespace

bool is_one(Expr size) { return is_const(size, 1); }

bool same_size(Expr a, Expr b) {
  if (known_equal(a, b)) return true;
  const Substitution map = divisions({a, b});
  return !map.empty() && known_equal(substitute(a, map), substitute(b, map));
}

Expr broadcast_size(Expr a, Expr b, const std::string& who) {
  if (is_one(a)) return b;
  if (is_one(b)) return a;
  if (!same_size(a, b))
    throw Refused(who, "sizes " + print(a) + " and " + print(b) + " are not known to be equal");
  return node_count(b) < node_count(a) ? b : a;
}

std::vector<Expr> broadcast_shape(const std::vector<Expr>& a, const std::vector<Expr>& b,
                                  const std::string& who) {
  if (a.size() < b.size()) return broadcast_shape(b, a, who);
  std::vector<Expr> out = a;
  const size_t shift = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) out[shift + i] = broadcast_size(a[shift + i], b[i], who);
  return out;
}

Expr product(const std::vector<Expr>& sizes) {
  Expr out = constant(int64_t{1});
  for (Expr size : sizes) out = out * size;
  return out;
}

std::string shape_text(const std::vector<Expr>& shape) {
  std::string out;
  for (Expr e : shape) out += (out.empty() ? "" : ", ") + print(e);
  return "[" + out + "]";
}

int wrap_dim(int dim, size_t rank, const std::string& who) {
  const int n = static_cast<int>(rank);
  if (dim < -n || dim >= n)
    throw Refused(who,
                  "dimension " + std::to_string(dim) + " of a tensor of rank " + std::to_string(n));
  return dim < 0 ? dim + n : dim;
}

std::vector<Expr> view_index(std::vector<Expr> from, const std::vector<Expr>& to,
                             const std::vector<Expr>& index, const std::string& who) {
  if (!same_size(product(from), product(to)))
    throw Refused(who, "a view of " + shape_text(from) + " as " + shape_text(to) +
                           ", which is not known to have as many elements");
  if (!known_equal(product(from), product(to))) {
    std::vector<Expr> all = from;
    all.insert(all.end(), to.begin(), to.end());
    const Substitution map = divisions(all);
    for (Expr& e : from) e = substitute(e, map);
  }
  const Expr zero = constant(int64_t{0});
  std::vector<Expr> out(from.size(), zero);
  for (const Group& g : groups(from, to)) {
    Expr flat = zero;
    for (size_t j = g.to_begin; j < g.to_end; ++j) flat = flat * to[j] + index[j];
    Expr inner = constant(int64_t{1});
    for (size_t i = g.from_end; i-- > g.from_begin;) {
      if (is_one(from[i])) continue;
      const Expr whole = binary(Op::FloorDiv, flat, inner);
      const bool outermost = std::all_of(from.begin() + g.from_begin, from.begin() + i, is_one);
      out[i] = simplify(outermost ? whole : binary(Op::Mod, whole, from[i]));
      inner = inner * from[i];
    }
  }
  return out;
}

}  // namespace flashlight::ir
