#include "transform/region.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "transform/remake.h"

namespace flashlight::transform {
namespace {

using namespace ir;

/// Rows of at least four tiles: so many times a kernel without packs makes an operand of its loop.
constexpr double kManyRows = 256;
/// Or of half a tile, in all so many scores that a kernel for matrix units saves more than a
/// launch.
constexpr double kSomeRows = 32, kManyScores = 1 << 23;
/// A matrix has at least so many numbers for each element of the loop.
constexpr double kMatrix = 4;

enum Tag : int { kM = 1, kN = 2, kBoth = 3 };
using Tags = std::map<std::string, std::vector<int>>;  // per dimension of a value

int all_of(const std::vector<int>& tags) {
  int all = 0;
  for (int t : tags) all |= t;
  return all;
}

/// Tags of the axes of c, from the dimensions of what it loads.
std::map<Expr, int> axis_tags(const Graph& graph, const Computation& c, const Tags& tags) {
  std::map<Expr, int> out;
  for (Expr l : graph.loads(c.name)) {
    auto it = tags.find(l->name());
    if (it == tags.end()) continue;
    for (size_t k = 0; k < l->args.size(); ++k)
      for (Expr a : axes_of(l->args[k])) out[a] |= it->second[k];
  }
  return out;
}

/// Tags of the dimensions of a value, from the axes with which a tagged value loads it.
std::vector<int> load_tags(Expr l, const Computation& user, const std::vector<int>& user_tags) {
  std::vector<int> out(l->args.size());
  for (size_t k = 0; k < l->args.size(); ++k)
    for (size_t d = 0; d < user.axes.size(); ++d)
      if (uses(l->args[k], user.axes[d])) out[k] |= user_tags[d];
  return out;
}

class Growth {
 public:
  Growth(const Graph& graph, const Seed& seed)
      : graph_(graph),
        program_(graph.program()),
        seed_(seed),
        needed_(seed.m.empty() ? kN : kBoth) {
    const Computation& x = *program_.computation(seed.name);
    std::vector<int>& t = tags_[x.name];
    for (Expr a : x.axes) {
      bool m = std::count(seed.m.begin(), seed.m.end(), a);
      bool n = std::count(seed.n.begin(), seed.n.end(), a);
      t.push_back(m ? kM : n ? kN : 0);
    }
    out_.core.insert(x.name);
    wide_.insert(x.name);
  }

  Grown run() {
    forward();
    backward();
    ends();
    close();
    judge();
    make_once();
    return out_;
  }

 private:
  /// Has every side that the seed has (one query row has but one).
  bool is_wide(const std::vector<int>& tags) const { return (all_of(tags) & needed_) == needed_; }

  void forward() {
    for (const Computation& c : program_.computations) {
      if (tags_.count(c.name)) continue;
      auto axes = axis_tags(graph_, c, tags_);
      if (axes.empty()) continue;
      std::vector<int> t;
      for (Expr a : c.axes) t.push_back(axes[a]);
      bool from_wide = false;
      for (Expr l : graph_.loads(c.name)) from_wide = from_wide || wide_.count(l->name());
      if (!from_wide) continue;
      if (!is_wide(t)) continue;
      tags_[c.name] = t;
      wide_.insert(c.name);
    }
    grown_ = wide_;
  }

  /// Operands that have both axes are made inside, if that is possible.
  void backward() {
    for (size_t k = program_.computations.size(); k-- > 0;) {
      const Computation& user = program_.computations[k];
      if (!wide_.count(user.name)) continue;
      for (Expr l : graph_.loads(user.name)) {
        const Computation* c = program_.computation(l->name());
        if (!c || wide_.count(c->name)) continue;
        std::vector<int> t = load_tags(l, user, tags_.at(user.name));
        if (!is_wide(t) || !made_inside(*c, t)) continue;
        tags_[c->name] = t;
        wide_.insert(c->name);
      }
    }
  }

  /// A pointwise value, or one that pairs the two axes itself.
  bool made_inside(const Computation& c, const std::vector<int>& t) const {
    if (c.op != Reduce::None) return pairs(c, t);
    if (cheap_to_remake(graph_, c)) return true;
    for (Expr l : graph_.loads(c.name))
      if (is_wide(load_tags(l, c, t)) && !graph_.is_constant(l->name())) return true;
    return false;
  }

  /// All that it reads lacks one of the two axes, directly or through pointwise values.
  bool pairs(const Computation& c, const std::vector<int>& t) const {
    for (Expr l : graph_.loads(c.name)) {
      std::vector<int> from = load_tags(l, c, t);
      if (graph_.is_constant(l->name()) || !is_wide(from)) continue;
      const Computation* source = program_.computation(l->name());
      if (!source || source->op != Reduce::None || !pairs(*source, from)) return false;
    }
    return true;
  }

  /// Reductions that end what was grown. What was only taken in as an operand may have users of
  /// its own elsewhere: it is made twice.
  void ends() {
    out_.core = wide_;
    for (const Computation& c : program_.computations) {
      if (wide_.count(c.name)) continue;
      for (Expr l : graph_.loads(c.name))
        if (grown_.count(l->name())) out_.core.insert(c.name);
    }
  }

