// Scalar expressions: immutable, interned nodes. Two equal expressions are the same pointer, so
// comparing and hashing is free and sharing inside a DAG is kept. Nothing may depend on addresses.
//
// Semantics. Type says what is computed: Bool, Int (64 bit), F32 or F64; what memory holds is a
// DType (program.h). An intermediate that eager PyTorch rounds to bf16 or fp16 stays in F32.
// NaN propagates through Max and Min as in PyTorch. Int division is floor division.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace flashlight::ir {

enum class Type : uint8_t { Bool, Int, F32, F64 };

enum class Op : uint8_t {
  Const,   // attr: double (F32, F64) or int64_t (Bool, Int)
  Symbol,  // attr: name. A scalar known before the kernel starts (an extent), or a bound variable
  Axis,    // attr: name, args[0]: extent. Takes the values 0 .. extent-1
  Load,    // attr: name of an input or computation, args: one Int index per dimension
  Where,   // args: condition, value if true, value if false
  Cast,    // to `type`; float to int truncates, to Bool is != 0
#define X(name, text, arity, rule, meaning) name,
#include "ir/ops.def"
#undef X
};

struct Node;

/// A reference to an interned node; cheap to copy. A default-constructed Expr is null.
class Expr {
 public:
  Expr() = default;
  explicit Expr(const Node* node) : node_(node) {}
  const Node* operator->() const { return node_; }
  const Node& operator*() const { return *node_; }
  const Node* get() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }
  friend bool operator==(Expr a, Expr b) { return a.node_ == b.node_; }
  friend bool operator!=(Expr a, Expr b) { return a.node_ != b.node_; }
  /// Arbitrary, but the same in every process and whatever was built before: what is made of a
  /// program depends on the program alone.
  friend bool operator<(Expr a, Expr b);

 private:
  const Node* node_ = nullptr;
};

using Attr = std::variant<std::monostate, int64_t, double, std::string>;

struct Node {
  Op op;
  Type type;
  std::vector<Expr> args;
  Attr attr;
  uint64_t hash;  // of the content

  const std::string& name() const { return std::get<std::string>(attr); }  // Symbol, Axis, Load
  Expr extent() const { return args[0]; }                                  // Axis
};

inline bool is_order(Op op) { return op >= Op::Lt && op <= Op::Ge; }  // lt le gt ge
inline bool is_comparison(Op op) { return op == Op::Eq || op == Op::Ne || is_order(op); }
inline bool is_float(Type t) { return t == Type::F32 || t == Type::F64; }

// ---- constructors. They fold constants and drop neutral elements, no more; see simplify.h.
// Mixed argument types are an InternalError: insert a cast.
Expr constant(double value, Type type);
Expr constant(int64_t value);  // Int
Expr boolean(bool value);
Expr symbol(const std::string& name, Type type = Type::Int);
Expr axis(const std::string& name, Expr extent);
Expr load(const std::string& name, std::vector<Expr> index, Type type);
Expr where(Expr condition, Expr a, Expr b);
Expr cast(Expr a, Type type);
Expr unary(Op op, Expr a);
Expr binary(Op op, Expr a, Expr b);
/// The same op over other arguments (any op; attr and type rule are kept).
Expr with_args(Expr e, std::vector<Expr> args);

// ---- queries
const char* type_text(Type t);  // bool int f32 f64
const char* op_text(Op op);
int op_arity(Op op);                                 // of the rows of ops.def
bool op_from_text(const std::string& text, Op* op);  // rows of ops.def
double op_value(Op op, double a, double b);          // the meaning column
/// The same over Int arguments, exact in 64 bits. None: overflow, division by zero, no Int op.
std::optional<int64_t> int_value(Op op, int64_t a, int64_t b);
bool is_const(Expr e);
bool is_const(Expr e, double value);
double const_value(Expr e);
int64_t int_const(Expr e);  // of a Bool or Int constant, exact

// ---- sugar
inline Expr operator+(Expr a, Expr b) { return binary(Op::Add, a, b); }
inline Expr operator-(Expr a, Expr b) { return binary(Op::Sub, a, b); }
inline Expr operator*(Expr a, Expr b) { return binary(Op::Mul, a, b); }
inline Expr operator/(Expr a, Expr b) { return binary(Op::Div, a, b); }

}  // namespace flashlight::ir

template <>
struct std::hash<flashlight::ir::Expr> {
  size_t operator()(flashlight::ir::Expr e) const { return e ? e->hash : 0; }
};
