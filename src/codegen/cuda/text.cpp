#include "codegen/cuda/text.h"

#include <cmath>

#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

const char* memory_text(DType type) {
  switch (type) {
    case DType::Bool:
      return "bool";
    case DType::U8:
      return "u8";
    case DType::I8:
      return "signed char";
    case DType::I16:
      return "short";
    case DType::I32:
      return "int";
    case DType::I64:
      return "i64";
    case DType::F16:
      return "F16";
    case DType::BF16:
      return "Bf16";
    case DType::F32:
      return "float";
    default:
      return "double";
  }
}

const char* value_type(Type type) {
  return type == Type::Bool ? "bool" : type == Type::Int ? "i64" : "float";
}

std::string constant_text(Expr e) {
  if (e->type == Type::Bool) return int_const(e) ? "true" : "false";
  if (e->type == Type::Int) {
    const int64_t v = int_const(e);
    if (v > INT32_MIN && v <= INT32_MAX)
      return v < 0 ? "(" + std::to_string(v) + ")" : std::to_string(v);
    if (v == INT64_MIN) return "(-9223372036854775807ll - 1)";
    return "(" + std::to_string(v) + "ll)";
  }
  const double v = const_value(e);
  if (std::isnan(v)) return "__int_as_float(0x7fffffff)";
  const bool infinite = std::isinf(v) || std::isinf(static_cast<float>(v));
  if (infinite) return v < 0 ? "(-infinity())" : "infinity()";
  const std::string text = real_literal(v, true);
  return v < 0 || std::signbit(v) ? "(" + text + ")" : text;
}

std::string identity_text(Reduce op, Type type) {
  return constant_text(reduce_identity(op, type == Type::F64 ? Type::F32 : type));
}

std::string fold_text(Reduce op, const std::string& a, const std::string& b) {
  switch (op) {
    case Reduce::Sum:
      return a + " + " + b;
    case Reduce::Prod:
      return a + " * " + b;
    case Reduce::Max:
      return "max_(" + a + ", " + b + ")";
    case Reduce::Min:
      return "min_(" + a + ", " + b + ")";
    case Reduce::Any:
      return a + " | " + b;
    default:
      return a + " & " + b;
  }
}

const char* quad_text(Reduce op) {
  switch (op) {
    case Reduce::Sum:
      return "quad_sum";
    case Reduce::Prod:
      return "quad_prod";
    case Reduce::Max:
      return "quad_max";
    case Reduce::Min:
      return "quad_min";
    case Reduce::Any:
      return "quad_any";
    default:
      return "quad_all";
  }
}

void Block::expect(const std::vector<Expr>& roots) {
  for (const auto& [e, n] : count_uses(roots)) uses_[e] += n;
}

std::string Block::value(Expr e) {
  if (const auto it = place_.known.find(e); it != place_.known.end()) return it->second;
  if (const auto it = named_.find(e); it != named_.end()) return it->second;
  const std::string text = compute(e);
  const auto uses = uses_.find(e);
  const bool leaf = e->args.empty() || e->op == Op::Axis;
  // A name made inside a branch of a Where would be computed outside of it: harmless, as loads
  // there have their indices clamped.
  if (leaf || uses == uses_.end() || uses->second < 2 || text.size() < 8) return text;
  const std::string name = "x" + std::to_string(next_++);
  lines_.push_back("const auto " + name + " = " + text + ";");
  return named_[e] = name;
}

/// It has a name already, or will have one.
bool Block::is_named(Expr e) const {
  const auto uses = uses_.find(e);
  return place_.known.count(e) || named_.count(e) || (uses != uses_.end() && uses->second > 1);
}

std::string Block::compute(Expr e) {
  switch (e->op) {
    case Op::Const:
      return constant_text(e);
    case Op::Axis: {
      const auto it = place_.axes.find(e);
      FLASHLIGHT_CHECK(it != place_.axes.end(), "axis " + e->name() + " is not bound here");
      return it->second;
    }
    case Op::Symbol: {
      if (const auto it = place_.values.find(e->name()); it != place_.values.end())
        return it->second;
      const auto size = plan_.sizes.find(e->name());
      FLASHLIGHT_CHECK(size != plan_.sizes.end(), "unknown symbol " + e->name());
      return size->second;
    }
    case Op::Load:
      return load(e);
    case Op::Where: {
      const std::string c = value(e->args[0]);
      conditional_++;
      const std::string a = value(e->args[1]), b = value(e->args[2]);
      conditional_--;
      return "(" + c + " ? " + a + " : " + b + ")";
    }
    case Op::Add:
      // Said as one operation: as two, the compiler moves the product into branches of a Where.
      for (size_t k : {size_t{0}, size_t{1}}) {
        const Expr product = e->args[k];
        if (product->op != Op::Mul || e->type != Type::F32 || plan_.exact || is_named(product))
          continue;
        const std::string a = value(product->args[0]), b = value(product->args[1]);
        return "fmaf(" + a + ", " + b + ", " + value(e->args[1 - k]) + ")";
      }
      break;
    default:
      break;
  }
  std::vector<std::string> args;
  for (Expr a : e->args) args.push_back(value(a));
  return operation(e, args);
}

