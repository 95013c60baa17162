#include "ir/node.h"

#include <bit>
#include <cmath>
#include <deque>
#include <limits>
#include <mutex>
#include <unordered_set>

#include "ir/op_table.h"
#include "ir/polynomial.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

// Doubles by their bits, so that -0 is not 0 and a NaN equals itself.
bool same_attr(const Attr& a, const Attr& b) {
  const double* x = std::get_if<double>(&a);
  const double* y = std::get_if<double>(&b);
  if (x && y) return std::bit_cast<uint64_t>(*x) == std::bit_cast<uint64_t>(*y);
  return a == b;
}

size_t hash_attr(const Attr& a) {
  if (const double* x = std::get_if<double>(&a)) return std::bit_cast<uint64_t>(*x);
  return std::hash<Attr>()(a);
}

uint64_t content_hash(const Node& n) {
  uint64_t h = (static_cast<uint64_t>(n.op) << 8) + static_cast<uint64_t>(n.type);
  const auto mix = [&h](uint64_t v) { h = (h ^ v) * 0x9e3779b97f4a7c15u, h ^= h >> 29; };
  mix(hash_attr(n.attr));
  for (const Expr& arg : n.args) mix(arg->hash);
  return h;
}

struct NodeHash {
  size_t operator()(const Node* n) const { return n->hash; }
};

struct NodeEqual {
  bool operator()(const Node* a, const Node* b) const {
    return a->op == b->op && a->type == b->type && a->args == b->args &&
           same_attr(a->attr, b->attr);
  }
};

struct Arena {
  std::mutex mutex;
  std::deque<Node> nodes;
  std::unordered_set<const Node*, NodeHash, NodeEqual> index;
};

// One arena for the process: pointer equality must hold between programs that different threads
// build. Leaked on purpose: programs live in static objects and in Python's, which may be destroyed
// after any object of ours would be.
Arena& arena() {
  static Arena* const session = new Arena;
  return *session;
}

Expr intern(Op op, Type type, std::vector<Expr> args, Attr attr) {
  for (const Expr& arg : args) FLASHLIGHT_CHECK(arg, "null argument");
  Node node{op, type, std::move(args), std::move(attr), 0};
  node.hash = content_hash(node);
  Arena& session = arena();
  const std::lock_guard<std::mutex> lock(session.mutex);
  if (auto it = session.index.find(&node); it != session.index.end()) return Expr(*it);
  session.nodes.push_back(std::move(node));
  session.index.insert(&session.nodes.back());
  return Expr(&session.nodes.back());
}

Type result_type(Op op, Type argument) {
  const OpRow& row = op_row(op);
  const bool ok = row.rule == Rule::Float   ? is_float(argument)
                  : row.rule == Rule::Logic ? argument == Type::Bool
                  : row.rule == Rule::Same  ? argument != Type::Bool
                                            : true;
  FLASHLIGHT_CHECK(ok, std::string("argument type of ") + row.text);
  return row.rule == Rule::Compare || row.rule == Rule::Logic ? Type::Bool : argument;
}

Expr fold(Op op, Expr a, Expr b, Type result) {
  if (a->type != Type::Int) return constant(op_value(op, const_value(a), const_value(b)), result);
  const auto value = int_value(op, int_const(a), int_const(b));
  if (!value) return Expr();
  return result == Type::Bool ? boolean(*value != 0) : constant(*value);
}

// What holds for all values, NaN and infinities included; only the sign of a zero may be lost.
Expr neutral(Op op, Expr a, Expr b) {
  const bool exact = a->type == Type::Int;
  switch (op) {
    case Op::Add:
      if (is_const(b, 0)) return a;
      if (is_const(a, 0)) return b;
      break;
    case Op::Sub:
      if (is_const(b, 0)) return a;
      if (exact && a == b) return constant(int64_t{0});
      break;
    case Op::Mul:
      if (is_const(b, 1) || (exact && is_const(a, 0))) return a;
      if (is_const(a, 1) || (exact && is_const(b, 0))) return b;
      break;
    case Op::Div:
      if (is_const(b, 1)) return a;
      break;
    case Op::FloorDiv:
      if (exact && (is_const(b, 1) || is_const(a, 0))) return a;
      break;
    case Op::Mod:
      if (exact && (is_const(b, 1) || is_const(a, 0))) return constant(int64_t{0});
      break;
    case Op::Max:
    case Op::Min:
      if (a == b) return a;
      break;
    default:
      break;
  }
  return Expr();
}

Expr neutral_bool(Op op, Expr a, Expr b) {
  const bool decided = a == b && !is_float(a->type);  // NaN compares unequal to itself
  switch (op) {
    case Op::And:
      if (a == b || is_const(b, 1) || is_const(a, 0)) return a;
      if (is_const(a, 1) || is_const(b, 0)) return b;
      break;
    case Op::Or:
      if (a == b || is_const(b, 0) || is_const(a, 1)) return a;
      if (is_const(a, 0) || is_const(b, 1)) return b;
      break;
    case Op::Xor:
      if (a == b) return boolean(false);
      if (is_const(b, 0)) return a;
      if (is_const(a, 0)) return b;
      break;
    case Op::Eq:
    case Op::Le:
    case Op::Ge:
      if (decided) return boolean(true);
      break;
    case Op::Ne:
    case Op::Lt:
    case Op::Gt:
      if (decided) return boolean(false);
      break;
    default:
      break;
  }
  return Expr();
}

