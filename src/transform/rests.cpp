#include "transform/rests.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/rewrite.h"
#include "transform/combine.h"

namespace flashlight::transform {

using ir::Expr;
using ir::Op;
using ir::Type;

namespace {

constexpr size_t kMaxStates = 8;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// value(r') = factor * value(r), or value(r) + shift.
struct Moving {
  Expr value;  // at the reference; its `power` is in the rest
  double power;
  std::string reference;
  Expr factor = {};
  Expr shift = {};
};

Expr moved(Expr reference) { return ir::symbol(reference->name() + "'", reference->type); }

double choose(int n, int k) {
  double out = 1;
  for (int i = 1; i <= k; ++i) out = out * (n - k + i) / i;
  return out;
}

// exp(s), with exp(k log a) = a^k.
Term exponential_of(const Sum& s, Op op, Type type) {
  const Op inverse = op == Op::Exp ? Op::Log : Op::Log2;
  Term out;
  Sum left;
  for (const Term& t : s) {
    const bool log =
        t.factors.size() == 1 && t.factors[0].second == 1 && t.factors[0].first->op == inverse;
    if (log)
      out = multiply(out, atom(t.factors[0].first->args[0], t.coefficient));
    else
      add(left, {t});
  }
  if (left.empty()) return out;
  const Sum factor = expand(ir::unary(op, to_expr(left, type)));
  return factor.empty() ? Term{0, {}} : multiply(out, factor[0]);  // exp(-1e9) is 0
}

class Rest {
 public:
  Rest(Draft& draft, Places& places, Type type) : draft_(draft), places_(places), type_(type) {}

  bool build(const Term& term) {
    split(term);
    if (!combine(draft_, factors_)) return false;
    for (const auto& [place, p] : factors_.places)
      if (!stand_in(place, p)) return false;
    for (const auto& [place, p] : factors_.places)
      if (place.kind == Place::Kind::Centred && !centred(place, p)) return false;
    ratios();
    return true;
  }

  std::optional<Term> close() {
    std::vector<int> powers;
    size_t states = 1;
    for (const Moving& m : moving_) {
      powers.push_back(m.shift ? static_cast<int>(m.power) : 0);
      states *= powers.back() + 1;
    }
    if (states > kMaxStates) return std::nullopt;
    const Expr main = state(powers);
    for (const auto& at : below(powers)) {
      const std::vector<std::string> references = used(at);
      if (!references.empty()) draft_.set_move(state(at), row(at));
    }
    return multiply(atom(main), coefficient_);
  }

 private:
  using Powers = std::vector<int>;

  void split(const Term& term) {
    coefficient_.coefficient = term.coefficient;
    for (const auto& factor : term.factors) {
      const Expr f = factor.first;
      if (const Place* place = places_.find(f)) {
        factors_.places.emplace_back(*place, factor.second);
      } else if (!places_.varies(f)) {
        coefficient_.factors.push_back(factor);
      } else if (f->type == Type::Bool) {
        factors_.conditions.push_back(f);
      } else {
        factors_.still.push_back(factor);
      }
    }
  }

  bool stand_in(const Place& place, double p) {
    switch (place.kind) {
      case Place::Kind::Exponential:
        exponential(place, p);
        return true;
      case Place::Kind::Homogeneous:
        return p > 0 && homogeneous(place, p);
      case Place::Kind::Centred:
        return p > 0 && p == std::nearbyint(p);
    }
    return false;
  }

