#include "ir/polynomial.h"

#include <algorithm>
#include <set>

#include "support/error.h"

namespace flashlight::ir {
namespace {

// Axes first and symbols last, so that a product reads `i * s0`.
int rank(Op op) { return op == Op::Axis ? 0 : op == Op::Symbol ? 1000 : 1 + static_cast<int>(op); }

template <typename T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// Shorter names first, so that s9 stands before s10.
int compare_names(const std::string& a, const std::string& b) {
  if (int c = three_way(a.size(), b.size())) return c;
  return three_way(a, b);
}

int compare_attrs(const Attr& a, const Attr& b) {
  if (int c = three_way(a.index(), b.index())) return c;
  if (const std::string* name = std::get_if<std::string>(&a))
    return compare_names(*name, std::get<std::string>(b));
  return three_way(a, b);
}

int64_t add_checked(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_add_overflow(a, b, &out)) throw CoefficientOverflow();
  return out;
}

int64_t mul_checked(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_mul_overflow(a, b, &out)) throw CoefficientOverflow();
  return out;
}

Monomial product(const Monomial& a, const Monomial& b) {
  Monomial out;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out), ByStructure());
  return out;
}

std::optional<Monomial> quotient(const Monomial& a, const Monomial& b) {
  if (!std::includes(a.begin(), a.end(), b.begin(), b.end(), ByStructure())) return std::nullopt;
  Monomial out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out),
                      ByStructure());
  return out;
}

Expr term_expr(const Monomial& monomial, int64_t coefficient) {
  Expr out;
  if (coefficient != 1 || monomial.empty()) out = constant(coefficient);
  for (Expr atom : monomial) out = out ? out * atom : atom;
  return out;
}

// How often the leading coefficient of a divisor is taken out of a term's coefficient.
int64_t times(int64_t coefficient, int64_t divisor, bool constant_by_constant) {
  if (divisor == -1) return mul_checked(coefficient, -1);
  if (constant_by_constant) return *int_value(Op::FloorDiv, coefficient, divisor);
  return coefficient / divisor;
}

}  // namespace

int compare(Expr a, Expr b) {
  if (a == b) return 0;
  if (int c = three_way(rank(a->op), rank(b->op))) return c;
  if (int c = compare_attrs(a->attr, b->attr)) return c;
  if (int c = three_way(a->type, b->type)) return c;
  if (int c = three_way(a->args.size(), b->args.size())) return c;
  for (size_t i = 0; i < a->args.size(); ++i)
    if (int c = compare(a->args[i], b->args[i])) return c;
  return three_way(a->hash, b->hash);
}

bool MonomialOrder::operator()(const Monomial& a, const Monomial& b) const {
  if (a.size() != b.size()) return a.size() > b.size();
  for (size_t i = 0; i < a.size(); ++i)
    if (int c = compare(a[i], b[i])) return c < 0;
  return false;
}

Polynomial Polynomial::of_atom(Expr atom) {
  Polynomial p;
  p.add({atom}, 1);
  return p;
}

std::optional<int64_t> Polynomial::constant() const {
  if (zero()) return 0;
  if (terms_.size() == 1 && terms_.begin()->first.empty()) return terms_.begin()->second;
  return std::nullopt;
}

int64_t Polynomial::constant_term() const {
  const auto it = terms_.find({});
  return it == terms_.end() ? 0 : it->second;
}

void Polynomial::add(const Monomial& monomial, int64_t coefficient) {
  if (coefficient == 0) return;
  const auto [it, inserted] = terms_.try_emplace(monomial, coefficient);
  if (inserted) return;
  it->second = add_checked(it->second, coefficient);
  if (it->second == 0) terms_.erase(it);
}

Polynomial operator+(const Polynomial& a, const Polynomial& b) {
  Polynomial out = a;
  for (const auto& [monomial, c] : b.terms_) out.add(monomial, c);
  return out;
}

Polynomial operator-(const Polynomial& a, const Polynomial& b) {
  Polynomial out = a;
  for (const auto& [monomial, c] : b.terms_) out.add(monomial, mul_checked(c, -1));
  return out;
}

Polynomial operator*(const Polynomial& a, const Polynomial& b) {
  Polynomial out;
  for (const auto& [m, c] : a.terms_)
    for (const auto& [n, d] : b.terms_) out.add(product(m, n), mul_checked(c, d));
  return out;
}

std::vector<Expr> Polynomial::atoms() const {
  std::set<Expr, ByStructure> found;
  for (const auto& [monomial, c] : terms_) found.insert(monomial.begin(), monomial.end());
  return {found.begin(), found.end()};
}

std::vector<Polynomial> Polynomial::by_powers(Expr atom) const {
  std::vector<Polynomial> out(1);
  for (const auto& [monomial, c] : terms_) {
    Monomial rest;
    for (Expr a : monomial)
      if (a != atom) rest.push_back(a);
    const size_t power = monomial.size() - rest.size();
    if (out.size() <= power) out.resize(power + 1);
    out[power].add(rest, c);
  }
  return out;
}

Expr Polynomial::expr() const {
  Expr out;
  // A positive term first where there is one: `s0 - i`, not `-1 * i + s0`.
  const auto first = std::find_if(terms_.begin(), terms_.end(),
                                  [](auto& t) { return t.second > 0 && !t.first.empty(); });
  if (first != terms_.end()) out = term_expr(first->first, first->second);
  for (auto it = terms_.begin(); it != terms_.end(); ++it) {
    const auto& [monomial, c] = *it;
    if (it == first) continue;
    const bool negate = out && c < 0 && c != INT64_MIN;
    const Expr term = term_expr(monomial, negate ? -c : c);
    out = !out ? term : negate ? out - term : out + term;
  }
  return out ? out : ir::constant(int64_t{0});
}

Division long_division(const Polynomial& a, const Polynomial& b) {
  FLASHLIGHT_CHECK(!b.zero(), "division by the zero polynomial");
  const auto& [lead, divisor] = *b.terms().begin();
  Division out;
  Polynomial rest = a;
  while (!rest.zero()) {
    const auto [monomial, c] = *rest.terms().begin();
    const auto factor = quotient(monomial, lead);
    const int64_t n = factor ? times(c, divisor, lead.empty() && monomial.empty()) : 0;
    Polynomial taken;
    if (n != 0) {
      taken.add(*factor, n);
      out.quotient = out.quotient + taken;
      rest = rest - taken * b;
    }
    // What is left of this term cannot be divided further.
    const auto left = rest.terms().find(monomial);
    if (left == rest.terms().end()) continue;
    const int64_t kept = left->second;
    out.remainder.add(monomial, kept);
    rest.add(monomial, -kept);
  }
  return out;
}

std::optional<Polynomial> divide_exactly(const Polynomial& a, const Polynomial& b) {
  if (b.zero()) return std::nullopt;
  Division d = long_division(a, b);
  if (!d.remainder.zero()) return std::nullopt;
  return d.quotient;
}

}  // namespace flashlight::ir
