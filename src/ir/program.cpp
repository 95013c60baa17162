#include "ir/program.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "support/error.h"

namespace flashlight::ir {
namespace {

struct DTypeRow {
  const char* text;
  Type type;
  int size;
};

// In the order of DType.
constexpr DTypeRow kDTypes[] = {
    {"bool", Type::Bool, 1}, {"u8", Type::Int, 1},  {"i8", Type::Int, 1},  {"i16", Type::Int, 2},
    {"i32", Type::Int, 4},   {"i64", Type::Int, 8}, {"f16", Type::F32, 2}, {"bf16", Type::F32, 2},
    {"f32", Type::F32, 4},   {"f64", Type::F64, 8},
};

const DTypeRow& row(DType t) { return kDTypes[static_cast<int>(t)]; }

constexpr const char* kReduces[] = {"none", "sum", "prod", "max", "min", "any", "all"};

int64_t evaluate_node(Expr e, const Bindings& symbols, std::unordered_map<Expr, int64_t>& done);

int64_t value_of(Expr e, const Bindings& symbols, std::unordered_map<Expr, int64_t>& done) {
  if (auto it = done.find(e); it != done.end()) return it->second;
  return done[e] = evaluate_node(e, symbols, done);
}

int64_t evaluate_node(Expr e, const Bindings& symbols, std::unordered_map<Expr, int64_t>& done) {
  FLASHLIGHT_CHECK(!is_float(e->type), "evaluate: a float in " + print(e));
  const auto arg = [&](int i) { return value_of(e->args[i], symbols, done); };
  switch (e->op) {
    case Op::Const:
      return int_const(e);
    case Op::Symbol: {
      const auto it = symbols.find(e->name());
      FLASHLIGHT_CHECK(it != symbols.end(), "evaluate: no value for symbol " + e->name());
      return it->second;
    }
    case Op::Axis:
    case Op::Load:
      FLASHLIGHT_CHECK(false, "evaluate: " + print(e) + " is no expression over symbols");
    case Op::Where:
      return arg(0) ? arg(1) : arg(2);
    case Op::Cast:
      return e->type == Type::Bool ? arg(0) != 0 : arg(0);
    default:
      break;
  }
  const int64_t a = arg(0);
  const int64_t b = e->args.size() > 1 ? arg(1) : 0;
  if (e->args[0]->type == Type::Bool) return static_cast<int64_t>(op_value(e->op, a, b));
  const auto value = int_value(e->op, a, b);
  if (!value) throw Refused(print(e), "overflows or divides by zero for these sizes");
  return *value;
}

template <typename T>
const T* find(const std::vector<T>& all, const std::string& name) {
  const auto it = std::find_if(all.begin(), all.end(), [&](const T& t) { return t.name == name; });
  return it == all.end() ? nullptr : &*it;
}

}  // namespace

Type compute_type(DType t) { return row(t).type; }
const char* dtype_text(DType t) { return row(t).text; }
int dtype_size(DType t) { return row(t).size; }

bool dtype_from_text(const std::string& text, DType* out) {
  for (int i = 0; i < static_cast<int>(std::size(kDTypes)); ++i) {
    if (text != kDTypes[i].text) continue;
    *out = static_cast<DType>(i);
    return true;
  }
  return false;
}

const char* reduce_text(Reduce op) { return kReduces[static_cast<int>(op)]; }

bool reduce_from_text(const std::string& text, Reduce* out) {
  for (int i = 1; i < static_cast<int>(std::size(kReduces)); ++i) {
    if (text != kReduces[i]) continue;
    *out = static_cast<Reduce>(i);
    return true;
  }
  return false;
}

Expr reduce_identity(Reduce op, Type type) {
  using Limits = std::numeric_limits<int64_t>;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  switch (op) {
    case Reduce::Sum:
      return constant(0.0, type);
    case Reduce::Prod:
      return constant(1.0, type);
    case Reduce::Max:
      return type == Type::Int ? constant(Limits::min()) : constant(-kInf, type);
    case Reduce::Min:
      return type == Type::Int ? constant(Limits::max()) : constant(kInf, type);
    case Reduce::Any:
      return boolean(false);
    case Reduce::All:
      return boolean(true);
    case Reduce::None:
      break;
  }
  FLASHLIGHT_CHECK(false, "identity of no reduction");
}

Expr reduce_combine(Reduce op, Expr a, Expr b) {
  constexpr Op kOps[] = {Op::Add, Op::Add, Op::Mul, Op::Max, Op::Min, Op::Or, Op::And};
  FLASHLIGHT_CHECK(op != Reduce::None, "combine of no reduction");
  return binary(kOps[static_cast<int>(op)], a, b);
}

const Input* Program::input(const std::string& name) const { return find(inputs, name); }

const Computation* Program::computation(const std::string& name) const {
  return find(computations, name);
}

std::vector<Expr> Program::shape_of(const std::string& name) const {
  if (const Input* in = input(name)) return in->shape;
  const Computation* c = computation(name);
  FLASHLIGHT_CHECK(c, "unknown tensor " + name);
  std::vector<Expr> shape;
  for (Expr a : c->axes) shape.push_back(a->extent());
  return shape;
}

Type Program::type_of(const std::string& name) const {
  if (const Input* in = input(name)) return compute_type(in->dtype);
  const Computation* c = computation(name);
  FLASHLIGHT_CHECK(c, "unknown tensor " + name);
  return compute_type(c->dtype);
}

int64_t evaluate(Expr e, const Bindings& symbols) {
  std::unordered_map<Expr, int64_t> done;
  return value_of(e, symbols, done);
}

Bindings hints(const Program& program) {
  Bindings out;
  for (const SymbolInfo& s : program.symbols) out[s.name] = s.hint;
  return out;
}

}  // namespace flashlight::ir