  void exponential(const Place& place, double p) {
    const auto signed_ = [&](Expr e) { return p < 0 ? ir::unary(Op::Neg, e) : e; };
    const Expr element = signed_(place.element), known = signed_(place.known);
    const Peak peak = draft_.peak(element, factors_.conditions, known);
    const double start = peak.scale.coefficient < 0 ? kInfinity : -kInfinity;
    const Expr r = draft_.reference(peak.name, *draft_.target(peak.name),
                                    ir::constant(start, peak.name->type));
    const auto bound = [&](Expr at) {
      return to_expr(multiply(peak.scale, atom(at)), place.symbol->type);
    };
    Sum left = expand(bound(peak.name));
    add(left, expand(known), Term{-1, {}});
    // Where eager subtracts just this bound, its own expression is kept.
    Expr argument = element - bound(r);
    if (left.empty() && place.written) {
      const Expr written = ir::substitute(signed_(place.written), {{peak.name, r}});
      if (!places_.waits(written)) argument = written;
    }
    const Expr step = bound(r - moved(r));
    moving_.push_back(
        {ir::unary(place.op, argument), std::fabs(p), r->name(), ir::unary(place.op, step)});
    const Term by = exponential_of(left, place.op, place.symbol->type);
    coefficient_ = multiply(coefficient_, transform::power(by, std::fabs(p)));
  }

  // The largest exponent, over all parts and elements.
  Expr largest(const Place& place, double* start) {
    const Type type = place.symbol->type;
    Expr bound;
    *start = -kInfinity;
    for (const auto& sum : place.parts) {
      for (const Place::Part& part : sum) {
        Expr e = part.exponent ? part.exponent : ir::constant(0.0, type);
        if (places_.varies(e)) {
          const Peak peak = draft_.peak(e, factors_.conditions, place.known);
          e = to_expr(multiply(peak.scale, atom(peak.name)), type);
        } else if (ir::is_const(e)) {
          *start = std::max(*start, ir::const_value(e));
        }
        bound = bound ? ir::binary(Op::Max, bound, e) : e;
      }
    }
    return bound;
  }

  Expr at_reference(const Place& place, Expr r) {
    const Type type = place.symbol->type;
    std::vector<Expr> args;
    for (const auto& sum : place.parts) {
      Sum out;
      for (const Place::Part& part : sum) {
        const Expr e = part.exponent ? part.exponent - r : ir::unary(Op::Neg, r);
        add(out, {multiply(part.outer, atom(ir::unary(place.base, e)))});
      }
      args.push_back(to_expr(out, type));
    }
    return args.size() == 1 ? ir::unary(place.op, args[0]) : ir::binary(place.op, args[0], args[1]);
  }

  bool homogeneous(const Place& place, double p) {
    double start;
    const Expr bound = largest(place, &start);
    const Expr name = draft_.named(bound);
    const auto target = draft_.target(name);
    if (!target) return false;
    const Expr r = draft_.reference(name, *target, ir::constant(start, name->type));
    moving_.push_back({at_reference(place, r), p, r->name(), ir::unary(place.base, r - moved(r))});
    Sum left = expand(name);
    add(left, expand(place.known), Term{-1, {}});
    const Term by = exponential_of(left, place.base, place.symbol->type);
    coefficient_ = multiply(coefficient_, transform::power(by, p));
    return true;
  }

  // A polynomial needs a finite reference: before the first live element it stays at 0. Beside an
  // exponential that follows the same value there is nothing to add up before that, so they share.
  bool centred(const Place& place, double p) {
    const Expr name = draft_.named(place.known);
    const auto target = draft_.target(name);
    if (!target) return false;
    Expr r;
    for (const Reference& known : draft_.pass().references)
      for (const Moving& m : moving_)
        if (m.factor && m.reference == known.name && known.follows == name->name())
          r = ir::symbol(known.name, name->type);
    if (!r) {
      const Expr zero = ir::constant(0.0, name->type);
      const Expr finite =
          ir::binary(Op::Lt, ir::unary(Op::Abs, *target), ir::constant(kInfinity, name->type));
      r = draft_.reference(name, ir::where(finite, *target, zero), zero);
    }
    moving_.push_back({place.element - as(r, place.symbol->type), p, r->name(), {}, r - moved(r)});
    return true;
  }

