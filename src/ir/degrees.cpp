#include "ir/degrees.h"

#include <cmath>
#include <unordered_map>

namespace flashlight::ir {
namespace {

constexpr double kLn2 = 0.69314718055994531;

Degree other() { return {Degree::Other, 0}; }
Degree power(double by) { return {Degree::Power, by}; }
Degree shift(double by) { return {Degree::Shift, by}; }

class Degrees {
 public:
  explicit Degrees(const std::map<std::string, Degree>& known) : known_(known) {}

  Degree operator()(Expr e) {
    if (const auto it = done_.find(e); it != done_.end()) return it->second;
    const Degree found = find(e);
    return done_[e] = found;
  }

 private:
  Degree find(Expr e) {
    switch (e->op) {
      case Op::Const:
      case Op::Axis:
        return {};
      case Op::Symbol:
      case Op::Load: {
        const auto it = known_.find(e->name());
        return it == known_.end() ? Degree{} : it->second;
      }
      case Op::Where:
        return (*this)(e->args[0]).is_none() ? together(e->args[1], e->args[2]) : other();
      case Op::Cast:
        return is_float(e->type) && is_float(e->args[0]->type) ? (*this)(e->args[0]) : constant(e);
      case Op::Add:
      case Op::Sub:
        return sum(e);
      case Op::Mul:
      case Op::Div:
        return product(e);
      case Op::Max:
      case Op::Min:
        return together(e->args[0], e->args[1]);
      default:
        if (is_comparison(e->op))
          return together(e->args[0], e->args[1]).kind == Degree::Other ? other() : Degree{};
        return e->args.size() == 1 ? unary(e->op, (*this)(e->args[0]), e) : raised(e);
    }
  }

  Degree unary(Op op, const Degree& a, Expr e) {
    if (a.is_none()) return {};
    const bool is_power = a.kind == Degree::Power, is_shift = a.kind == Degree::Shift;
    switch (op) {
      case Op::Neg:
        return is_shift ? shift(-a.by) : a;
      case Op::Abs:
        return is_power ? a : other();
      case Op::Exp:
        return is_shift ? power(a.by) : other();
      case Op::Exp2:
        return is_shift ? power(a.by * kLn2) : other();
      case Op::Log:
        return is_power ? shift(a.by) : other();
      case Op::Log2:
        return is_power ? shift(a.by / kLn2) : other();
      case Op::Sqrt:
        return is_power ? power(a.by / 2) : other();
      case Op::Rsqrt:
        return is_power ? power(-a.by / 2) : other();
      case Op::Reciprocal:
        return is_power ? power(-a.by) : other();
      case Op::Sign:
        return is_power ? Degree{} : other();
      case Op::IsNan:
      case Op::IsInf:
        return a.kind == Degree::Other ? other() : Degree{};
      default:
        return constant(e);
    }
  }

  /// Of an op of which nothing is known but that it does not see d where no operand does.
  Degree constant(Expr e) {
    for (Expr a : e->args)
      if (!(*this)(a).is_none()) return other();
    return {};
  }

  Degree raised(Expr e) {
    const Degree a = (*this)(e->args[0]);
    if (e->op == Op::Pow && a.kind == Degree::Power && is_const(e->args[1]))
      return power(a.by * const_value(e->args[1]));
    return constant(e);
  }

  /// Of a choice between two values, or of their order.
  Degree together(Expr x, Expr y) {
    for (const auto& [one, two] : {std::pair(x, y), std::pair(y, x)})
      if (is_const(one) && is_free(const_value(one), (*this)(two))) return (*this)(two);
    const Degree a = (*this)(x), b = (*this)(y);
    if (a.is_none() && b.is_none()) return {};
    return a.kind == b.kind && is_near(a.by, b.by) ? a : other();
  }

  /// Whether the constant is the same after it followed d as well.
  static bool is_free(double value, const Degree& d) {
    if (d.kind == Degree::Other) return false;
    return !std::isfinite(value) || (value == 0 && d.kind == Degree::Power);
  }

  Degree sum(Expr e) {
    const Degree a = (*this)(e->args[0]), b = (*this)(e->args[1]);
    const bool powers = a.kind == Degree::Power && b.kind == Degree::Power;
    if (powers && is_near(a.by, b.by)) return a;
    if (powers || !is_shift(a) || !is_shift(b)) return together_with_zero(e, a, b);
    const double by = e->op == Op::Add ? a.by + b.by : a.by - b.by;
    return is_near(by, 0) ? Degree{} : shift(by);
  }

  static bool is_shift(const Degree& d) { return d.kind == Degree::Shift || d.is_none(); }

  static Degree together_with_zero(Expr e, const Degree& a, const Degree& b) {
    if (is_const(e->args[1], 0)) return a;
    return is_const(e->args[0], 0) ? b : other();
  }

  Degree product(Expr e) {
    const Degree a = (*this)(e->args[0]), b = (*this)(e->args[1]);
    if (a.is_none() && b.is_none()) return {};
    if (a.kind == Degree::Power && b.kind == Degree::Power) {
      const double by = e->op == Op::Mul ? a.by + b.by : a.by - b.by;
      return is_near(by, 0) ? Degree{} : power(by);
    }
    const bool scales_b = is_const(e->args[0]) && e->op == Op::Mul && b.kind == Degree::Shift;
    if (scales_b) return shift(b.by * const_value(e->args[0]));
    if (!is_const(e->args[1]) || a.kind != Degree::Shift) return other();
    const double factor = const_value(e->args[1]);
    return shift(e->op == Op::Mul ? a.by * factor : a.by / factor);
  }

  static bool is_near(double x, double y) { return std::fabs(x - y) <= 1e-12 * (1 + std::fabs(x)); }

  const std::map<std::string, Degree>& known_;
  std::unordered_map<Expr, Degree> done_;
};

}  // namespace

Degree degree_of(Expr e, const std::map<std::string, Degree>& known) { return Degrees(known)(e); }

}  // namespace flashlight::ir
