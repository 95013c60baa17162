#include "analysis/abstract.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::analysis {
namespace {

using namespace ir;

constexpr double kInf = std::numeric_limits<double>::infinity();
// A fill is this low or no fill at all. One that is added must also swamp the scores; the smallest
// finite fp16 number, -65504, does.
constexpr double kSelectedFill = -1e4, kAddedFill = -6e4;
// exp and exp2 below minus this are exactly 0 in fp32 and in fp64.
constexpr double kSingleMargin = 160, kDoubleMargin = 1100;

Abstract known(double v) { return {Abstract::Known, v, Expr(), false}; }

Abstract low(double fill, Expr row, bool added) {
  if (!(fill <= (added ? kAddedFill : kSelectedFill))) return {};
  if (fill == -kInf && !row) return known(-kInf);
  return {Abstract::Low, fill, row, added && fill != -kInf};
}

bool is_known(const Abstract& a, double v) { return a.kind == Abstract::Known && a.value == v; }

/// Known fills and Low values alike; nothing else.
bool as_low(Abstract a, Abstract* out) {
  if (a.kind == Abstract::Known) a = low(a.value, Expr(), false);
  if (a.kind == Abstract::Known) a.kind = Abstract::Low;  // -inf
  *out = a;
  return a.kind == Abstract::Low;
}

Abstract join(const Abstract& a, const Abstract& b) {
  if (a.kind == b.kind && a.value == b.value && a.row == b.row && a.added == b.added) return a;
  Abstract x, y;
  if (!as_low(a, &x) || !as_low(b, &y) || x.row || y.row) return {};
  if (x.value == -kInf || y.value == -kInf) return {};
  return low(std::max(x.value, y.value), Expr(), x.added || y.added);
}

bool is_positive(Expr e) {
  switch (e->op) {
    case Op::Const:
      return const_value(e) > 0;
    case Op::Exp:
    case Op::Exp2:
      return true;
    case Op::Sqrt:
    case Op::Rsqrt:
    case Op::Reciprocal:
      return is_positive(e->args[0]);
    case Op::Add:
    case Op::Mul:
    case Op::Div:
      return is_positive(e->args[0]) && is_positive(e->args[1]);
    case Op::Cast:
      return e->args[0]->type == Type::Int && known_le(constant(int64_t{1}), e->args[0]);
    default:
      return false;
  }
}

bool computes_in_double(const Stream& stream, const StreamPass& pass) {
  bool found = false;
  const auto look = [&](Expr e) { visit(e, [&](Expr n) { found |= n->type == Type::F64; }); };
  for (const Input& i : stream.inputs) found |= i.dtype == DType::F64;
  for (const Computation& c : stream.tiles) look(c.body);
  for (const StreamState& s : pass.states) look(s.body);
  return found;
}

}  // namespace

Expr inlined(const Stream& stream, Expr e) {
  return transform(e, [&](Expr n) {
    if (n->op != Op::Load) return n;
    for (const auto* list : {&stream.rows, &stream.tiles})
      for (const Computation& c : *list) {
        if (c.name != n->name() || c.op != Reduce::None) continue;
        Substitution at;
        for (size_t i = 0; i < c.axes.size(); ++i) at[c.axes[i]] = n->args[i];
        return substitute(inlined(stream, c.body), at);
      }
    return n;
  });
}

AbstractEvaluator::AbstractEvaluator(const Stream& stream, const StreamPass& pass,
                                     Assumption assumption)
    : stream_(stream),
      pass_(pass),
      assumption_(assumption),
      margin_(computes_in_double(stream, pass) ? kDoubleMargin : kSingleMargin) {
  for (const StreamReference& r : pass.references) references_.insert(r.name);
  for (const StreamPass& p : stream.passes) {
    if (&p == &pass || p == pass) break;
    for (const auto& f : p.finals) earlier_.insert(f.name);
  }
}

Abstract AbstractEvaluator::operator()(Expr e) {
  if (auto it = done_.find(e); it != done_.end()) return it->second;
  return done_[e] = evaluate(e);
}

