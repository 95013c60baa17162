// The small algebra behind semantic fusion: sums of products of powers of atoms, over our own
// nodes. An atom is any expression that is not taken apart: a Symbol, exp(..), max(..). A factor
// of type Bool is an indicator: 1 where it holds, else 0. Order of appearance is kept, so that what
// comes back looks like what went in.
#pragma once
#include <optional>
#include <utility>
#include <vector>

#include "ir/node.h"

namespace flashlight::transform {

/// coefficient * product of factor^power; factors are distinct.
struct Term {
  double coefficient = 1;
  std::vector<std::pair<ir::Expr, double>> factors;
};

/// No two terms have the same factors; none has coefficient 0.
using Sum = std::vector<Term>;

/// Above this many terms a product stays closed: the form would cost more than another pass.
constexpr size_t kMaxTerms = 64;

Term atom(ir::Expr e, double power = 1);
Term multiply(const Term& a, const Term& b);
/// Also for powers that are no integers: the caller knows that the factors are not negative.
Term power(const Term& a, double p);
bool alike(const Term& a, const Term& b);  // the same factors

void add(Sum& a, const Sum& b, const Term& scale = {});
Sum multiply(const Sum& a, const Sum& b);
bool equal(const Sum& a, const Sum& b);  // in any order

/// e taken apart as far as sums, products, quotients and small integer powers go; casts between
/// float types are transparent.
Sum expand(ir::Expr e);
/// t with a = t * b.
std::optional<Term> ratio(const Sum& a, const Sum& b);
bool same_value(ir::Expr a, ir::Expr b);  // known equal

ir::Expr to_expr(const Term& t, ir::Type type);
/// Factors that all terms share, denominators above all, are applied once.
ir::Expr to_expr(const Sum& s, ir::Type type);
ir::Expr power_of(ir::Expr base, double p);
ir::Expr as(ir::Expr e, ir::Type type);  // cast where needed

}  // namespace flashlight::transform
