#include "codegen/cpu/body.h"

#include <cmath>
#include <functional>

#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cpu {
namespace {

constexpr size_t kLongText = 72;  // an expression of one use beyond this gets a name

std::unordered_set<Expr> certain(const std::vector<Expr>& roots) {
  std::unordered_set<Expr> found;
  const std::function<void(Expr)> walk = [&](Expr e) {
    if (!found.insert(e).second || e->op == ir::Op::Axis) return;
    if (e->op == ir::Op::Where) return walk(e->args[0]);
    for (Expr arg : e->args) walk(arg);
  };
  for (Expr root : roots) walk(root);
  return found;
}

// A product instead of a division, which takes as long as six of them: exact for powers of two,
// within 1 ulp otherwise (not in double, where nobody looks for speed).
bool multiplies(Expr divisor, bool single) {
  if (!ir::is_const(divisor)) return false;
  const double value = std::fabs(ir::const_value(divisor));
  int exponent = 0;
  return value > 1e-30 && value < 1e30 && (single || std::frexp(value, &exponent) == 0.5);
}

std::string constant_text(Expr e, bool single) {
  const double value = ir::const_value(e);
  if (e->type == ir::Type::Bool) return value != 0 ? "true" : "false";
  if (e->type == ir::Type::Int) return "i64(" + std::to_string(std::get<int64_t>(e->attr)) + ")";
  if (std::isnan(value)) return "T(__builtin_nan(\"\"))";
  if (std::isinf(value)) return value < 0 ? "-kInf<T>" : "kInf<T>";
  return real_literal(value, single);
}

}  // namespace

Body::Body(const Plan& plan, const Scope& scope, Expr lane, const std::vector<Expr>& roots)
    : plan_(plan),
      scope_(scope),
      lane_(lane),
      names_(plan.names),
      levels_(1),
      uses_(count_uses(roots)),
      roots_(roots),
      certain_(certain(roots)) {}

void Body::enter(Expr axis) {
  loops_.push_back(axis);
  entered_[axis] = static_cast<int>(levels_.size());
  if (axis == lane_) lane_level_ = static_cast<int>(levels_.size());
  levels_.emplace_back();
}

std::vector<std::string> Body::leave() {
  const int level = depth();
  std::erase_if(known_, [&](const auto& entry) { return entry.second.level >= level; });
  std::erase_if(pointers_, [&](const auto& entry) { return entry.second.level >= level; });
  entered_.erase(loops_.back());
  loops_.pop_back();
  std::vector<std::string> lines = std::move(levels_.back());
  levels_.pop_back();
  return lines;
}

Value Body::value(Expr e) {
  if (const auto it = known_.find(e); it != known_.end()) return it->second;
  Value v = compute(e);
  const auto uses = uses_.find(e);
  const bool shared = uses != uses_.end() && uses->second > 1;
  if (!spell_out_ && !v.simple && (shared || v.text.size() > kLongText)) return bind(e, v, "v");
  return known_[e] = v;
}

Value Body::named(Expr e, const std::string& hint) {
  const Value v = value(e);
  return v.simple ? v : bind(e, v, hint);
}

Value Body::bind(Expr e, Value v, const std::string& hint) {
  const std::string name = names_.fresh(hint);
  levels_[v.level].push_back("const auto " + name + " = " + v.text + ";");
  v.text = name;
  v.simple = true;
  return known_[e] = v;
}

// What an inner loop uses of an outer one has a name there.
Value Body::operand(Expr e, int level) {
  const Value v = value(e);
  return v.simple || v.level == level ? v : bind(e, v, "v");
}

Value Body::compute(Expr e) {
  switch (e->op) {
    case ir::Op::Const:
      return {constant_text(e, plan_.single)};
    case ir::Op::Axis:
      return axis_value(e);
    case ir::Op::Load:
      return load(e);
    case ir::Op::Symbol: {
      const auto slot = scope_.find(e->name());
      if (slot != scope_.end()) return slot_value(slot->second, slot->second.axes, e->type);
      const auto size = plan_.sizes.find(e->name());
      FLASHLIGHT_CHECK(size != plan_.sizes.end(), "unknown symbol " + e->name());
      return {"i64(" + size->second + ")", 0, false, false};
    }
    default:
      return operation(e);
  }
}

Value Body::axis_value(Expr e) {
  const AxisPlan& axis = plan_.axis(e);
  const std::string at = axis.role == Role::Whole || axis.role == Role::Grid
                             ? axis.id
                             : "(" + axis.id + "_lo + " + axis.id + ")";
  if (axis.role == Role::Grid) return {axis.id};
  const auto it = entered_.find(e);
  FLASHLIGHT_CHECK(it != entered_.end(), "axis " + e->name() + " is not bound here");
  if (e != lane_) return {at, it->second, false, true};
  return {"add(iota<T>(), " + at + ")", it->second, true, false};
}