Abstract AbstractEvaluator::evaluate(Expr e) {
  if (e == assumption_.condition) return known(assumption_.truth);
  switch (e->op) {
    case Op::Const:
      return known(const_value(e));
    case Op::Symbol:
    case Op::Axis:
      return {};
    case Op::Load:
      return tile(e);
    case Op::Where: {
      const Abstract c = (*this)(e->args[0]);
      if (c.kind == Abstract::Known) return (*this)(e->args[c.value != 0 ? 1 : 2]);
      return join((*this)(e->args[1]), (*this)(e->args[2]));
    }
    case Op::Cast: {
      const Abstract a = (*this)(e->args[0]);
      // Folded as a node, so that the types round as they do everywhere else.
      if (a.kind == Abstract::Known) {
        const Expr folded = cast(constant(a.value, e->args[0]->type), e->type);
        return is_const(folded) ? known(const_value(folded)) : Abstract{};
      }
      return is_float(e->type) ? a : Abstract{};
    }
    default:
      return elementwise(e);
  }
}

Abstract AbstractEvaluator::elementwise(Expr e) {
  const Abstract a = (*this)(e->args[0]);
  const Abstract b = e->args.size() > 1 ? (*this)(e->args[1]) : a;
  if (a.kind == Abstract::Known && b.kind == Abstract::Known)
    return known(op_value(e->op, a.value, b.value));
  switch (e->op) {
    case Op::Add:
      return b.kind == Abstract::Unknown ? sum(a, b, e->args[1], false)
                                         : sum(b, a, e->args[0], false);
    case Op::Sub:
      return b.kind == Abstract::Low ? Abstract{} : sum(a, b, e->args[1], true);
    case Op::Mul:
      return product(e, a, b);
    case Op::Div:
      return quotient(e, a, b);
    case Op::Exp:
    case Op::Exp2:
    case Op::Sigmoid:
      return a.kind == Abstract::Low && vanishes(a, e->type) ? known(0) : Abstract{};
    case Op::And:
      return is_known(a, 0) || is_known(b, 0) ? known(0) : Abstract{};
    case Op::Or:
      return is_known(a, 1) || is_known(b, 1) ? known(1) : Abstract{};
    case Op::Max: {
      // relu of a fill
      const Abstract& fill = a.kind == Abstract::Low ? a : b;
      const Abstract& floor = a.kind == Abstract::Low ? b : a;
      const bool below = fill.kind == Abstract::Low && !fill.row && floor.kind == Abstract::Known &&
                         floor.value >= fill.bound();
      return below ? floor : Abstract{};
    }
    default:
      return {};
  }
}

/// a + y or a - y, where b is what is known of y.
Abstract AbstractEvaluator::sum(const Abstract& a, const Abstract& b, Expr y, bool minus) {
  Abstract x;
  if (!as_low(a, &x) || b.kind == Abstract::Low) return {};
  if (b.kind == Abstract::Known) {
    if (!std::isfinite(b.value)) return {};
    return low(x.value + (minus ? -b.value : b.value), x.row, x.added);
  }
  if (!is_row(y)) return low(x.value, x.row, true);
  const Expr term = minus ? unary(Op::Neg, y) : y;
  return low(x.value, x.row ? x.row + term : term, x.added);
}

Abstract AbstractEvaluator::scaled(const Abstract& a, double factor) const {
  Abstract x;
  if (!(factor > 0) || !std::isfinite(factor) || !as_low(a, &x)) return {};
  const Expr row = x.row ? x.row * constant(factor, x.row->type) : Expr();
  return low(x.value * factor, row, x.added);
}

Abstract AbstractEvaluator::product(Expr e, const Abstract& a, const Abstract& b) {
  for (const bool swap : {false, true}) {
    const Abstract& x = swap ? b : a;
    const Abstract& y = swap ? a : b;
    const Expr other = e->args[swap ? 0 : 1];
    if (is_known(x, 0) && y.kind == Abstract::Low)
      return y.value == -kInf ? Abstract{} : known(0);  // 0 * -inf is NaN
    if (is_known(x, 0)) {
      // Data is taken to be finite; results of earlier passes need not be (0 / 0 of a dead row).
      visit(other, [&](Expr n) {
        if (!is_final(n) || !is_float(n->type)) return;
        const Expr size = unary(Op::Abs, n);
        certify(binary(Op::Lt, size, constant(kInf, n->type)));
        certify(binary(Op::Gt, size, constant(0.0, n->type)));
      });
      return known(0);
    }
    if (x.kind == Abstract::Known && y.kind == Abstract::Low) return scaled(y, x.value);
    if (is_known(x, -kInf) && is_positive(other)) return known(-kInf);
  }
  return {};
}

