// Where an element of the loop and an earlier reduction meet. A body is a sum of products; what
// depends on the loop alone, or on reductions alone, is left as it was written. What remains are
// places of three kinds, each of which one reference can stand in:
//   Exponential  exp(element - known)
//   Centred      element - known, known close to the elements (a mean, a largest element)
//   Homogeneous  abs(..), max(.., ..) over products with exp(exponent - known)
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "transform/algebra.h"
#include "transform/signs.h"

namespace flashlight::transform {

struct Place {
  enum class Kind { Exponential, Centred, Homogeneous };

  struct Part {
    Term outer;
    ir::Expr exponent;  // null: 0
  };

  Kind kind = Kind::Exponential;
  ir::Expr symbol = {};       // stands for the place in a Term
  ir::Expr written = {};      // Exponential: the argument (may be null); Homogeneous: the whole
  ir::Op op = ir::Op::Exp;    // Exp or Exp2; Abs, Max or Min
  ir::Op base = ir::Op::Abs;  // Homogeneous: Exp or Exp2 once found
  ir::Expr element = {};      // no reduction in it
  ir::Expr known = {};        // no element in it
  std::vector<std::vector<Part>> parts = {};  // Homogeneous: the arguments, each a sum
};

/// What a body may hold, and what is known of it.
struct Scope {
  std::vector<ir::Expr> leaves;
  std::set<std::string> live;  // reductions of this pass: not known before the loop ends
  Signs signs;
  /// Does this value, over reductions, lie among the elements (a sum over leaves), and inside the
  /// loop already among those seen? Then element - value is as large as eager's, or smaller.
  std::function<bool(ir::Expr, const Sum&)> lies_among;
};

class Places {
 public:
  explicit Places(Scope scope) : scope_(std::move(scope)) {}

  /// The body as a sum of products of places, elements and reductions. nullopt: an element and a
  /// reduction meet in a way that no reference repairs. Then only another pass helps.
  std::optional<Sum> decompose(ir::Expr body);

  const Place* find(ir::Expr symbol) const;
  const Signs& signs() const { return scope_.signs; }
  bool varies(ir::Expr e) { return bits(e) & kVaries; }
  bool waits(ir::Expr e) { return bits(e) & kWaits; }
  bool mixed(ir::Expr e) { return bits(e) == (kVaries | kWaits); }
  int bits(const Term& t);

  static constexpr int kVaries = 1;  // with the loop
  static constexpr int kWaits = 2;   // for a reduction of this pass

 private:
  using Addends = std::vector<std::pair<double, ir::Expr>>;

  int bits(ir::Expr e);
  Sum fail();
  Sum sum_of(ir::Expr e);
  Sum mixed_sum(ir::Expr e);
  Sum plain_sum(ir::Expr e);  // without naming centred places
  Sum unmixed(ir::Expr e);
  Sum product(const Sum& a, const Sum& b);
  Sum power(ir::Expr base, double p);
  Sum select(ir::Expr e);
  void collect(ir::Expr e, double sign, Addends& out);
  Sum addition(ir::Expr e);
  Sum exponential(ir::Expr e);
  Sum logarithm(ir::Expr e);
  Sum homogeneous(ir::Expr e);
  Term pull(std::vector<Sum>& sums);
  bool part(const Term& t, Place& place, Place::Part& out, Sum& known);
  Sum name(Place place, ir::Type type, Sign sign);

  Scope scope_;
  std::unordered_map<ir::Expr, int> bits_;
  std::vector<Place> places_;
  bool centre_ = true;
  bool failed_ = false;
};

/// [a and b] as a product of indicators.
Term indicator(ir::Expr condition);

}  // namespace flashlight::transform