Value Body::operation(Expr e) {
  Value out{"", 0, false, false};
  for (Expr arg : e->args) {
    const Value v = value(arg);
    out.level = std::max(out.level, v.level);
    out.lanes |= v.lanes;
  }
  std::vector<std::string> args;
  for (Expr arg : e->args) args.push_back(operand(arg, out.level).text);
  if (e->op == ir::Op::Cast && args.size() == 1 && ir::is_float(e->type) &&
      ir::is_float(e->args[0]->type))
    return value(e->args[0]);
  out.text = call(e, args);
  return out;
}

std::string Body::call(Expr e, const std::vector<std::string>& args) const {
  const std::string list = "(" + join(args, ", ") + ")";
  const auto kind = [](ir::Type t) {
    return t == ir::Type::Bool ? "bool" : t == ir::Type::Int ? "int" : "real";
  };
  switch (e->op) {
    case ir::Op::Where:
      return "select" + list;
    case ir::Op::Cast: {
      const std::string name = std::string(kind(e->args[0]->type)) + "_to_" + kind(e->type);
      return name + (e->type == ir::Type::Bool ? "" : "<T>") + list;
    }
    case ir::Op::And:
    case ir::Op::Or:
    case ir::Op::Xor:
    case ir::Op::Not:
      return std::string(ir::op_text(e->op)) + "_" + list;
    case ir::Op::Div:
      if (multiplies(e->args[1], plan_.single))
        return "mul(" + args[0] + ", " +
               real_literal(1 / ir::const_value(e->args[1]), plan_.single) + ")";
      break;
    case ir::Op::Exp:
      if (plan_.non_positive.count(e)) return "exp_below" + list;
      break;
    case ir::Op::Exp2:
      if (plan_.non_positive.count(e)) return "exp2_nonpos" + list;
      break;
    case ir::Op::Mul:
      if (plan_.rounded.count(e)) return "rounded(mul" + list + ")";
      break;
    default:
      break;
  }
  return ir::op_text(e->op) + list;
}

Value Body::slot_value(const Slot& slot, const std::vector<Expr>& index, ir::Type type) {
  FLASHLIGHT_CHECK(slot.array, "a value without memory is read");
  const Address at = address(*slot.array, index);
  FLASHLIGHT_CHECK(at.gathers.empty(), "a tile value is gathered");
  const std::string kind = type == ir::Type::Bool ? "_mask" : type == ir::Type::Int ? "_int" : "";
  const std::string p = pointer(at);
  if (!at.by_lane)
    return {"get" + kind + (kind.empty() ? "<T>" : "") + "(" + p + ")", at.level, false, false};
  if (at.step.is(1)) return {"load" + kind + "<T>(" + p + ")", at.level, true, false};
  return {"load" + kind + "_s<T>(" + p + ", " + at.step.str() + ")", at.level, true, false};
}

Value Body::load(Expr e) {
  const auto slot = scope_.find(e->name());
  if (slot != scope_.end()) return slot_value(slot->second, e->args, e->type);
  const auto it = plan_.tensors.find(e->name());
  FLASHLIGHT_CHECK(it != plan_.tensors.end(), "unknown tensor " + e->name());
  const Tensor& tensor = it->second;
  std::vector<Expr> index = e->args;
  for (size_t d = 0; d < index.size(); d++) index[d] = checked(e, d, tensor);
  const Address at = address(tensor, index);
  const std::string kind = e->type == ir::Type::Bool  ? "_mask"
                           : e->type == ir::Type::Int ? "_int"
                                                      : "";
  std::string p = pointer(at);
  if (!at.by_lane)
    return {"get" + kind + (kind.empty() ? "<T>" : "") + "(" + p + ")", at.level, false, false};
  const bool wide = e->type == ir::Type::Int && indices().count(e);
  const std::string read = wide ? "read_wide" : "read" + kind, types = "<T, Tail>(" + p + ", ";
  if (!at.gathers.empty()) {
    std::string where = join(at.gathers, " + ");
    if (!at.step.is(0)) where += " + offsets<T>(iota<T>(), " + at.step.str() + ")";
    return {read + "_at" + types + where + ", " + left() + ")", at.level, true, false};
  }
  if (at.step.is(1)) return {read + types + left() + ")", at.level, true, false};
  return {read + "_s" + types + at.step.str() + ", " + left() + ")", at.level, true, false};
}

}  // namespace flashlight::codegen::cpu
