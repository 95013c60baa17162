// Growing one region from a paired value; see discover.h.
#pragma once
#include <optional>
#include <set>
#include <string>

#include "transform/graph.h"

namespace flashlight::transform {

/// A computation whose operands each lack an axis that the other has; or a contraction of a single
/// row (m is empty then).
struct Seed {
  std::string name;
  std::vector<ir::Expr> m, n;  // its axes that only the first / only the second operand has
  std::string a, b;            // the operands
  bool batched;                // an axis that both have
};

std::optional<Seed> find_seed(const Graph& graph, const ir::Computation& c);

struct Grown {
  std::set<std::string> core;  // paired values, reductions that end them, what lies between
  bool normalised = false;     // a paired value waits for a reduction of paired values
  bool reduced = false;        // some reduction ends it, or would if its axes were apart
  bool ordered = false;        // a maximum or minimum of paired values is among the reductions
  std::string refusal;         // not empty: why this is no region
  std::string culprit;         // the computation that the refusal is about
  std::set<std::string> once;  // operands along the loop that are computed, for many rows
};

Grown grow(const Graph& graph, const Seed& seed);

/// The core with producers that cost less than reading their result, but for those `outside`.
std::set<std::string> with_producers(const Graph& graph, std::set<std::string> core,
                                     const std::set<std::string>& outside);
/// The core with pointwise consumers of its results.
std::set<std::string> with_consumers(const Graph& graph, std::set<std::string> core);
/// `ended`, which is `fed` and its consumers, with pointwise values that these alone read, each
/// element once: made there, whatever they cost, they need no memory. Not so what comes from the
/// cores of `others`.
std::set<std::string> with_gates(const Graph& graph, const std::set<std::string>& fed,
                                 std::set<std::string> ended, const std::set<std::string>& others);

}  // namespace flashlight::transform