Abstract AbstractEvaluator::quotient(Expr e, const Abstract& a, const Abstract& b) {
  const Expr divisor = e->args[1];
  if (b.kind == Abstract::Known && b.value > 0) return scaled(a, 1 / b.value);
  if (b.kind != Abstract::Unknown) return {};
  if (is_known(a, -kInf) && is_positive(divisor)) return known(-kInf);
  if (!is_known(a, 0)) return {};
  if (!is_positive(divisor)) {
    if (!is_row(divisor)) return {};
    certify(binary(Op::Gt, unary(Op::Abs, divisor), constant(0.0, divisor->type)));
  }
  return known(0);
}

/// A value reduced inside the tile: of identities it is the identity.
Abstract AbstractEvaluator::tile(Expr load) {
  for (const Computation& c : stream_.tiles) {
    if (c.name != load->name() || c.op == Reduce::None || load->args != c.axes) continue;
    const Abstract body = (*this)(inlined(stream_, c.body));
    const bool repeats = c.op == Reduce::Max || c.op == Reduce::Min;
    const Expr identity = reduce_identity(c.op, c.body->type);
    if (body.kind == Abstract::Known && (repeats || body.value == const_value(identity)))
      return body;
  }
  return {};
}

/// exp of it is exactly 0, now or by a certificate.
bool AbstractEvaluator::vanishes(const Abstract& x, Type type) {
  if (!x.row) return x.bound() <= -margin_;
  if (x.value != -kInf) {
    certify(binary(Op::Lt, x.row, constant(-margin_ - x.bound(), type)));
  } else if (std::any_of(stream_.passes.begin(), stream_.passes.end(), [&](const StreamPass& p) {
               return std::any_of(p.finals.begin(), p.finals.end(), [&](const auto& f) {
                 return earlier_.count(f.name) && names_loaded(x.row).count(f.name);
               });
             })) {
    // -inf - (-inf) is NaN: a result of an earlier pass, unlike a reference, may be infinite.
    certify(binary(Op::Lt, x.row, constant(kInf, type)));
  }
  return true;
}

bool AbstractEvaluator::is_identity(const StreamState& state) {
  const Abstract v = (*this)(inlined(stream_, state.body));
  const Expr identity = reduce_identity(state.op, state.body->type);
  if (v.kind == Abstract::Known && v.value == const_value(identity)) return true;
  Abstract x;
  if (state.op != Reduce::Max || !is_float(state.body->type) || !as_low(v, &x)) return false;
  if (x.value == -kInf) return vanishes(x, state.body->type);
  const Expr largest = unary(Op::Neg, symbol(state.name, state.body->type));
  x.row = x.row ? x.row + largest : largest;
  return vanishes(x, state.body->type);
}

void AbstractEvaluator::certify(Expr condition) {
  condition = at_the_end(condition);
  if (std::find(certificates_.begin(), certificates_.end(), condition) == certificates_.end())
    certificates_.push_back(condition);
}

/// References have their true value at the end of the pass, and states that are results their name.
Expr AbstractEvaluator::at_the_end(Expr e) const {
  return transform(e, [&](Expr n) {
    if (n->op != Op::Symbol) return n;
    for (const StreamReference& r : pass_.references)
      if (r.name == n->name()) return symbol(r.follows, n->type);
    for (const auto& f : pass_.finals)
      if (f.body == n) return symbol(f.name, n->type);
    return n;
  });
}

bool AbstractEvaluator::is_final(Expr e) const {
  return e->op == Op::Load && earlier_.count(e->name());
}

bool AbstractEvaluator::is_row(Expr e) const {
  bool row = false, moves = false;
  visit(e, [&](Expr n) {
    row |= is_final(n) || (n->op == Op::Symbol && references_.count(n->name()));
    moves |= n == stream_.loop;
  });
  return row && !moves;
}

}  // namespace flashlight::analysis
