#include "codegen/cuda/scalar_text.h"

#include <cmath>
#include <limits>

#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

std::string type_name(Type type) {
  if (type == Type::Bool) return "bool";
  return type == Type::Int ? "i64" : "Real";
}

std::string combine_text(Reduce op, const std::string& a, const std::string& b) {
  switch (op) {
    case Reduce::Sum:
      return a + " + " + b;
    case Reduce::Prod:
      return a + " * " + b;
    case Reduce::Max:
      return "op_max(" + a + ", " + b + ")";
    case Reduce::Min:
      return "op_min(" + a + ", " + b + ")";
    case Reduce::Any:
      return a + " | " + b;  // both are evaluated: b may be a shuffle
    case Reduce::All:
      return a + " & " + b;
    default:
      throw InternalError("a value is combined by no reduction");
  }
}

std::string identity_text(Reduce op, Type type, bool single) {
  return literal_text(reduce_identity(op, type), single);
}

std::string literal_text(Expr e, bool single) {
  if (e->type == Type::Bool) return int_const(e) != 0 ? "true" : "false";
  if (e->type == Type::Int) {
    const int64_t n = int_const(e);
    if (n == std::numeric_limits<int64_t>::min()) return "(-9223372036854775807ll - 1)";
    return n < 0 ? "(" + std::to_string(n) + "ll)" : std::to_string(n) + "ll";
  }
  double x = const_value(e);
  if (single && std::fabs(x) > std::numeric_limits<float>::max()) x = std::copysign(INFINITY, x);
  if (std::isnan(x)) return "(Real)not_a_number()";
  if (std::isinf(x)) return x > 0 ? "(Real)infinity()" : "(-(Real)infinity())";
  const std::string text = real_literal(x, single);
  return text[0] == '-' ? "(" + text + ")" : text;
}

ScalarText::ScalarText(Writer& out, Leaf leaf, std::function<bool(Expr)> guarded, bool single,
                       std::string prefix)
    : out_(out),
      leaf_(std::move(leaf)),
      guarded_(std::move(guarded)),
      single_(single),
      prefix_(std::move(prefix)),
      known_(1) {}

std::string ScalarText::operator()(Expr e) {
  for (const auto& [node, n] : count_uses({e})) uses_[node] += n;
  return value(e);
}

std::string ScalarText::value(Expr e) {
  if (e->op == Op::Const) return literal_text(e, single_);
  for (const auto& block : known_)
    if (const auto it = block.find(e); it != block.end()) return it->second;
  std::string text = compute(e);
  const bool leaf = e->op == Op::Axis || e->op == Op::Symbol;
  if (leaf || (uses_[e] < 2 && e->op != Op::Load)) return text;
  const std::string name = fresh();
  out_.line("const " + type_name(e->type) + " " + name + " = " + text + ";");
  known_.back()[e] = name;
  return name;
}

std::string ScalarText::compute(Expr e) {
  if (e->op == Op::Axis || e->op == Op::Symbol) return leaf_(e, {});
  if (e->op == Op::Where && needs_branch(e)) return branches(e);
  std::vector<std::string> args;
  for (Expr arg : e->args) args.push_back(value(arg));
  return e->op == Op::Load ? leaf_(e, args) : operation(e, args);
}

/// Loads in a branch are evaluated there alone: elsewhere their index may be out of range.
std::string ScalarText::branches(Expr e) {
  const std::string condition = value(e->args[0]), name = fresh();
  out_.line(type_name(e->type) + " " + name + ";");
  out_.open("if (" + condition + ")");
  for (const int side : {1, 2}) {
    if (side == 2) out_.otherwise();
    known_.emplace_back();
    const std::string text = value(e->args[side]);
    out_.line(name + " = " + text + ";");
    known_.pop_back();
  }
  out_.close();
  known_.back()[e] = name;
  return name;
}

bool ScalarText::needs_branch(Expr e) {
  if (const auto it = branch_memo_.find(e); it != branch_memo_.end()) return it->second;
  bool needs = false;
  const size_t first = e->op == Op::Where ? 1 : 0;
  for (size_t k = first; k < e->args.size() && !needs; ++k)
    for (Expr load : loads_of(e->args[k])) needs = needs || guarded_(load);
  return branch_memo_[e] = needs;
}

std::string ScalarText::operation(Expr e, const std::vector<std::string>& args) const {
  const auto infix = [&](const char* sign) { return "(" + args[0] + sign + args[1] + ")"; };
  switch (e->op) {
    case Op::Where:
      return "(" + args[0] + " ? " + args[1] + " : " + args[2] + ")";
    case Op::Cast:
      if (e->type == Type::Bool) return "(" + args[0] + " != 0)";
      return "(" + type_name(e->type) + ")(" + args[0] + ")";
    case Op::Neg:
      return "(-" + args[0] + ")";
    case Op::Not:
      return "(!" + args[0] + ")";
    case Op::Add:
      return infix(" + ");
    case Op::Sub:
      return infix(" - ");
    case Op::Mul:
      return infix(" * ");
    case Op::Div:
      return infix(" / ");
    case Op::Eq:
      return infix(" == ");
    case Op::Ne:
    case Op::Xor:
      return infix(" != ");
    case Op::Lt:
      return infix(" < ");
    case Op::Le:
      return infix(" <= ");
    case Op::Gt:
      return infix(" > ");
    case Op::Ge:
      return infix(" >= ");
    case Op::And:
      return infix(" && ");
    case Op::Or:
      return infix(" || ");
    default:
      return "op_" + std::string(op_text(e->op)) + "(" + join(args, ", ") + ")";
  }
}

}  // namespace flashlight::codegen::cuda
