#include "transform/signs.h"

#include <algorithm>
#include <cmath>

namespace flashlight::transform {

using ir::Expr;
using ir::Op;
using ir::Type;

namespace {

Sign of_const(double value) {
  return value > 0 ? Sign::Positive : (value == 0 ? Sign::NonNegative : Sign::Unknown);
}

bool even(double p) { return std::fmod(p, 2) == 0; }

}  // namespace

Sign Signs::of(const Term& t) const {
  Sign sign = of_const(t.coefficient);
  for (const auto& [f, p] : t.factors) {
    Sign factor = f->type == Type::Bool ? Sign::NonNegative : of(f);
    if (factor == Sign::Unknown && even(p)) factor = Sign::NonNegative;
    sign = std::min(sign, factor);
  }
  return sign;
}

Sign Signs::of(Expr e) const {
  const auto arg = [&](int i) { return of(e->args[i]); };
  switch (e->op) {
    case Op::Const:
      return of_const(ir::const_value(e));
    case Op::Symbol:
      if (positive.contains(e->name())) return Sign::Positive;
      return nonnegative.contains(e->name()) ? Sign::NonNegative : Sign::Unknown;
    case Op::Exp:
    case Op::Exp2:
    case Op::Sigmoid:
      return Sign::Positive;
    case Op::Abs:
    case Op::Sqrt:
      return std::max(arg(0), Sign::NonNegative);
    case Op::Rsqrt:
      return Sign::Positive;
    case Op::Cast:
      return e->args[0]->type == Type::Bool ? Sign::NonNegative : arg(0);
    case Op::Reciprocal:
      return arg(0);
    case Op::Mul:
      if (e->args[0] == e->args[1]) return std::max(arg(0), Sign::NonNegative);
      return std::min(arg(0), arg(1));
    case Op::Pow:
      if (arg(0) != Sign::Unknown) return arg(0);
      return ir::is_const(e->args[1]) && even(ir::const_value(e->args[1])) ? Sign::NonNegative
                                                                           : Sign::Unknown;
    case Op::Add:
      if (std::min(arg(0), arg(1)) == Sign::Unknown) return Sign::Unknown;
      return std::max(arg(0), arg(1));
    case Op::Div:
    case Op::Min:
      return std::min(arg(0), arg(1));
    case Op::Max:
      return std::max(arg(0), arg(1));
    case Op::Where:
      return std::min(arg(1), arg(2));
    default:
      return Sign::Unknown;
  }
}

Sign Signs::of(ir::Reduce op, Expr body) const {
  switch (op) {
    case ir::Reduce::Sum:
    case ir::Reduce::Prod:
    case ir::Reduce::Max:
    case ir::Reduce::Min:
      return of(body);
    default:
      return Sign::Unknown;
  }
}

void Signs::learn(const std::string& name, Sign sign) {
  if (sign == Sign::Positive) positive.insert(name);
  if (sign == Sign::NonNegative) nonnegative.insert(name);
}

}  // namespace flashlight::transform