  /// What lies between two values of the region is in it. A mask that several layers share, a
  /// pointwise operand, is made in each of them: the layers between are not.
  void close() {
    std::set<std::string> made_once;
    for (const std::string& n : out_.core) {
      bool reduction = program_.computation(n)->op != Reduce::None;
      if (grown_.count(n) || !wide_.count(n) || reduction) made_once.insert(n);
    }
    std::set<std::string> down = graph_.descendants(made_once), up = graph_.ancestors(out_.core);
    for (const std::string& n : down)
      if (up.count(n)) out_.core.insert(n);
  }

  void judge() {
    out_.reduced = out_.core.size() > wide_.size();
    for (const Computation& c : program_.computations)
      if (!out_.reduced && merges_sides(c)) {
        refuse(c.name, "reads rows and columns of the scores along one flattened axis");
        out_.reduced = true;
      }
    std::set<std::string> reductions;
    for (const std::string& n : out_.core) {
      const Computation& c = *program_.computation(n);
      if (c.op != Reduce::None && !find_seed(graph_, c)) reductions.insert(n);
      out_.ordered = out_.ordered || c.op == Reduce::Max || c.op == Reduce::Min;
      bool outside = graph_.is_output(n);
      for (const std::string& u : graph_.users(n)) outside = outside || !out_.core.count(u);
      if (outside && grown_.count(n)) refuse(n, "a score-sized value is used outside");
    }
    if (!out_.reduced) refuse(*wide_.begin(), "nothing reduces it");
    for (const std::string& n : graph_.descendants(reductions))
      out_.normalised = out_.normalised || wide_.count(n);
  }

  /// A reduction that leaves no side out because one of its axes has both.
  bool merges_sides(const Computation& c) const {
    if (!wide_.count(c.name) || c.op == Reduce::None || c.name == seed_.name) return false;
    const std::map<Expr, int> tags = axis_tags(graph_, c, tags_);
    return std::any_of(tags.begin(), tags.end(), [](const auto& t) { return t.second == kBoth; });
  }

  /// Tags of the axes of a value of the region, those that it reduces included.
  std::map<Expr, int> tags_in(const Computation& c) const {
    std::map<Expr, int> out = axis_tags(graph_, c, tags_);
    if (const auto t = tags_.find(c.name); t != tags_.end())
      for (size_t d = 0; d < c.axes.size(); ++d) out[c.axes[d]] |= t->second[d];
    return out;
  }

  /// The side over which the region reduces; kBoth or 0: there is no such side.
  int loop_side() const {
    int side = 0;
    for (const std::string& n : out_.core) {
      const Computation& c = *program_.computation(n);
      const std::map<Expr, int> tags = tags_in(c);
      for (Expr r : c.reduce_axes)
        if (const auto t = tags.find(r); t != tags.end()) side |= t->second;
    }
    return side;
  }

  /// Elements of the smallest result for each row, its heads and batches.
  double statistics() const {
    double least = 0;
    for (const std::string& n : out_.core)
      if (!wide_.count(n) && program_.computation(n)->op != Reduce::None)
        least = least == 0 ? graph_.elements(n) : std::min(least, graph_.elements(n));
    return least;
  }

  /// Operands that are computed, not copied: matrices, not one number per row or element. The
  /// loop's would be made again for each row tile, and rows that lie ready are loaded by the copy
  /// engine.
  void make_once() {
    const int loop = loop_side();
    if (needed_ != kBoth || (loop != kM && loop != kN)) return;
    double rows = 1, columns = 1;
    for (Expr a : loop == kN ? seed_.m : seed_.n) rows *= graph_.extent(a);
    for (Expr a : loop == kN ? seed_.n : seed_.m) columns *= graph_.extent(a);
    const bool many = graph_.elements(seed_.name) >= kManyScores;
    if (rows < (many ? kSomeRows : kManyRows)) return;
    const double of_rows = kMatrix * statistics(), of_loop = of_rows / rows * columns;
    std::map<std::string, std::map<Expr, int>> inside;  // users that are made in the kernel
    for (const std::string& n : out_.core) inside[n] = tags_in(*program_.computation(n));
    for (size_t k = program_.computations.size(); k-- > 0;) {
      const Computation& c = program_.computations[k];
      if (out_.core.count(c.name) || !cheap_to_remake(graph_, c)) continue;
      std::map<Expr, int> tags;
      std::set<int> sides;  // that its users have it on
      for (const std::string& u : graph_.users(c.name)) {
        if (!inside.count(u)) continue;
        for (Expr l : graph_.loads(u)) {
          if (l->name() != c.name) continue;
          int all = 0;
          for (size_t d = 0; d < l->args.size(); ++d)
            for (Expr a : axes_of(l->args[d])) all |= inside[u][a], tags[c.axes[d]] |= inside[u][a];
          sides.insert(all);
        }
      }
      if (sides.empty()) continue;
      const double size = graph_.elements(c.name);
      const bool matrix =
          (sides.count(loop) && size >= of_loop) || (sides.count(kBoth - loop) && size >= of_rows);
      if (matrix && is_made(graph_, c))
        out_.once.insert(c.name);
      else
        inside[c.name] = tags;
    }
  }

