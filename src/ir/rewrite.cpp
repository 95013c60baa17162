#include "ir/rewrite.h"

#include <algorithm>

namespace flashlight::ir {
namespace {

// Extents of axes are part of an axis's identity, not of the expression it stands in.
bool has_inner(Expr e) { return !e->args.empty() && e->op != Op::Axis; }

/// Bottom-up, but for what is in `done` from the start; `fn` sees each rebuilt node.
template <class F>
struct Rebuilder {
  F fn;
  std::unordered_map<Expr, Expr> done;

  Expr operator()(Expr e) {
    if (auto it = done.find(e); it != done.end()) return it->second;
    Expr rebuilt = e;
    if (has_inner(e)) {
      std::vector<Expr> args;
      args.reserve(e->args.size());
      for (Expr arg : e->args) args.push_back((*this)(arg));
      rebuilt = with_args(e, std::move(args));
    }
    return done[e] = fn(rebuilt);
  }
};

template <class F>
Rebuilder(F, Substitution) -> Rebuilder<F>;

struct Visitor {
  const std::function<void(Expr)>& fn;
  std::unordered_set<Expr> seen;

  void operator()(Expr e) {
    if (!seen.insert(e).second) return;
    if (has_inner(e))
      for (Expr arg : e->args) (*this)(arg);
    fn(e);
  }
};

std::vector<Expr> collect(Expr e, Op op) {
  std::vector<Expr> found;
  visit(e, [&](Expr n) {
    if (n->op == op) found.push_back(n);
  });
  return found;
}

}  // namespace

Expr transform(Expr e, const std::function<Expr(Expr)>& fn) {
  return Rebuilder{std::cref(fn), Substitution{}}(e);
}

Expr substitute(Expr e, const Substitution& map) {
  return map.empty() ? e : Rebuilder{[](Expr same) { return same; }, map}(e);
}

void visit(Expr e, const std::function<void(Expr)>& fn) { Visitor{fn, {}}(e); }

std::vector<Expr> axes_of(Expr e) { return collect(e, Op::Axis); }

std::vector<Expr> loads_of(Expr e) { return collect(e, Op::Load); }

std::unordered_set<std::string> names_loaded(Expr e) {
  std::unordered_set<std::string> names;
  for (Expr load : loads_of(e)) names.insert(load->name());
  return names;
}

bool mentions_any(Expr e, const std::set<std::string>& names) {
  bool found = false;
  visit(e, [&](Expr x) {
    found |= (x->op == Op::Load || x->op == Op::Symbol) && names.count(x->name()) > 0;
  });
  return found;
}

bool uses(Expr e, Expr node) { return uses_any(e, {node}); }

bool contains(const std::vector<Expr>& list, Expr e) {
  return std::find(list.begin(), list.end(), e) != list.end();
}

bool uses_any(Expr e, const std::vector<Expr>& nodes) {
  bool found = false;
  visit(e, [&](Expr n) { found |= std::find(nodes.begin(), nodes.end(), n) != nodes.end(); });
  return found;
}

std::vector<Expr> symbols_of(Expr e) {
  std::vector<Expr> out = collect(e, Op::Symbol);
  for (Expr a : axes_of(e))
    for (Expr s : symbols_of(a->extent()))
      if (std::find(out.begin(), out.end(), s) == out.end()) out.push_back(s);
  return out;
}

Op complement(Op comparison) {
  switch (comparison) {
    case Op::Eq:
      return Op::Ne;
    case Op::Ne:
      return Op::Eq;
    case Op::Lt:
      return Op::Ge;
    case Op::Le:
      return Op::Gt;
    case Op::Gt:
      return Op::Le;
    default:
      return Op::Lt;
  }
}

}  // namespace flashlight::ir
