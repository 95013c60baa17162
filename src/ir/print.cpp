#include <charconv>
#include <cmath>
#include <unordered_map>

#include "ir/rewrite.h"
#include "support/error.h"
#include "support/hash.h"

namespace flashlight::ir {
namespace {

enum Precedence { kCompare = 1, kSum, kProduct, kPrimary };

struct Infix {
  const char* text;
  Precedence level;
};

const Infix* infix(Op op) {
  static const std::unordered_map<int, Infix> kTable = {
      {int(Op::Eq), {"==", kCompare}},       {int(Op::Ne), {"!=", kCompare}},
      {int(Op::Lt), {"<", kCompare}},        {int(Op::Le), {"<=", kCompare}},
      {int(Op::Gt), {">", kCompare}},        {int(Op::Ge), {">=", kCompare}},
      {int(Op::Add), {"+", kSum}},           {int(Op::Sub), {"-", kSum}},
      {int(Op::Mul), {"*", kProduct}},       {int(Op::Div), {"/", kProduct}},
      {int(Op::FloorDiv), {"//", kProduct}}, {int(Op::Mod), {"%", kProduct}},
  };
  const auto it = kTable.find(int(op));
  return it == kTable.end() ? nullptr : &it->second;
}

// The shortest text that reads back to the same double, always recognisable as a float.
std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string const_text(Expr e) {
  switch (e->type) {
    case Type::Bool:
      return int_const(e) ? "true" : "false";
    case Type::Int:
      return std::to_string(int_const(e));
    case Type::F32:
      return float_text(const_value(e));
    case Type::F64:
      return "f64(" + float_text(const_value(e)) + ")";
  }
  FLASHLIGHT_CHECK(false, "type of a constant");
}

template <typename T, typename F>
std::string join(const std::vector<T>& all, F text) {
  std::string out;
  for (const T& t : all) out += (out.empty() ? "" : ", ") + text(t);
  return out;
}

// Prints one DAG: nodes that several others use get a name before the expression itself.
class ExprPrinter {
 public:
  explicit ExprPrinter(Expr root) : root_(root) {
    std::unordered_map<Expr, int> uses;
    std::vector<Expr> order;
    visit(root, [&](Expr n) {
      order.push_back(n);
      if (n->op != Op::Axis)
        for (Expr arg : n->args) ++uses[arg];
    });
    for (Expr n : order) {
      if (uses[n] < 2 || n->args.empty() || n->op == Op::Axis) continue;
      const std::string text = full(n, kCompare);
      const std::string name = "%" + std::to_string(names_.size());
      lets_.push_back(name + " = " + text);
      names_[n] = name;
    }
  }

  const std::vector<std::string>& lets() const { return lets_; }
  std::string body() const { return text(root_, kCompare); }

 private:
  std::string text(Expr e, int level) const {
    const auto it = names_.find(e);
    return it == names_.end() ? full(e, level) : it->second;
  }

  std::string arguments(Expr e) const {
    return join(e->args, [this](Expr a) { return text(a, kCompare); });
  }

  std::string full(Expr e, int level) const {
    switch (e->op) {
      case Op::Const:
        return const_text(e);
      case Op::Symbol:
      case Op::Axis:
        return e->name();
      case Op::Load:
        return e->name() + "[" + arguments(e) + "]";
      case Op::Cast:
        return std::string(type_text(e->type)) + "(" + arguments(e) + ")";
      default:
        break;
    }
    const Infix* in = infix(e->op);
    if (!in) return std::string(op_text(e->op)) + "(" + arguments(e) + ")";
    // Comparisons do not chain; the others associate to the left.
    const int left = in->level == kCompare ? kSum : in->level;
    const std::string out =
        text(e->args[0], left) + " " + in->text + " " + text(e->args[1], in->level + 1);
    return in->level < level ? "(" + out + ")" : out;
  }

  Expr root_;
  std::vector<std::string> lets_;
  std::unordered_map<Expr, std::string> names_;
};

std::string axes_text(const std::vector<Expr>& axes) {
  return "[" + join(axes, [](Expr a) { return a->name() + ":" + print(a->extent()); }) + "]";
}

std::string computation_text(const Computation& c) {
  const ExprPrinter body(c.body);
  std::string out = "compute " + c.name + axes_text(c.axes) + " : " + dtype_text(c.dtype) + " =";
  for (const std::string& let : body.lets()) out += "\n    " + let + ";";
  out += body.lets().empty() ? " " : "\n    ";
  if (c.op != Reduce::None) out += reduce_text(c.op) + axes_text(c.reduce_axes) + " ";
  return out + body.body() + "\n";
}

std::string output_text(const Output& out) {
  bool row_major = true;
  for (size_t i = 0; i < out.order.size(); ++i) row_major &= out.order[i] == static_cast<int>(i);
  if (row_major) return "output " + out.name + "\n";
  return "output " + out.name + " order(" +
         join(out.order, [](int i) { return std::to_string(i); }) + ")\n";
}

}  // namespace

std::string print(Expr e) {
  if (!e) return "null";
  const ExprPrinter printer(e);
  std::string out;
  for (const std::string& let : printer.lets()) out += let + "; ";
  return out + printer.body();
}

std::string print(const Program& program) {
  std::string out;
  for (const SymbolInfo& s : program.symbols)
    out += "symbol " + s.name + " = " + std::to_string(s.hint) + "\n";
  for (const Input& in : program.inputs)
    out += "input " + in.name + " : " + dtype_text(in.dtype) + "[" +
           join(in.shape, [](Expr e) { return print(e); }) + "]\n";
  for (const Computation& c : program.computations) out += computation_text(c);
  for (const Output& o : program.outputs) out += output_text(o);
  return out;
}

std::string hash(const Program& program) { return hash_bytes(print(program)).hex(); }

}  // namespace flashlight::ir
