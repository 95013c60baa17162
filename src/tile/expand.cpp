#include "tile/expand.h"

#include <map>

#include "ir/rewrite.h"

namespace flashlight::tile {
namespace {

using namespace ir;

/// Inline statements seen so far, their own bodies already expanded.
class Inliner {
 public:
  Expr operator()(Expr e) const {
    if (!e) return e;
    return transform(e, [&](Expr n) {
      const auto it = n->op == Op::Load ? bodies_.find(n->name()) : bodies_.end();
      if (it == bodies_.end()) return n;
      Substitution at;
      for (size_t d = 0; d < n->args.size(); ++d) at[it->second.axes[d]] = n->args[d];
      return substitute(it->second.body, at);
    });
  }

  void list(std::vector<Statement>* statements) {
    std::vector<Statement> kept;
    for (Statement& s : *statements) {
      s.body = (*this)(s.body);
      if (s.storage == Storage::Inline)
        bodies_[s.name] = s;
      else
        kept.push_back(s);
    }
    *statements = kept;
  }

 private:
  std::map<std::string, Statement> bodies_;
};

void expand(Pass& p, const Inliner& outer) {
  Inliner partial = outer, full = outer;
  partial.list(&p.before);
  partial.list(&p.after);
  full.list(&p.before_full);
  full.list(&p.after_full);
  for (State& s : p.states) {
    s.body = partial(s.body);
    s.body_full = full(s.body_full);
  }
  for (auto& f : p.finals) f.body = outer(f.body);
  p.certificate = outer(p.certificate);
}

}  // namespace

Kernel without_inline(Kernel k) {
  Inliner inliner;
  inliner.list(&k.packs);
  inliner.list(&k.prologue);
  for (Pass& p : k.passes) expand(p, inliner);
  inliner.list(&k.epilogue);
  for (Store& o : k.outputs) o.body = inliner(o.body);
  return k;
}

}  // namespace flashlight::tile
