#include "ir/ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace flashlight::ir {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMost = std::numeric_limits<double>::max();

constexpr ValueRange kTruth{0, 1};

bool is_anything(const ValueRange& r) { return std::isnan(r.lo); }
bool holds_zero(const ValueRange& r) { return r.lo <= 0 && r.hi >= 0; }

/// What is made of finite values is finite.
ValueRange made(double lo, double hi, bool of_finite) {
  if (std::isnan(lo) || std::isnan(hi)) return ValueRange::anything();
  if (of_finite) lo = std::clamp(lo, -kMost, kMost), hi = std::clamp(hi, -kMost, kMost);
  return {lo, hi};
}

ValueRange sum(const ValueRange& a, const ValueRange& b) {
  if ((a.lo == -kInf && b.hi == kInf) || (a.hi == kInf && b.lo == -kInf))
    return ValueRange::anything();
  return made(a.lo + b.lo, a.hi + b.hi, a.is_finite() && b.is_finite());
}

ValueRange product(const ValueRange& a, const ValueRange& b) {
  const bool finite = a.is_finite() && b.is_finite();
  if ((!a.is_finite() && holds_zero(b)) || (!b.is_finite() && holds_zero(a)))
    return ValueRange::anything();
  const auto [lo, hi] = std::minmax({a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi});
  return made(lo, hi, finite);
}

ValueRange reciprocal(const ValueRange& a) {
  if (a.is_finite() && holds_zero(a)) return ValueRange::finite();
  if (holds_zero(a)) return ValueRange::anything();
  return made(1 / a.hi, 1 / a.lo, a.is_finite());
}

ValueRange power(const ValueRange& a, const ValueRange& b) {
  if (a.lo >= 0 && b.lo == b.hi) {
    const double x = std::pow(a.lo, b.lo), y = std::pow(a.hi, b.lo);
    return made(std::min(x, y), std::max(x, y), a.is_finite());
  }
  return a.is_finite() && b.is_finite() ? ValueRange::finite() : ValueRange::anything();
}

ValueRange compared(Op op, const ValueRange& a, const ValueRange& b) {
  const auto decided = [&](bool yes, bool no) {
    return yes ? ValueRange::at(1) : no ? ValueRange::at(0) : kTruth;
  };
  const bool same = a.lo == a.hi && b.is(a.lo), apart = a.hi < b.lo || b.hi < a.lo;
  switch (op) {
    case Op::Eq:
      return decided(same, apart);
    case Op::Ne:
      return decided(apart, same);
    case Op::Lt:
      return decided(a.hi < b.lo, a.lo >= b.hi);
    case Op::Le:
      return decided(a.hi <= b.lo, a.lo > b.hi);
    case Op::Gt:
      return decided(a.lo > b.hi, a.hi <= b.lo);
    default:
      return decided(a.lo >= b.hi, a.hi < b.lo);
  }
}

/// Of an op that grows with each of its operands.
ValueRange monotone(Op op, const ValueRange& a, const ValueRange& b) {
  return made(op_value(op, a.lo, b.lo), op_value(op, a.hi, b.hi), a.is_finite() && b.is_finite());
}

/// For roots and logarithms, which start at `least`.
ValueRange monotone_from(double least, Op op, const ValueRange& a) {
  return a.lo < least ? ValueRange::anything() : monotone(op, a, a);
}

class Ranges {
 public:
  explicit Ranges(const std::map<std::string, ValueRange>& known) : known_(known) {}

  ValueRange operator()(Expr e) {
    if (const auto it = done_.find(e); it != done_.end()) return it->second;
    const ValueRange found = find(e);
    return done_.emplace(e, found).first->second;
  }

