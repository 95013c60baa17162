#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <unordered_map>

#include "ir/op_table.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

constexpr OpRow kRows[] = {
#define X(name, text, arity, rule, meaning) {text, arity, Rule::rule},
#include "ir/ops.def"
#undef X
};
constexpr int kFirstRow = static_cast<int>(Op::Cast) + 1;
constexpr int kRowCount = static_cast<int>(std::size(kRows));

std::optional<int64_t> floor_div(int64_t a, int64_t b) {
  if (b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min())) return std::nullopt;
  const int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

// Not a - floor_div(a, b) * b, whose product may overflow where the result does not.
std::optional<int64_t> floor_mod(int64_t a, int64_t b) {
  if (b == 0) return std::nullopt;
  if (b == -1) return 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

template <typename Checked>
std::optional<int64_t> checked(Checked fn, int64_t a, int64_t b) {
  int64_t out = 0;
  if (fn(a, b, &out)) return std::nullopt;
  return out;
}

bool add(int64_t a, int64_t b, int64_t* out) { return __builtin_add_overflow(a, b, out); }
bool sub(int64_t a, int64_t b, int64_t* out) { return __builtin_sub_overflow(a, b, out); }
bool mul(int64_t a, int64_t b, int64_t* out) { return __builtin_mul_overflow(a, b, out); }

}  // namespace

const OpRow& op_row(Op op) {
  const int row = static_cast<int>(op) - kFirstRow;
  FLASHLIGHT_CHECK(row >= 0 && row < kRowCount, "not an elementwise op");
  return kRows[row];
}

const char* type_text(Type t) {
  static constexpr const char* kTypes[] = {"bool", "int", "f32", "f64"};
  return kTypes[static_cast<int>(t)];
}

const char* op_text(Op op) {
  static constexpr const char* kStructural[] = {"const", "symbol", "axis", "load", "where", "cast"};
  return static_cast<int>(op) < kFirstRow ? kStructural[static_cast<int>(op)] : op_row(op).text;
}

int op_arity(Op op) { return op_row(op).arity; }

bool op_from_text(const std::string& text, Op* op) {
  static const auto* const kIndex = [] {
    auto* index = new std::unordered_map<std::string, Op>;
    for (int i = 0; i < kRowCount; ++i) (*index)[kRows[i].text] = static_cast<Op>(kFirstRow + i);
    return index;
  }();
  const auto it = kIndex->find(text);
  if (it == kIndex->end()) return false;
  *op = it->second;
  return true;
}

double op_value(Op op, [[maybe_unused]] double a, [[maybe_unused]] double b) {
  switch (op) {
#define X(name, text, arity, rule, meaning) \
  case Op::name:                            \
    return meaning;
#include "ir/ops.def"
#undef X
    default:
      FLASHLIGHT_CHECK(false, std::string("no value of ") + op_text(op));
  }
}

std::optional<int64_t> int_value(Op op, int64_t a, int64_t b) {
  switch (op) {
    case Op::Neg:
      return checked(sub, 0, a);
    case Op::Abs:
      return a < 0 ? checked(sub, 0, a) : a;
    case Op::Add:
      return checked(add, a, b);
    case Op::Sub:
      return checked(sub, a, b);
    case Op::Mul:
      return checked(mul, a, b);
    case Op::FloorDiv:
      return floor_div(a, b);
    case Op::Mod:
      return floor_mod(a, b);
    case Op::Max:
      return a > b ? a : b;
    case Op::Min:
      return a < b ? a : b;
    case Op::Sign:
      return int64_t{a > 0} - int64_t{a < 0};
    case Op::Eq:
      return a == b;
    case Op::Ne:
      return a != b;
    case Op::Lt:
      return a < b;
    case Op::Le:
      return a <= b;
    case Op::Gt:
      return a > b;
    case Op::Ge:
      return a >= b;
    case Op::IsNan:
    case Op::IsInf:
      return 0;
    case Op::Floor:
    case Op::Ceil:
    case Op::Round:
    case Op::Trunc:
      return a;
    default:
      return std::nullopt;
  }
}

}  // namespace flashlight::ir
