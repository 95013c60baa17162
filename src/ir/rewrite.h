// Walking and rebuilding expression DAGs; each distinct node is visited once.
#pragma once
#include <functional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ir/program.h"

namespace flashlight::ir {

using Substitution = std::unordered_map<Expr, Expr>;

/// Rebuilds bottom-up; `fn` sees each node with its arguments already rebuilt.
Expr transform(Expr e, const std::function<Expr(Expr)>& fn);
/// Replaces whole nodes, top-down: a replaced node is not looked into again.
Expr substitute(Expr e, const Substitution& map);
/// Every distinct node, arguments before users. Looks into indices of loads, not into the extents
/// of axes.
void visit(Expr e, const std::function<void(Expr)>& fn);

std::vector<Expr> axes_of(Expr e);   // distinct Axis nodes in e, as met
std::vector<Expr> loads_of(Expr e);  // distinct Load nodes in e
std::unordered_set<std::string> names_loaded(Expr e);
/// Whether a Load or a Symbol of one of these names is in e.
bool mentions_any(Expr e, const std::set<std::string>& names);
bool uses(Expr e, Expr node);
bool uses_any(Expr e, const std::vector<Expr>& nodes);

bool contains(const std::vector<Expr>& list, Expr e);
std::vector<Expr> symbols_of(Expr e);  // also those in extents of axes

/// The comparison that is true where this one is false. Of Ints alone: with NaN, "not a < b" is not
/// "a >= b".
Op complement(Op comparison);

}  // namespace flashlight::ir