 private:
  ValueRange find(Expr e) {
    switch (e->op) {
      case Op::Const:
        return ValueRange::at(const_value(e));
      case Op::Axis:
        return ValueRange::finite();
      case Op::Symbol:
      case Op::Load: {
        const auto it = known_.find(e->name());
        if (it != known_.end()) return it->second;
        return e->type == Type::Bool ? kTruth : ValueRange::finite();
      }
      case Op::Where: {
        const ValueRange c = (*this)(e->args[0]);
        if (c.lo == c.hi) return (*this)(e->args[c.lo != 0 ? 1 : 2]);
        const ValueRange a = (*this)(e->args[1]), b = (*this)(e->args[2]);
        if (is_anything(a) || is_anything(b)) return ValueRange::anything();
        return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
      }
      default:
        return computed(e);
    }
  }

  ValueRange computed(Expr e) {
    const ValueRange a = (*this)(e->args[0]);
    const ValueRange b = e->args.size() > 1 ? (*this)(e->args[1]) : a;
    if (e->op == Op::IsNan) return is_anything(a) ? kTruth : ValueRange::at(0);
    if (is_anything(a) || is_anything(b))
      return e->type == Type::Bool ? kTruth : ValueRange::anything();
    switch (e->op) {
      case Op::Cast:
        if (e->type == Type::Bool) return compared(Op::Ne, a, ValueRange::at(0));
        if (e->type == Type::Int && e->args[0]->type != Type::Int)
          return a.is_finite() ? monotone(Op::Trunc, a, a) : ValueRange::anything();
        return a;
      case Op::Neg:
        return {-a.hi, -a.lo};
      case Op::Abs:
        return {holds_zero(a) ? 0 : std::min(std::fabs(a.lo), std::fabs(a.hi)),
                std::max(std::fabs(a.lo), std::fabs(a.hi))};
      case Op::Add:
        return sum(a, b);
      case Op::Sub:
        return sum(a, {-b.hi, -b.lo});
      case Op::Mul:
        return product(a, b);
      case Op::Div:
        return a.is(0) && b.is_finite() ? a : product(a, reciprocal(b));
      case Op::Reciprocal:
        return reciprocal(a);
      case Op::Pow:
        return power(a, b);
      case Op::Log:
      case Op::Log2:
      case Op::Sqrt:
        return monotone_from(0, e->op, a);
      case Op::Log1p:
        return monotone_from(-1, e->op, a);
      case Op::Rsqrt:
        return a.lo < 0 ? ValueRange::anything() : reciprocal(monotone(Op::Sqrt, a, a));
      case Op::Exp:
      case Op::Exp2:
      case Op::Expm1:
      case Op::Tanh:
      case Op::Sigmoid:
      case Op::Erf:
      case Op::Sign:
      case Op::Floor:
      case Op::Ceil:
      case Op::Round:
      case Op::Trunc:
      case Op::Max:
      case Op::Min:
      case Op::And:
      case Op::Or:
        return monotone(e->op, a, b);
      case Op::Not:
        return {op_value(Op::Not, a.hi, 0), op_value(Op::Not, a.lo, 0)};
      case Op::IsInf:
        return a.is_finite() ? ValueRange::at(0) : a.lo == a.hi ? ValueRange::at(1) : kTruth;
      case Op::Xor:
        return kTruth;
      default:  // comparisons, remainders, sines
        if (is_comparison(e->op)) return compared(e->op, a, b);
        return a.is_finite() && b.is_finite() ? ValueRange::finite() : ValueRange::anything();
    }
  }

  const std::map<std::string, ValueRange>& known_;
  std::unordered_map<Expr, ValueRange> done_;
};

}  // namespace

ValueRange ValueRange::at(double v) { return std::isnan(v) ? anything() : ValueRange{v, v}; }
ValueRange ValueRange::finite() { return {-kMost, kMost}; }
ValueRange ValueRange::anything() { return {std::nan(""), std::nan("")}; }
bool ValueRange::is_finite() const { return lo >= -kMost && hi <= kMost; }

ValueRange range_of(Expr e, const std::map<std::string, ValueRange>& known) {
  return Ranges(known)(e);
}

}  // namespace flashlight::ir
