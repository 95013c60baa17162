#include "transform/combine.h"

#include <algorithm>

namespace flashlight::transform {

using ir::Expr;
using Kind = Place::Kind;

namespace {

// max(a, b) exp(e) = max(a exp(e), b exp(e))
void raise(Place& place, const Sum& element) {
  for (auto& sum : place.parts) {
    for (Place::Part& part : sum) {
      Sum exponent = element;
      if (part.exponent) add(exponent, {atom(part.exponent)});
      if (!element.empty()) part.exponent = to_expr(exponent, place.symbol->type);
    }
  }
}

class Gathering {
 public:
  explicit Gathering(Factors& factors) : factors_(factors) {}

  /// All exponentials in one place, inside of the homogeneous place if there is one.
  bool operator()() {
    std::vector<std::pair<Place, double>> others;
    for (const auto& [place, p] : factors_.places)
      if (place.kind == Kind::Homogeneous) host(place, p);
    for (const auto& [place, p] : factors_.places) {
      if (place.kind == Kind::Centred) others.emplace_back(place, p);
      if (place.kind == Kind::Exponential && !take(place, p)) return false;
    }
    std::erase_if(factors_.still, [&](const auto& f) {
      if (f.first->op != base()) return false;
      add(element_, {atom(f.first->args[0])}, Term{f.second, {}});
      return true;
    });
    finish();
    others.emplace(others.begin(), all_, power_);
    factors_.places = std::move(others);
    return true;
  }

 private:
  ir::Op& base() { return all_.kind == Kind::Homogeneous ? all_.base : all_.op; }

  void host(const Place& place, double p) {
    all_ = place;
    power_ = p;
    add(known_, {atom(place.known)});
  }

  bool take(const Place& place, double p) {
    if (all_.symbol && base() != place.op) return false;
    base() = place.op;
    if (!all_.symbol) all_.symbol = place.symbol;
    add(element_, {atom(place.element)}, Term{p, {}});
    add(known_, {atom(place.known)}, Term{p, {}});
    return true;
  }

  void finish() {
    const ir::Type type = all_.symbol->type;
    all_.known = to_expr(known_, type);
    if (all_.kind == Kind::Homogeneous)
      raise(all_, element_);
    else
      all_.element = to_expr(element_, type);
  }

  Factors& factors_;
  Place all_;
  double power_ = 1;
  Sum element_, known_;
};

}  // namespace

bool combine(const Draft& draft, Factors& factors) {
  int exponentials = 0, hosts = 0;
  bool own = true, plain = true;
  for (const auto& [place, p] : factors.places) {
    if (place.kind == Kind::Homogeneous) {
      ++hosts;
      plain = plain && p == 1;
    } else if (place.kind == Kind::Exponential) {
      ++exponentials;
      own = own && p > 0 &&
            draft.own_peak(place.element, factors.conditions, place.known).has_value();
    }
  }
  if (hosts > 1) return false;
  if (hosts == 0 && own) return true;
  if (hosts == 1 && exponentials == 0) return true;
  if (hosts == 1 && !plain) return false;
  return Gathering(factors)();
}

}  // namespace flashlight::transform