  // x^p / d^q with p, q >= 2: the parts may overflow, the power of the ratio does not.
  void ratios() {
    for (auto& [d, q] : coefficient_.factors) {
      if (q > -2 || !places_.waits(d) || d->type == Type::Bool) continue;
      const auto target = draft_.target(d);
      if (!target) continue;
      for (auto& [x, p] : factors_.still) {
        const double k = std::min(p, -q);
        if (k < 2 || !draft_.dominates(d, x)) continue;
        const Expr name = draft_.named(d);
        const Expr one = ir::constant(1.0, d->type), zero = ir::constant(0.0, d->type);
        const Expr positive = ir::where(ir::binary(Op::Gt, *target, zero), *target, one);
        const Expr r = draft_.reference(name, positive, one);
        moving_.push_back({x / as(r, x->type), k, r->name(), r / moved(r)});
        p -= k;
        q += k;
      }
    }
    const auto gone = [](const auto& f) { return f.second == 0; };
    std::erase_if(coefficient_.factors, gone);
    std::erase_if(factors_.still, gone);
  }

  int leaf_index(Expr e) const {
    const auto& leaves = draft_.leaves();
    const auto it = std::find(leaves.begin(), leaves.end(), e);
    return it == leaves.end() ? -1 : static_cast<int>(it - leaves.begin());
  }

  // Places, then functions of elements, then elements; the last one outside of the mask, so that
  // the body reads as a contraction f(i, j) * v(j, c).
  Expr body(const Powers& at) {
    Term f;
    for (size_t i = 0; i < moving_.size(); ++i) {
      const double p = moving_[i].shift ? at[i] : moving_[i].power;
      if (p != 0) f = multiply(f, atom(moving_[i].value, p));
    }
    auto still = factors_.still;
    std::stable_sort(still.begin(), still.end(), [&](const auto& a, const auto& b) {
      return leaf_index(a.first) < leaf_index(b.first);
    });
    Expr last;
    const bool more = !f.factors.empty() || still.size() > 1;
    if (more && !still.empty() && still.back().second == 1 && leaf_index(still.back().first) >= 0) {
      last = as(still.back().first, type_);
      still.pop_back();
    }
    for (const auto& [e, p] : still) f = multiply(f, atom(e, p));
    for (Expr c : factors_.conditions) f = multiply(f, atom(c));
    const Expr e = to_expr(f, type_);
    return last ? e * last : e;
  }

  std::vector<std::string> used(const Powers& at) const {
    std::vector<std::string> out;
    for (size_t i = 0; i < moving_.size(); ++i)
      if (!moving_[i].shift || at[i] > 0) out.push_back(moving_[i].reference);
    return out;
  }

  Expr state(const Powers& at) { return draft_.state(ir::Reduce::Sum, body(at), used(at)); }

  static std::vector<Powers> below(const Powers& top) {
    std::vector<Powers> out{Powers(top.size(), 0)};
    for (size_t i = 0; i < top.size(); ++i) {
      const size_t n = out.size();
      for (int p = 1; p <= top[i]; ++p) {
        for (size_t k = 0; k < n; ++k) {
          out.push_back(out[k]);
          out.back()[i] = p;
        }
      }
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

  // Binomial in each shifted factor, times the factors of the others.
  std::map<std::string, Expr> row(const Powers& at) {
    Term factor;
    for (const Moving& m : moving_)
      if (m.factor) factor = multiply(factor, atom(power_of(as(m.factor, type_), m.power)));
    std::map<std::string, Expr> out;
    for (const Powers& to : below(at)) {
      Term t = factor;
      for (size_t i = 0; i < at.size(); ++i) {
        if (at[i] == to[i]) continue;
        t = multiply(t, atom(moving_[i].shift, at[i] - to[i]));
        t.coefficient *= choose(at[i], to[i]);
      }
      out[state(to)->name()] = to_expr(t, type_);
    }
    return out;
  }

  Draft& draft_;
  Places& places_;
  Type type_;
  Term coefficient_;
  Factors factors_;
  std::vector<Moving> moving_;
};

}  // namespace

std::optional<Term> add_rest(Draft& draft, Places& places, const Term& term, Type type) {
  Rest rest(draft, places, type);
  if (!rest.build(term)) return std::nullopt;
  return rest.close();
}

}  // namespace flashlight::transform