std::string Block::load(Expr e) {
  if (const auto it = place_.values.find(e->name()); it != place_.values.end()) return it->second;
  const auto t = plan_.tensors.find(e->name());
  FLASHLIGHT_CHECK(t != plan_.tensors.end(), "value " + e->name() + " is not known here");
  return "read(" + address(t->second, e->args) + ")";
}

std::string Block::address(const Tensor& tensor, const std::vector<Expr>& index) {
  std::string text = tensor.id;
  for (size_t d = 0; d < index.size(); ++d) {
    if (tensor.strides[d] == "0" || is_const(index[d], 0)) continue;
    std::string at = value(index[d]);
    const bool any_value = conditional_ > 0 || place_.guarded;
    if ((any_value && index[d]->op != Op::Axis) || is_unchecked(index[d], tensor.shape[d]))
      at = "min_(max_(" + at + ", 0), " + value(tensor.shape[d]) + " - 1)";
    text += tensor.strides[d] == "1" ? " + " + at : " + (i64)(" + at + ") * " + tensor.strides[d];
  }
  return text;
}

namespace {

/// What functions are called for data that is precise, and for other data. Null: no function.
const char* function_of(Op op, bool precise) {
  static const std::map<Op, std::pair<const char*, const char*>> names = {
      {Op::Abs, {"abs_", "abs_"}},
      {Op::Exp, {"expf", "exp_fast"}},
      {Op::Exp2, {"exp2f", "exp2_fast"}},
      {Op::Log, {"logf", "log_fast"}},
      {Op::Log2, {"log2f", "log2_fast"}},
      {Op::Tanh, {"tanhf", "tanh_fast"}},
      {Op::Sigmoid, {"sigmoid_precise", "sigmoid_fast"}},
      {Op::Expm1, {"expm1f", "expm1f"}},
      {Op::Log1p, {"log1pf", "log1pf"}},
      {Op::Sqrt, {"sqrtf", "sqrtf"}},
      {Op::Sin, {"sinf", "sinf"}},
      {Op::Cos, {"cosf", "cosf"}},
      {Op::Erf, {"erff", "erff"}},
      {Op::FloorDiv, {"floor_div", "floor_div"}},
      {Op::Mod, {"mod_", "mod_"}},
      {Op::Pow, {"powf", "powf"}},
      {Op::Max, {"max_", "max_"}},
      {Op::Min, {"min_", "min_"}}};
  const auto it = names.find(op);
  return it == names.end() ? nullptr : precise ? it->second.first : it->second.second;
}

/// Functions of real values alone, and what they are of an integer: itself, or never.
const char* real_function(Op op) {
  static const std::map<Op, const char*> names = {{Op::Floor, "floorf"}, {Op::Ceil, "ceilf"},
                                                  {Op::Round, "rintf"},  {Op::Trunc, "truncf"},
                                                  {Op::IsNan, "isnan_"}, {Op::IsInf, "isinf_"}};
  const auto it = names.find(op);
  return it == names.end() ? nullptr : it->second;
}

const char* sign_between(Op op) {
  static const std::map<Op, const char*> signs = {{Op::Add, "+"}, {Op::Sub, "-"}, {Op::Eq, "=="},
                                                  {Op::Ne, "!="}, {Op::Lt, "<"},  {Op::Le, "<="},
                                                  {Op::Gt, ">"},  {Op::Ge, ">="}, {Op::And, "&&"},
                                                  {Op::Or, "||"}, {Op::Xor, "!="}};
  const auto it = signs.find(op);
  return it == signs.end() ? nullptr : it->second;
}

}  // namespace

std::string Block::operation(Expr e, const std::vector<std::string>& a) {
  const bool precise = plan_.precise, real = is_float(e->args[0]->type);
  auto infix = [&](const char* op) { return "(" + a[0] + " " + op + " " + a[1] + ")"; };
  auto call = [&](const std::string& f) { return f + "(" + join(a, ", ") + ")"; };
  if (const char* sign = sign_between(e->op)) return infix(sign);
  if (const char* function = function_of(e->op, e->op == Op::Exp ? plan_.exact : precise))
    return call(function);
  if (const char* function = real_function(e->op)) {
    if (real) return call(function);
    return e->op == Op::IsNan || e->op == Op::IsInf ? "false" : a[0];
  }
  switch (e->op) {
    case Op::Cast:
      if (e->type == Type::Bool) return "(" + a[0] + " != 0)";
      if (is_float(e->type)) return real ? a[0] : "(float)(" + a[0] + ")";
      return real ? "(i64)(" + a[0] + ")" : "(int)(" + a[0] + ")";
    case Op::Neg:
      return "(-" + a[0] + ")";
    case Op::Not:
      return "(!" + a[0] + ")";
    case Op::Sign:
      return real ? call("sign_") : "sign_((i64)(" + a[0] + "))";
    case Op::Rsqrt:
      return "(1.f / sqrtf(" + a[0] + "))";
    case Op::Reciprocal:
      return precise ? "(1.f / " + a[0] + ")" : call("rcp_fast");
    case Op::Mul:
      return real ? infix("*") : "((i64)(" + a[0] + ") * " + a[1] + ")";
    case Op::Div:
      return precise ? infix("/") : call("div_fast");
    default:
      throw InternalError(std::string("no CUDA text for ") + op_text(e->op));
  }
}

}  // namespace flashlight::codegen::cuda