Expr cast_const(Expr a, Type type) {
  if (a->type == Type::Int && type == Type::Int) return a;
  const double value = const_value(a);
  if (type == Type::Bool) return boolean(value != 0);
  if (type != Type::Int) return constant(value, type);
  // 2^63 is exact as a double; beyond it (and for NaN) the result is left to the machine.
  if (!(std::fabs(value) < 0x1p63)) return Expr();
  return constant(static_cast<int64_t>(value));
}

}  // namespace

bool operator<(Expr a, Expr b) {
  if (a == b || !a || !b) return !a && b;
  return a->hash != b->hash ? a->hash < b->hash : compare(a, b) < 0;
}

Expr constant(double value, Type type) {
  if (type == Type::Bool) return boolean(value != 0);
  if (type == Type::Int) return constant(static_cast<int64_t>(value));
  // One NaN: its payload means nothing, and equal programs should be equal nodes.
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  return intern(Op::Const, type, {}, value);
}

Expr constant(int64_t value) { return intern(Op::Const, Type::Int, {}, value); }

Expr boolean(bool value) { return intern(Op::Const, Type::Bool, {}, int64_t{value}); }

Expr symbol(const std::string& name, Type type) { return intern(Op::Symbol, type, {}, name); }

Expr axis(const std::string& name, Expr extent) {
  FLASHLIGHT_CHECK(extent && extent->type == Type::Int, "extent of axis " + name);
  return intern(Op::Axis, Type::Int, {extent}, name);
}

Expr load(const std::string& name, std::vector<Expr> index, Type type) {
  for (const Expr& i : index) FLASHLIGHT_CHECK(i && i->type == Type::Int, "index of " + name);
  return intern(Op::Load, type, std::move(index), name);
}

Expr where(Expr condition, Expr a, Expr b) {
  FLASHLIGHT_CHECK(condition->type == Type::Bool, "condition of where");
  FLASHLIGHT_CHECK(a->type == b->type, "branch types of where");
  if (a == b || is_const(condition, 1)) return a;
  if (is_const(condition, 0)) return b;
  return intern(Op::Where, a->type, {condition, a, b}, {});
}

Expr cast(Expr a, Type type) {
  if (a->type == type) return a;
  if (is_const(a)) {
    if (Expr folded = cast_const(a, type)) return folded;
  }
  return intern(Op::Cast, type, {a}, {});
}

Expr unary(Op op, Expr a) {
  FLASHLIGHT_CHECK(op_arity(op) == 1, "unary");
  const Type result = result_type(op, a->type);
  if (is_const(a)) {
    if (Expr folded = fold(op, a, a, result)) return folded;
  }
  if ((op == Op::Not || op == Op::Neg) && a->op == op) return a->args[0];
  if (!is_float(a->type)) {
    if (op == Op::Floor || op == Op::Ceil || op == Op::Round || op == Op::Trunc) return a;
    if (op == Op::IsNan || op == Op::IsInf) return boolean(false);
  }
  return intern(op, result, {a}, {});
}

Expr binary(Op op, Expr a, Expr b) {
  FLASHLIGHT_CHECK(op_arity(op) == 2, "binary");
  FLASHLIGHT_CHECK(a->type == b->type, std::string("argument types of ") + op_text(op));
  const Type result = result_type(op, a->type);
  if (is_const(a) && is_const(b)) {
    if (Expr folded = fold(op, a, b, result)) return folded;
  }
  if (Expr same = result == Type::Bool ? neutral_bool(op, a, b) : neutral(op, a, b)) return same;
  return intern(op, result, {a, b}, {});
}

Expr with_args(Expr e, std::vector<Expr> args) {
  if (args == e->args) return e;
  FLASHLIGHT_CHECK(args.size() == e->args.size() || e->op == Op::Load, "with_args");
  switch (e->op) {
    case Op::Const:
    case Op::Symbol:
      return e;
    case Op::Axis:
      return axis(e->name(), args[0]);
    case Op::Load:
      return load(e->name(), std::move(args), e->type);
    case Op::Where:
      return where(args[0], args[1], args[2]);
    case Op::Cast:
      return cast(args[0], e->type);
    default:
      return args.size() == 1 ? unary(e->op, args[0]) : binary(e->op, args[0], args[1]);
  }
}

bool is_const(Expr e) { return e->op == Op::Const; }

bool is_const(Expr e, double value) { return is_const(e) && const_value(e) == value; }

double const_value(Expr e) {
  FLASHLIGHT_CHECK(is_const(e), "const_value");
  if (const int64_t* i = std::get_if<int64_t>(&e->attr)) return static_cast<double>(*i);
  return std::get<double>(e->attr);
}

int64_t int_const(Expr e) {
  FLASHLIGHT_CHECK(is_const(e) && !is_float(e->type), "int_const");
  return std::get<int64_t>(e->attr);
}

}  // namespace flashlight::ir
