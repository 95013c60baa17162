#include "codegen/cuda/plan.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>

#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"
#include "tile/expand.h"

namespace flashlight::codegen::cuda {
namespace {

using namespace ir;

/// Division by a constant is a product on a GPU; within 1 ulp, exact for powers of two.
Expr cheaper(Expr e) {
  if (!e) return e;
  return transform(e, [](Expr x) {
    if (x->op != Op::Div || x->type != Type::F32 || !is_const(x->args[1])) return x;
    const double d = const_value(x->args[1]);
    if (!(std::fabs(d) > 1e-30 && std::fabs(d) < 1e30)) return x;
    return x->args[0] * constant(static_cast<double>(static_cast<float>(1 / d)), x->type);
  });
}

/// A stride that is known.
std::optional<int64_t> number(const std::string& stride) {
  if (!std::isdigit(static_cast<unsigned char>(stride[0]))) return {};
  return std::stoll(stride);
}

/// Instructions per element, roughly.
int cost(Expr e) {
  int sum = 0;
  visit(e, [&](Expr x) {
    if (x->op == Op::Load || !is_float(x->type) || is_const(x)) return;
    sum += x->op == Op::Symbol || x->op == Op::Cast  ? 0
           : x->args.size() == 1 && x->op != Op::Neg ? 4
                                                     : 1;
  });
  return sum;
}

void simplify_bodies(tile::Kernel& k) {
  auto list = [](std::vector<tile::Statement>& statements) {
    for (tile::Statement& s : statements) s.body = cheaper(s.body);
  };
  list(k.packs), list(k.prologue), list(k.epilogue);
  for (tile::Pass& p : k.passes) {
    list(p.before), list(p.after), list(p.before_full), list(p.after_full);
    for (tile::State& s : p.states) s.body = cheaper(s.body), s.body_full = cheaper(s.body_full);
    for (auto& f : p.finals) f.body = cheaper(f.body);
  }
  for (Store& o : k.outputs) o.body = cheaper(o.body);
}

/// A product and a sum are made again where they are used rather than kept: registers are few.
void inline_cheap(tile::Kernel& k) {
  constexpr int kCheap = 2;
  for (tile::Pass& p : k.passes) {
    auto is_operand = [&](const std::string& name) {
      for (const tile::State& s : p.states)
        if (s.contraction && s.contraction->a == name) return true;
      for (const tile::Contraction& c : p.contractions)
        if (c.value == name || c.a == name) return true;
      return false;
    };
    for (auto* list : {&p.before, &p.after, &p.before_full, &p.after_full})
      for (tile::Statement& s : *list)
        if (s.op == Reduce::None && !is_operand(s.name) && s.storage == tile::Storage::Scratch &&
            cost(s.body) <= kCheap)
          s.storage = tile::Storage::Inline;
  }
}

}  // namespace

const char* math_text(Math math) {
  switch (math) {
    case Math::Bf16:
      return "Bf16";
    case Math::F16:
      return "F16";
    case Math::Tf32:
      return "Tf32";
    default:
      return "float";
  }
}

int math_bytes(Math math) { return math == Math::Bf16 || math == Math::F16 ? 2 : 4; }

void refuse(const std::string& why) { throw Refused("tensor_core", why); }

int64_t extent_of(Expr axis) {
  if (!is_const(axis->extent())) refuse("axis " + axis->name() + " has no constant extent");
  return int_const(axis->extent());
}

Plan::Plan(const tile::Kernel& given, bool wide)
    : kernel(given),
      names({"p",         "smem",    "shared", "warp",       "lane",     "g",        "t",
             "i",         "r",       "h",      "row",        "col",      "tile",     "unit",
             "stage",     "valid",   "full",   "lo",         "hi",       "slot",     "a",
             "b",         "d",       "k",      "c",          "y",        "x",        "v",
             "j",         "at",      "ok",     "of",         "there",    "value",    "from",
             "to",        "begin",   "next",   "left",       "part",     "sum",      "term",
             "share",     "first",   "load",   "element",    "computed", "from_col", "within",
             "together",  "section", "points", "row_lo",     "row_hi",   "rows_end", "cols_end",
             "row_tiles", "row_ok",  "col0",   "first_tile", "end_tile", "moves",    "over",
             "failed",    "ones",    "team"}),
      wide_(wide) {
  if (kernel.compute == Type::F64) refuse("it computes in float64");
  if (kernel.tiled.size() != 1) refuse("no axis of it is cut in row tiles");
  simplify_bodies(kernel);
  inline_cheap(kernel);
  kernel = tile::without_inline(kernel);
  rows = kernel.tiled[0], loop = kernel.loop;
  for (Expr a : kernel.grid) grid[a] = names.fresh(a->name());
  n = static_cast<int>(kernel.schedule.loop_tile);
  warps = kernel.schedule.warps, stages = kernel.schedule.stages;
  if (wide_) held = static_cast<int>(kernel.schedule.row_tile / (8 * warps));
  if (held != 2 && held != 4) refuse("a warp of other than 16 or 32 rows");
  plan_memory();
  plan_operands();
  exact = precise && std::all_of(operands.begin(), operands.end(),
                                 [](const Operand& o) { return o.math == Math::F32; });
  if (wide_) choose_across();
  if (!row_values.empty() && held != 2) refuse("values that change with the row, in warps of 32");
  plan_values();
  if (wide_) plan_staged();
}

void Plan::plan_memory() {
  for (const SymbolInfo& s : kernel.symbols) sizes[s.name] = names.fresh(s.name);
  auto add = [&](const std::string& name, DType dtype, const std::vector<Expr>& shape) {
    Tensor t;
    t.id = names.fresh(name), t.dtype = dtype, t.shape = shape;
    t.index = static_cast<int>(tensors.size());
    t.aligned = kernel.specialization.aligned.count(name) > 0;
    t.half_aligned = t.aligned || kernel.specialization.half_aligned.count(name) > 0;
    const auto classes = kernel.specialization.strides.find(name);
    for (size_t d = 0; d < shape.size(); ++d) {
      const auto c = classes == kernel.specialization.strides.end() ? tile::StrideClass::Any
                                                                    : classes->second.at(d);
      t.strides.push_back(c == tile::StrideClass::One    ? "1"
                          : c == tile::StrideClass::Zero ? "0"
                                                         : t.id + "_s" + std::to_string(d));
    }
    for (size_t d = shape.size(); d-- > 1;) {
      if (!number(t.strides[d]) || classes->second.at(d - 1) != tile::StrideClass::Joined) continue;
      t.strides[d - 1] = std::to_string(int_const(shape[d]) * *number(t.strides[d]));
    }
    tensors[name] = t;
  };
  for (const Input& i : kernel.inputs) add(i.name, i.dtype, i.shape);
  for (const Store& o : kernel.outputs) add(o.name, o.dtype, o.shape);
  bool low = false;
  for (const Input& i : kernel.inputs) low |= i.dtype == DType::BF16 || i.dtype == DType::F16;
  precise = !low;
}

const tile::Statement* Plan::find(const std::string& name) const {
  for (auto* list : {&kernel.packs, &kernel.prologue})
    for (const tile::Statement& s : *list)
      if (s.name == name) return &s;
  for (const tile::Pass& p : kernel.passes)
    for (auto* list : {&p.before, &p.after})
      for (const tile::Statement& s : *list)
        if (s.name == name) return &s;
  return nullptr;
}

/// The widest type that both sides were rounded to anyway.
Math Plan::math_of(Expr a, Expr b) const {
  bool bf16 = false, f16 = false, f32 = false;
  auto look = [&](Expr e) {
    visit(e, [&](Expr x) {
      if (x->op != Op::Load || !is_float(x->type)) return;
      const auto t = tensors.find(x->name());
      if (t == tensors.end()) return;
      bf16 |= t->second.dtype == DType::BF16;
      f16 |= t->second.dtype == DType::F16;
      f32 |= t->second.dtype == DType::F32;
    });
  };
  if (a) look(a);
  look(b);
  if (f32 || (bf16 && f16) || (!bf16 && !f16))
    return kernel.specialization.tf32 ? Math::Tf32 : Math::F32;
  return bf16 ? Math::Bf16 : Math::F16;
}

void Plan::add_operand(const tile::Statement& s, Expr row, Math math) {
  const auto known = operand_of.find(s.name);
  if (known != operand_of.end()) {
    if (operands[static_cast<size_t>(known->second)].math != math)
      refuse("mixed types of " + s.name);
    return;
  }
  if (s.op != Reduce::None) refuse("operand " + s.name + " is a reduction");
  Operand o;
  o.id = names.fresh(s.name), o.row = row, o.body = s.body, o.math = math;
  for (Expr a : s.axes)
    if (a != row) o.columns.push_back(a);
  for (Expr a : o.columns) o.extent *= extent_of(a);
  o.padded = round_up(o.extent, 16);
  if (const int bytes = piece(o)) {
    const Tensor& t = tensors.at(o.body->name());
    const int64_t size = dtype_size(t.dtype);
    if (size == math_bytes(o.math))
      o.copied = &t, o.piece = bytes;
    else if (bytes == 4 * size && o.extent % 4 == 0)
      o.widened = &t;
  }
  operand_of[s.name] = static_cast<int>(operands.size());
  operands.push_back(o);
}

/// One load of memory in which columns are neighbours: how many bytes of them may come at once, 16
/// or 8. 0: elements come one by one.
int Plan::piece(const Operand& o) const {
  const Expr b = o.body;
  if (b->op != Op::Load) return 0;
  const auto found = tensors.find(b->name());
  if (found == tensors.end() || !found->second.half_aligned) return 0;
  const Tensor& t = found->second;
  const bool low = t.dtype == DType::BF16 || t.dtype == DType::F16;
  const DType want = o.math == Math::Bf16  ? DType::BF16
                     : o.math == Math::F16 ? DType::F16
                                           : DType::F32;
  const bool widened = wide_ && want == DType::F32 && low;
  if (t.dtype != want && !widened) return 0;
  const int bytes = widened || !t.aligned ? 8 : 16;
  if ((o.columns.size() != 1 || bytes == 8) && !wide_) return 0;
  std::map<Expr, int64_t> steps;  // of the columns, in memory
  for (size_t d = 0; d < b->args.size(); ++d) {
    const auto stride = number(t.strides[d]);
    if (stride == 0) continue;
    if (!stride) {  // a multiple of the piece; columns may not be in it
      if (uses_any(b->args[d], o.columns)) return 0;
      continue;
    }
    const auto at = affine(b->args[d]);
    if (!at || (*stride == 1 && uses(b->args[d], o.row))) return 0;  // rows side by side
    auto whole = [&](Expr e) {
      return is_const(e) && int_const(e) * *stride * dtype_size(t.dtype) % bytes == 0;
    };
    if (!whole(at->rest)) return 0;
    for (const auto& [axis, c] : at->coefficients)
      if (contains(o.columns, axis) && is_const(c))
        steps[axis] += int_const(c) * *stride;
      else if (!whole(c))
        return 0;
  }
  int64_t step = 1;
  for (size_t k = o.columns.size(); k-- > 0; step *= extent_of(o.columns[k]))
    if (steps[o.columns[k]] != step) return 0;
  return bytes;
}

void Plan::add_value(const std::string& name, Type type, const std::vector<Expr>& axes) {
  Value v;
  v.type = type;
  bool row = false, element = false;
  int64_t extent = 1;
  for (Expr a : axes) {
    if (a == rows)
      row = true;
    else if (a == loop)
      element = true;
    else
      v.columns.push_back(a), extent *= extent_of(a);
  }
  (void)row;
  if (element && !v.columns.empty()) refuse(name + " has three axes in a tile");
  v.kind = element ? Kind::Element : v.columns.empty() ? Kind::Row : Kind::Value;
  v.padded = round_up(extent, 16);
  v.id = names.fresh(name);
  values[name] = v;
}

void Plan::plan_values() {
  auto list = [&](const std::vector<tile::Statement>& statements) {
    for (const tile::Statement& s : statements)
      if (!operand_of.count(s.name) && !values.count(s.name)) add_value(s.name, s.type, s.axes);
  };
  list(kernel.prologue);
  for (const tile::Pass& p : kernel.passes) {
    list(p.before), list(p.after), list(p.before_full), list(p.after_full);
    for (const tile::State& s : p.states) {
      add_value(s.name, s.type, s.axes);
      const bool known = s.contraction || column_sums.count(s.name) || is_row_values(s.name);
      if (values[s.name].kind == Kind::Value && (!known || s.type != Type::F32))
        refuse("state " + s.name + " is no product");
    }
    for (const StreamReference& r : p.references) {
      add_value(r.name, r.start->type, r.axes);
      if (values[r.name].kind != Kind::Row) refuse("reference " + r.name + " is no row");
    }
    for (const auto& f : p.finals) add_value(f.name, f.body->type, f.axes);
  }
  list(kernel.epilogue);
}

int64_t Plan::parameter_words() const {
  size_t words = tensors.size() + kernel.symbols.size();
  for (const auto& [name, t] : tensors) words += t.shape.size();
  return static_cast<int64_t>(words);
}

std::string Plan::row_text() const { return "(i >> 1) & " + std::to_string(held - 1); }

std::string Plan::offset_text() const {
  return "8 * (i >> " + std::string(held == 4 ? "3" : "2") + ") + (i & 1)";
}

std::string Plan::column_text() const { return offset_text() + " + 2 * t"; }

std::string Plan::each_row() const {
  return "for (int r = 0; r < " + std::to_string(held) + "; ++r)";
}

std::string Plan::row_list(const std::function<std::string(int)>& text) const {
  std::vector<std::string> parts;
  for (int r = 0; r < held; ++r) parts.push_back(text(r));
  return "{" + join(parts, ", ") + "}";
}

const Operand& Plan::operand(const std::string& name) const {
  return operands[static_cast<size_t>(operand_of.at(name))];
}

const Value& Plan::value(const std::string& name) const {
  const auto it = values.find(name);
  FLASHLIGHT_CHECK(it != values.end(), "no value " + name);
  return it->second;
}

}  // namespace flashlight::codegen::cuda
