#include "transform/discover.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "support/error.h"
#include "transform/canonicalize.h"
#include "transform/region.h"
#include "transform/stream.h"

namespace flashlight::transform {
namespace {

using namespace ir;

/// An inner axis longer than this is no part of a tile.
constexpr double kLongestInner = 1024;
/// A pair without a batch axis may be two layers of a perceptron (four times as wide inside), which
/// the host's matrix products do as well as we can.
constexpr double kWide = 4;
/// Below this many elements in all, one kernel in place of several is the gain.
constexpr double kSmall = 1 << 17;

struct Candidate {
  Seed seed;
  Grown grown;
};

bool worthwhile(const Graph& graph, const Candidate& c) {
  double paired = graph.elements(c.seed.name);
  double operands = graph.elements(c.seed.a) + graph.elements(c.seed.b);
  if (c.seed.m.empty() && !c.grown.normalised) return false;  // a matrix times a row, no more
  if (c.seed.batched) return c.grown.normalised || paired >= operands;
  // Layer norms between small layers are normalised too, by sums; they stay with the host.
  bool small = c.grown.normalised && c.grown.ordered && paired + operands <= kSmall;
  return paired >= kWide * operands || small;
}

Program extract(const Program& whole, const Graph& graph, const std::set<std::string>& region) {
  Program p;
  p.symbols = whole.symbols;
  std::set<std::string> read, results;  // results: what a user outside cannot remake pointwise
  for (const Computation& c : whole.computations) {
    if (!region.count(c.name)) continue;
    for (const std::string& n : names_loaded(c.body))
      if (!region.count(n)) read.insert(n);
    p.computations.push_back(c);
    bool result = c.op != Reduce::None, outside = graph.is_output(c.name);
    for (Expr l : graph.loads(c.name)) result = result || results.count(l->name());
    if (result) results.insert(c.name);
    for (const std::string& u : graph.users(c.name)) outside = outside || !region.count(u);
    if (outside && result) p.outputs.push_back({c.name, {}});
  }
  for (const Input& i : whole.inputs)
    if (read.count(i.name)) p.inputs.push_back(i);
  for (const Computation& c : whole.computations)
    if (read.count(c.name)) p.inputs.push_back({c.name, c.dtype, whole.shape_of(c.name)});
  return p;
}

void check_inner_axes(const Program& p, const std::vector<Stream>& streams) {
  Bindings sizes = hints(p);
  for (const Stream& s : streams)
    for (const StreamPass& pass : s.passes)
      for (const StreamState& t : pass.states)
        for (Expr a : t.axes) {
          bool row = std::count(s.row_axes.begin(), s.row_axes.end(), a);
          if (!row && double(evaluate(a->extent(), sizes)) > kLongestInner)
            throw Refused(t.name, "has an axis too long to be held in a tile");
        }
}

/// The largest of these that the transforms accept. `finished`: what regions before make of their
/// results; a second region that made it too would be the first one's input and its output.
Region legalise(const Program& whole, const Graph& graph, const std::set<std::string>& core,
                const std::set<std::string>& outside, const std::set<std::string>& others,
                std::set<std::string>* finished) {
  const std::set<std::string> fed = with_producers(graph, core, outside),
                              ended = with_consumers(graph, fed),
                              gated = with_gates(graph, fed, ended, others);
  const std::set<std::string> tries[] = {with_producers(graph, gated, outside),
                                         with_producers(graph, ended, outside), fed, core};
  const bool meets = std::any_of(tries[0].begin(), tries[0].end(), [&](const std::string& n) {
    return !fed.count(n) && finished->count(n) > 0;
  });
  for (size_t k = meets ? 2 : 0;; ++k) {
    try {
      Program p = extract(whole, graph, tries[k]);
      check_inner_axes(p, stream(canonicalize(p)));
      for (const std::string& n : tries[k])
        if (!fed.count(n)) finished->insert(n);
      return {p, {tries[k].begin(), tries[k].end()}};
    } catch (const Refused&) {
      if (k + 1 == std::size(tries)) throw;
    }
  }
}

}  // namespace

Discovery discover(const Program& program, bool packs) {
  Graph graph(program);
  std::vector<Candidate> candidates;
  for (const Computation& c : program.computations)
    if (auto seed = find_seed(graph, c)) candidates.push_back({*seed, grow(graph, *seed)});
  // The tightest first: a projection and the scores made from it pair axes too.
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return a.grown.core.size() < b.grown.core.size();
  });
  Discovery out;
  std::set<std::string> taken, finished;
  for (const Candidate& c : candidates) {
    bool overlaps = std::any_of(c.grown.core.begin(), c.grown.core.end(),
                                [&](const std::string& n) { return taken.count(n) > 0; });
    if (overlaps || !worthwhile(graph, c)) continue;
    if (!c.grown.refusal.empty()) {
      if (c.grown.reduced) out.left.push_back({c.grown.culprit, c.grown.refusal});
      continue;
    }
    try {
      std::set<std::string> others;
      for (const Candidate& o : candidates)
        if (&o != &c && o.grown.refusal.empty() && worthwhile(graph, o))
          for (const std::string& n : o.grown.core)
            if (!c.grown.core.count(n)) others.insert(n);
      out.regions.push_back(legalise(program, graph, c.grown.core,
                                     packs ? std::set<std::string>() : c.grown.once, others,
                                     &finished));
      for (const std::string& n : c.grown.core)  // pointwise values (masks) may be made twice
        if (program.computation(n)->op != Reduce::None) taken.insert(n);
    } catch (const Refused& r) {
      out.left.push_back({r.node(), r.reason()});
    }
  }
  return out;
}

}  // namespace flashlight::transform
