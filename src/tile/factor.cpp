#include "tile/factor.h"

#include <unordered_map>

#include "ir/rewrite.h"

namespace flashlight::tile {
namespace {

using namespace ir;

bool has(Expr e, const Side& side) {
  bool found = false;
  visit(e, [&](Expr x) { found = found || side(x); });
  return found;
}

void collect_factors(Expr e, std::vector<Expr>& out) {
  if (e->op == Op::Mul) {
    collect_factors(e->args[0], out), collect_factors(e->args[1], out);
  } else {
    out.push_back(e);
  }
}

Expr times(Expr x, Expr y) { return x ? x * y : y; }

std::optional<Factors> product(Expr body, const Side& on_m, const Side& on_n) {
  std::vector<Expr> all;
  collect_factors(body, all);
  Factors f;
  for (Expr e : all) {
    bool m = has(e, on_m), n = has(e, on_n);
    if (m && n) return std::nullopt;
    (n ? f.b : f.a) = times(n ? f.b : f.a, e);
  }
  if (!f.b || !f.a) return std::nullopt;
  f.combine = symbol("a", body->type) * symbol("b", body->type);
  return f;
}

/// Replaces the maximal one-sided expressions; more than one per side is a failure.
class OneEach {
 public:
  OneEach(const Side& on_m, const Side& on_n) : on_m_(on_m), on_n_(on_n) {}
  bool failed = false;
  Factors found;

  Expr walk(Expr e) {
    bool m = has(e, on_m_), n = has(e, on_n_);
    if (!m && !n && !is_const(e)) failed = true;
    if (!m && !n) return e;
    if (m != n) return take(e, m ? found.a : found.b, m ? "a" : "b");
    if (e->op == Op::Load || e->args.empty()) failed = true;
    if (failed) return e;
    std::vector<Expr> args;
    for (Expr x : e->args) args.push_back(walk(x));
    return with_args(e, args);
  }

 private:
  Expr take(Expr e, Expr& slot, const char* name) {
    if (slot && slot != e) failed = true;
    slot = e;
    if (!is_float(e->type)) failed = true;
    return symbol(name, e->type);
  }

  const Side& on_m_;
  const Side& on_n_;
};

void collect_terms(int sign, Expr e, std::vector<std::pair<int, Expr>>& out) {
  if (e->op == Op::Add || e->op == Op::Sub) {
    collect_terms(sign, e->args[0], out);
    collect_terms(e->op == Op::Add ? sign : -sign, e->args[1], out);
  } else if (e->op == Op::Neg) {
    collect_terms(-sign, e->args[0], out);
  } else {
    out.push_back({sign, e});
  }
}

}  // namespace

std::optional<Factors> factor(Expr body, const Side& on_m, const Side& on_n) {
  if (auto p = product(body, on_m, on_n)) return p;
  OneEach one(on_m, on_n);
  Expr combine = one.walk(body);
  if (one.failed || !one.found.a || !one.found.b) return std::nullopt;
  one.found.combine = combine;
  return one.found;
}

std::vector<std::pair<int, Expr>> terms(Expr body) {
  std::vector<std::pair<int, Expr>> out;
  collect_terms(1, body, out);
  return out;
}

}  // namespace flashlight::tile