  void refuse(const std::string& culprit, const std::string& why) {
    if (out_.refusal.empty()) out_.culprit = culprit, out_.refusal = why;
  }

  const Graph& graph_;
  const Program& program_;
  const Seed& seed_;
  int needed_;
  Tags tags_;
  std::set<std::string> wide_;   // have both axes
  std::set<std::string> grown_;  // those that depend on the seed
  Grown out_;
};

/// What is made of these by pointwise values alone, and they.
std::set<std::string> with_pointwise(const Graph& graph, std::set<std::string> results) {
  for (const Computation& c : graph.program().computations)
    for (Expr l : graph.loads(c.name))
      if (c.op == Reduce::None && results.count(l->name())) results.insert(c.name);
  return results;
}

}  // namespace

std::optional<Seed> find_seed(const Graph& graph, const Computation& c) {
  const std::vector<Expr>& loads = graph.loads(c.name);
  auto only_in = [&](Expr l, Expr other) {
    std::vector<Expr> out;
    for (Expr a : c.axes)
      if (uses(l, a) && !uses(other, a)) out.push_back(a);
    return out;
  };
  for (size_t i = 0; i < loads.size(); ++i)
    for (size_t k = i + 1; k < loads.size(); ++k) {
      if (graph.is_constant(loads[i]->name()) || graph.is_constant(loads[k]->name())) continue;
      if (!is_float(loads[i]->type) || !is_float(loads[k]->type)) continue;
      Seed s{c.name,
             only_in(loads[i], loads[k]),
             only_in(loads[k], loads[i]),
             loads[i]->name(),
             loads[k]->name(),
             false};
      if (s.n.empty()) std::swap(s.m, s.n), std::swap(s.a, s.b);
      bool paired = !s.m.empty() && !s.n.empty();
      // Another operand that has both axes: they were paired where that one was made.
      bool together = paired && c.op == Reduce::None &&
                      std::any_of(loads.begin(), loads.end(),
                                  [&](Expr l) { return uses_any(l, s.m) && uses_any(l, s.n); });
      if (together) continue;
      bool one_row = c.op == Reduce::Sum && !s.n.empty();  // a product of a row and a matrix
      if (!paired && !one_row) continue;
      for (Expr a : c.axes) s.batched = s.batched || (uses(loads[i], a) && uses(loads[k], a));
      return s;
    }
  return std::nullopt;
}

Grown grow(const Graph& graph, const Seed& seed) { return Growth(graph, seed).run(); }

std::set<std::string> with_producers(const Graph& graph, std::set<std::string> core,
                                     const std::set<std::string>& outside) {
  const Program& p = graph.program();
  for (size_t k = p.computations.size(); k-- > 0;) {
    const Computation& c = p.computations[k];
    if (core.count(c.name) || outside.count(c.name) || !cheap_to_remake(graph, c)) continue;
    for (const std::string& u : graph.users(c.name))
      if (core.count(u)) {
        core.insert(c.name);
        break;
      }
  }
  return core;
}

std::set<std::string> with_consumers(const Graph& graph, std::set<std::string> core) {
  const Program& p = graph.program();
  std::set<std::string> below = graph.descendants(core);
  for (const Computation& c : p.computations) {
    if (core.count(c.name) || c.op != Reduce::None || !below.count(c.name)) continue;
    bool fits = true;
    for (Expr l : graph.loads(c.name)) {
      const std::string& n = l->name();
      if (!core.count(n)) {
        fits = fits && !below.count(n);
        continue;
      }
      fits = fits && !graph.is_output(n) && graph.elements(c.name) <= graph.elements(n);
      for (const std::string& u : graph.users(n)) fits = fits && (u == c.name || core.count(u));
    }
    if (fits) core.insert(c.name);
  }
  return core;
}

std::set<std::string> with_gates(const Graph& graph, const std::set<std::string>& fed,
                                 std::set<std::string> ended, const std::set<std::string>& others) {
  const Program& p = graph.program();
  const std::set<std::string> theirs = with_pointwise(graph, others);
  const auto once = [&](const Computation& c) {
    const auto& users = graph.users(c.name);
    return !users.empty() && std::all_of(users.begin(), users.end(), [&](const std::string& u) {
      return ended.count(u) && !fed.count(u) && graph.elements(u) <= graph.elements(c.name);
    });
  };
  for (size_t k = p.computations.size(); k-- > 0;) {
    const Computation& c = p.computations[k];
    if (!ended.count(c.name) && c.op == Reduce::None && !graph.is_output(c.name) && once(c) &&
        !theirs.count(c.name))
      ended.insert(c.name);
  }
  return ended;
}

}  // namespace flashlight::transform
