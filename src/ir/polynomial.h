// Polynomials over atoms (Int expressions that are no sum or product). Private to src/ir.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "ir/node.h"

namespace flashlight::ir {

/// A total order by structure: the same in every process, unlike Node::id.
int compare(Expr a, Expr b);
struct ByStructure {
  bool operator()(Expr a, Expr b) const { return compare(a, b) < 0; }
};

/// A product of atoms, sorted; empty is 1.
using Monomial = std::vector<Expr>;

/// Graded lexicographic, highest first: a monomial order, so that long division ends.
struct MonomialOrder {
  bool operator()(const Monomial& a, const Monomial& b) const;
};

/// Thrown inside simplify when a coefficient leaves 64 bits; never leaves src/ir.
struct CoefficientOverflow {};

class Polynomial {
 public:
  using Terms = std::map<Monomial, int64_t, MonomialOrder>;

  Polynomial() = default;
  explicit Polynomial(int64_t constant) { add({}, constant); }
  static Polynomial of_atom(Expr atom);

  const Terms& terms() const { return terms_; }
  bool zero() const { return terms_.empty(); }
  std::optional<int64_t> constant() const;  // if it is one
  int64_t constant_term() const;

  void add(const Monomial& monomial, int64_t coefficient);
  friend Polynomial operator+(const Polynomial& a, const Polynomial& b);
  friend Polynomial operator-(const Polynomial& a, const Polynomial& b);
  friend Polynomial operator*(const Polynomial& a, const Polynomial& b);
  friend Polynomial operator-(const Polynomial& a) { return Polynomial() - a; }
  friend bool operator==(const Polynomial&, const Polynomial&) = default;

  std::vector<Expr> atoms() const;  // distinct, sorted
  /// Coefficients of atom^0, atom^1 ...
  std::vector<Polynomial> by_powers(Expr atom) const;
  /// The sum as an expression: highest terms first, the constant last.
  Expr expr() const;

 private:
  Terms terms_;
};

struct Division {
  Polynomial quotient, remainder;
};
/// a = quotient * b + remainder, no monomial of the remainder divisible by the leading one of b
/// and, where b is a constant, each coefficient below it (the constant term in 0 .. b-1). Says
/// nothing of the remainder's value. b is not zero.
Division long_division(const Polynomial& a, const Polynomial& b);
std::optional<Polynomial> divide_exactly(const Polynomial& a, const Polynomial& b);

}  // namespace flashlight::ir
