// The functions that an element and a reduction may meet in: exp, log, abs, max, min.
#include <cmath>

#include "transform/places.h"

namespace flashlight::transform {

using ir::Expr;
using ir::Op;
using ir::Type;

Sum Places::name(Place place, Type type, Sign sign) {
  for (const Place& p : places_) {
    const bool same = p.kind == place.kind && p.op == place.op && p.symbol->type == type;
    if (!same) continue;
    const bool equal =
        place.kind == Place::Kind::Homogeneous
            ? p.written == place.written
            : same_value(p.element, place.element) && same_value(p.known, place.known);
    if (equal) return {atom(p.symbol)};
  }
  const std::string text = "@" + std::to_string(places_.size());  // no name of a program has an @
  place.symbol = ir::symbol(text, type);
  bits_[place.symbol] = kVaries | kWaits;
  scope_.signs.learn(text, sign);
  places_.push_back(std::move(place));
  return {atom(places_.back().symbol)};
}

Sum Places::exponential(Expr e) {
  const Sum argument = plain_sum(e->args[0]);
  if (failed_) return {};
  Sum element, known;
  for (const Term& t : argument) {
    if (bits(t) == (kVaries | kWaits)) return fail();
    bits(t) & kVaries ? add(element, {t}) : add(known, {t}, Term{-1, {}});
  }
  if (element.empty() || known.empty())  // they cancel: (x + m) - x
    return {atom(ir::unary(e->op, to_expr(argument, e->type)))};
  return name({.kind = Place::Kind::Exponential,
               .written = e->args[0],
               .op = e->op,
               .element = to_expr(element, e->type),
               .known = to_expr(known, e->type)},
              e->type, Sign::Positive);
}

// log of a product is a sum of logs; eager's own would be -inf where the product underflows.
Sum Places::logarithm(Expr e) {
  const Sum s = sum_of(e->args[0]);
  if (failed_ || s.size() != 1 || !(s[0].coefficient > 0)) return fail();
  Sum out;
  add(out, {Term{std::log(s[0].coefficient), {}}});
  for (const auto& [f, p] : s[0].factors) {
    if (f->type == Type::Bool || scope_.signs.of(f) == Sign::Unknown) return fail();
    const Place* place = find(f);
    if (!place) {
      add(out, {atom(ir::unary(Op::Log, as(f, e->type)))}, Term{p, {}});
    } else if (place->kind == Place::Kind::Exponential) {
      const double scale = place->op == Op::Exp2 ? std::log(2.0) : 1.0;
      const Expr written = place->written;  // sum_of may move the places
      add(out, sum_of(written), Term{p * scale, {}});
    } else {
      return fail();
    }
  }
  return out;
}

// Factors that are not negative and stand in every term: abs(c g) = c abs(g).
Term Places::pull(std::vector<Sum>& sums) {
  Term shared;
  std::vector<std::pair<Expr, double>> candidates;
  for (const Sum& s : sums)
    if (!s.empty()) candidates = s[0].factors;
  for (const auto& factor : candidates) {
    const auto& [f, p] = factor;
    const bool element = varies(f) && !find(f);
    if (element || f->type == Type::Bool || scope_.signs.of(f) == Sign::Unknown) continue;
    bool everywhere = true;
    for (const Sum& s : sums)
      for (const Term& t : s)
        everywhere &= std::find(t.factors.begin(), t.factors.end(), factor) != t.factors.end();
    if (!everywhere) continue;
    shared.factors.push_back(factor);
    for (Sum& s : sums)
      for (Term& t : s) std::erase(t.factors, factor);
  }
  return shared;
}

// One term as outer * exp(exponent - known).
bool Places::part(const Term& t, Place& place, Place::Part& out, Sum& known) {
  Sum exponent;
  out.outer.coefficient = t.coefficient;
  for (const auto& factor : t.factors) {
    const auto& [f, p] = factor;
    const Place* inner = find(f);
    if (!(bits(f) & kWaits)) {
      out.outer.factors.push_back(factor);
      continue;
    }
    const Op op = inner ? inner->op : f->op;
    if ((op != Op::Exp && op != Op::Exp2) || (place.base != Op::Abs && place.base != op))
      return false;
    place.base = op;
    if (inner) {
      add(exponent, {atom(inner->element)}, Term{p, {}});
      add(known, expand(inner->known), Term{p, {}});
      continue;
    }
    for (const Term& k : expand(f->args[0])) {
      const bool later = bits(k) & kWaits;
      add(later ? known : exponent, {k}, Term{later ? -p : p, {}});
    }
  }
  if (!exponent.empty()) out.exponent = to_expr(exponent, place.written->type);
  return true;
}

Sum Places::homogeneous(Expr e) {
  std::vector<Sum> sums;
  for (Expr arg : e->args) sums.push_back(plain_sum(arg));
  if (failed_) return {};
  const Term shared = pull(sums);
  Place place{.kind = Place::Kind::Homogeneous, .written = e, .op = e->op};
  std::optional<Sum> known;
  bool still = true;
  for (const Sum& s : sums) {
    place.parts.emplace_back();
    for (const Term& t : s) {
      still &= !(bits(t) & kWaits);
      Sum k;
      if (!part(t, place, place.parts.back().emplace_back(), k)) return fail();
      if (known && !equal(*known, k)) return fail();
      known = k;
    }
  }
  if (still) {
    std::vector<Expr> args;
    for (const Sum& s : sums) args.push_back(to_expr(s, e->type));
    return product({shared}, unmixed(ir::with_args(e, std::move(args))));
  }
  place.known = to_expr(*known, e->type);
  bool never_negative = e->op == Op::Abs;
  if (e->op == Op::Max)
    for (const Sum& s : sums) never_negative |= s.empty();
  return multiply({shared}, name(std::move(place), e->type,
                                 never_negative ? Sign::NonNegative : Sign::Unknown));
}

}  // namespace flashlight::transform
