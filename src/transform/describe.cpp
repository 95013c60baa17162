#include "transform/describe.h"

#include <cmath>
#include <cstdio>
#include <map>

#include "ir/rewrite.h"

namespace flashlight::transform {

using ir::Expr;
using ir::Op;

namespace {

enum Level { kCompare, kSum, kProduct, kUnary, kTight };

struct Infix {
  Op op;
  const char* text;
  Level level;
};

constexpr Infix kInfix[] = {
    {Op::Add, " + ", kSum},     {Op::Sub, " - ", kSum},       {Op::Mul, " * ", kProduct},
    {Op::Div, " / ", kProduct}, {Op::Lt, " < ", kCompare},    {Op::Le, " <= ", kCompare},
    {Op::Gt, " > ", kCompare},  {Op::Ge, " >= ", kCompare},   {Op::Eq, " == ", kCompare},
    {Op::Ne, " != ", kCompare}, {Op::And, " and ", kCompare}, {Op::Or, " or ", kCompare},
};

std::string number(Expr e) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.9g", ir::const_value(e));
  return buffer;
}

std::string text(Expr e, int outer);

std::string call(const std::string& name, Expr e) {
  std::string out = name + "(";
  for (size_t i = 0; i < e->args.size(); ++i) out += (i ? ", " : "") + text(e->args[i], kCompare);
  return out + ")";
}

std::string infix(Expr e, const Infix& row, int outer) {
  const bool plain = e->args[1]->op == row.op;  // a + (b + c), but a - (b - c), a * (b / c)
  const int right = (row.op == Op::Add || (row.op == Op::Mul && plain)) ? row.level : row.level + 1;
  const std::string out = text(e->args[0], row.level) + row.text + text(e->args[1], right);
  return row.level < outer ? "(" + out + ")" : out;
}

// x * x * x as a power of x.
int exponent(Expr e, Expr* base) {
  *base = e;
  if (e->op != Op::Mul) return 1;
  Expr left, right;
  const int a = exponent(e->args[0], &left), b = exponent(e->args[1], &right);
  if (left != right) return 1;
  *base = left;
  return a + b;
}

std::string text(Expr e, int outer) {
  Expr base;
  if (const int n = exponent(e, &base); n > 1) return text(base, kTight) + "^" + std::to_string(n);
  for (const Infix& row : kInfix)
    if (row.op == e->op) return infix(e, row, outer);
  switch (e->op) {
    case Op::Const:
      return e->type == ir::Type::Bool ? (ir::const_value(e) ? "true" : "false") : number(e);
    case Op::Symbol:
    case Op::Axis:
      return e->name();
    case Op::Load: {
      std::string out = e->name() + "[";
      for (size_t i = 0; i < e->args.size(); ++i)
        out += (i ? ", " : "") + text(e->args[i], kCompare);
      return out + "]";
    }
    case Op::Neg: {
      const std::string out = "-" + text(e->args[0], kUnary);
      return outer > kSum ? "(" + out + ")" : out;
    }
    case Op::Not:
      return "not " + text(e->args[0], kTight);
    case Op::Pow:
      return text(e->args[0], kTight) + "^" + text(e->args[1], kTight);
    case Op::Where:
      return call("where", e);
    case Op::Cast:
      return text(e->args[0], outer);
    default:
      return call(ir::op_text(e->op), e);
  }
}

class Description {
 public:
  Description(const Pass& pass, std::string axis) : pass_(pass), axis_(std::move(axis)) {
    for (const auto& [name, final] : pass.finals)
      if (const Expr value = seen(final);
          value->op == Op::Symbol && state(value->name()) && !shown_.contains(value->name()))
        shown_[value->name()] = name;
  }

  std::string operator()() const {
    std::string out;
    for (const State& s : pass_.states) out += "  " + line(s) + "\n";
    for (const Reference& r : pass_.references)
      out += "  " + r.name + " follows " + r.follows + ": " + show(r.target) + "\n";
    for (const auto& [name, final] : pass_.finals) {
      const Expr value = seen(final);
      if (!(value->op == Op::Symbol && shown(value->name()) == name))
        out += "  final: " + name + " = " + show(value) + "\n";
      if (value != final) out += "  where " + show(final->args[0]) + ": " + name + " = nan\n";
    }
    return out;
  }

 private:
  /// A final where something live was seen; see unseen.h.
  static Expr seen(Expr e) {
    const bool settled =
        e->op == Op::Where && ir::is_const(e->args[1]) && std::isnan(ir::const_value(e->args[1]));
    return settled ? e->args[2] : e;
  }

  const State* state(const std::string& name) const {
    for (const State& s : pass_.states)
      if (s.name == name) return &s;
    return nullptr;
  }

  std::string shown(const std::string& state) const {
    const auto it = shown_.find(state);
    return it == shown_.end() ? state : it->second;
  }

  std::string show(Expr e) const {
    ir::Substitution names;
    for (Expr s : ir::symbols_of(e))
      if (shown_.contains(s->name())) names[s] = ir::symbol(shown(s->name()), s->type);
    return formula(ir::substitute(e, names));
  }

  std::string line(const State& s) const {
    const std::string name = shown(s.name);
    std::string out = name + " = " + ir::reduce_text(s.op) + "_" + axis_ + " " + show(s.body);
    if (s.move.empty()) return out;
    out += "; when " + list(s.references) + (s.references.size() > 1 ? " move: " : " moves: ");
    const Expr own = s.move.contains(s.name) ? s.move.at(s.name) : Expr();
    if (s.move.size() == 1 && own) return out + name + " *= " + text(own, kProduct);
    std::string sum;
    for (const State& from : pass_.states) {
      const auto it = s.move.find(from.name);
      if (it == s.move.end()) continue;
      const std::string times =
          ir::is_const(it->second, 1) ? "" : text(it->second, kProduct) + " * ";
      sum += (sum.empty() ? "" : " + ") + times + shown(from.name);
    }
    return out + name + " = " + sum;
  }

  static std::string list(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& n : names) out += (out.empty() ? "" : ", ") + n;
    return out;
  }

  const Pass& pass_;
  std::string axis_;
  std::map<std::string, std::string> shown_;  // state -> reduction
};

}  // namespace

std::string formula(Expr e) { return text(e, kCompare); }

std::string describe(const std::vector<Pass>& passes, const std::string& axis) {
  std::string out;
  for (size_t i = 0; i < passes.size(); ++i) {
    if (passes.size() > 1) out += "pass " + std::to_string(i + 1) + "\n";
    out += Description(passes[i], axis)();
  }
  return out;
}

}  // namespace flashlight::transform
