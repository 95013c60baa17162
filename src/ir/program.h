// ir::Program: index notation. Every tensor is  name[axes...] = op_{reduce axes...} body.
//
// Semantics. A computation has one value per point of its axes; `body` is evaluated for each point
// of the reduce axes and folded by `op`, starting from its identity (Sum 0, Prod 1, Max -inf,
// Min inf, Any false, All true), order unspecified. Reduce::None has no reduce axes. Loads refer to
// inputs or to earlier computations and must be in range wherever they are evaluated; a Where
// evaluates only the branch taken. Extents are Int expressions over the program's symbols, >= 0.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/node.h"

namespace flashlight::ir {

/// What memory holds. Expressions compute in Type.
enum class DType : uint8_t { Bool, U8, I8, I16, I32, I64, F16, BF16, F32, F64 };
Type compute_type(DType t);
const char* dtype_text(DType t);
bool dtype_from_text(const std::string& text, DType* out);
int dtype_size(DType t);  // bytes

enum class Reduce : uint8_t { None, Sum, Prod, Max, Min, Any, All };
const char* reduce_text(Reduce op);
bool reduce_from_text(const std::string& text, Reduce* out);  // not None
Expr reduce_identity(Reduce op, Type type);
Expr reduce_combine(Reduce op, Expr a, Expr b);

/// A scalar that the caller passes at run time (a size), with the value it had at capture: a hint
/// for cost decisions, never for correctness.
struct SymbolInfo {
  std::string name;
  int64_t hint = 0;
  friend bool operator==(const SymbolInfo&, const SymbolInfo&) = default;
};

struct Input {
  std::string name;
  DType dtype;
  std::vector<Expr> shape;
  friend bool operator==(const Input&, const Input&) = default;
};

struct Computation {
  std::string name;
  DType dtype;             // what is stored if this becomes memory
  std::vector<Expr> axes;  // Axis nodes, outermost first; its shape is their extents
  Reduce op = Reduce::None;
  std::vector<Expr> reduce_axes;
  Expr body;
  friend bool operator==(const Computation&, const Computation&) = default;
};

/// An output is a computation; `order` lists its dimensions from the largest to the smallest
/// stride of the memory that the caller wants (identity: row major).
struct Output {
  std::string name;
  std::vector<int> order;
  friend bool operator==(const Output&, const Output&) = default;
};

struct Program {
  std::vector<SymbolInfo> symbols;
  std::vector<Input> inputs;
  std::vector<Computation> computations;  // in order: a body loads inputs and earlier ones only
  std::vector<Output> outputs;

  const Input* input(const std::string& name) const;
  const Computation* computation(const std::string& name) const;
  std::vector<Expr> shape_of(const std::string& name) const;  // input or computation
  Type type_of(const std::string& name) const;
  friend bool operator==(const Program&, const Program&) = default;
};

/// Throws InternalError that names the first thing wrong: unknown names, ranks, types, axes used
/// but not bound, duplicate names, order of definition.
void verify(const Program& program);

/// Text that parse() reads back to an equal program. It is what a custom op carries.
std::string print(const Program& program);
std::string print(Expr e);
/// Throws Refused with line and column on malformed text. The result is verified.
Program parse(const std::string& text);
/// Stable over processes: equal programs have equal hashes (names of axes included).
std::string hash(const Program& program);

using Bindings = std::map<std::string, int64_t>;  // symbol -> value
/// Value of an Int expression over symbols (no axes, no loads). Throws Refused where it overflows
/// or divides by zero.
int64_t evaluate(Expr e, const Bindings& symbols);
Bindings hints(const Program& program);

}  // namespace flashlight::ir
