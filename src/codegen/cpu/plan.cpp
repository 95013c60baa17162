#include "codegen/cpu/plan.h"

#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cpu {
namespace {

// Names that the text uses itself, and functions of the device headers that a local variable
// would hide.
std::vector<std::string> reserved_names() {
  std::vector<std::string> names = {
#define X(name, text, arity, rule, meaning) text, text "_",
#include "ir/ops.def"
#undef X
      "fl",       "T",           "W",         "P",          "NV",
      "MR",       "a",           "t",         "k",          "args",
      "at",       "left",        "live",      "tail",       "Full",
      "Tail",     "Ragged",      "Args",      "Tile",       "Packs",
      "redo",     "group",       "item",      "unit",       "pack",
      "work",     "load",        "store",     "select",     "read",
      "write",    "fold",        "absorb",    "get",        "put",
      "vec",      "ivec",        "lift",      "splat",      "iota",
      "identity", "min_fast",    "max_fast",  "fma",        "Sum",
      "Prod",     "Max",         "Min",       "Any",        "All",
      "MaxFast",  "Start",       "Left",      "Right",      "Out",
      "Flag",     "i64",         "i32",       "u8",         "f16",
      "bf16",     "rounded",     "fill",      "any",        "all",
      "gather",   "exp2_nonpos", "exp_below", "inner",      "Dot",
      "offsets",  "data",        "nonempty",  "gemm_block", "contract_block",
      "dot_rows", "step",        "Work",      "run",        "to",
      "check",    "fault",       "failed",    "report",     "some",
      "dead",     "skipped",     "first",     "start",      "end",
      "extent"};
  return names;
}

Stride times(const Stride& a, const Stride& b) {
  if (a.text.empty() && b.text.empty()) return {a.value * b.value, ""};
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  return {0, a.str() + " * " + b.str()};
}

}  // namespace

Plan::Plan(const tile::Kernel& k)
    : kernel(k),
      names(reserved_names()),
      panel(k.schedule.panel),
      single(k.compute == ir::Type::F32) {
  FLASHLIGHT_CHECK(panel > 0 && k.schedule.loop_tile % panel == 0, "loop tile of whole panels");
  for (const ir::SymbolInfo& s : k.symbols) {
    const auto it = k.specialization.fixed.find(s.name);
    sizes[s.name] = it == k.specialization.fixed.end() ? "a." + names.fresh(s.name)
                                                       : std::to_string(it->second) + "l";
  }
  plan_axes();
  for (Expr a : kernel.tiled) {
    sizes[a->name() + ".lo"] = axes[a].id + "_lo";
    sizes[a->name() + ".hi"] = "(" + axes[a].id + "_lo + " + axes[a].id + "_n)";
  }
  if (kernel.loop)
    sizes[seen()->name()] = "(" + axes[kernel.loop].id + "_lo + " + axes[kernel.loop].id + "_n)";
  plan_tensors();
  plan_packs();
}

Expr Plan::seen() const { return ir::symbol(kernel.loop->name() + ".seen"); }

int64_t Plan::width(int64_t extent) const {
  return round_up(extent, extent < panel ? lanes() : panel);
}

const AxisPlan& Plan::axis(Expr a) const {
  const auto it = axes.find(a);
  FLASHLIGHT_CHECK(it != axes.end(), "axis " + a->name() + " has no role in " + kernel.name);
  return it->second;
}

void Plan::plan_axes() {
  const auto add = [&](Expr a, Role role, int64_t extent) {
    const std::string id = names.fresh(a->name());
    names.fresh(id + "_lo"), names.fresh(id + "_n"), names.fresh(id + "_p");
    axes[a] = {role, id, extent};
  };
  for (Expr a : kernel.grid) add(a, Role::Grid, 0);
  FLASHLIGHT_CHECK(kernel.tiled.size() <= 1, "one tiled axis at most");
  if (!kernel.tiled.empty())
    rows = round_up(round_up(kernel.schedule.row_tile, kernel.schedule.micro_rows), panel);
  for (Expr a : kernel.tiled) add(a, Role::Tiled, rows);
  for (Expr a : kernel.whole)
    add(a, Role::Whole, ir::evaluate(a->extent(), kernel.specialization.fixed));
  if (kernel.loop) add(kernel.loop, Role::Loop, kernel.schedule.loop_tile);
}

void Plan::plan_tensors() {
  const auto add = [&](const std::string& name, ir::DType dtype, const std::vector<Expr>& shape) {
    Tensor t{names.fresh(name), dtype, shape, {}};
    const auto known = kernel.specialization.strides.find(name);
    for (size_t d = 0; d < shape.size(); d++) {
      tile::StrideClass c = tile::StrideClass::Any;
      if (known != kernel.specialization.strides.end() && d < known->second.size())
        c = known->second[d];
      if (c == tile::StrideClass::Any)
        t.strides.push_back({0, "a." + names.fresh(t.id + "_" + std::to_string(d))});
      else
        t.strides.push_back({c == tile::StrideClass::One, ""});
    }
    tensors[name] = t;
  };
  for (const ir::Input& input : kernel.inputs) add(input.name, input.dtype, input.shape);
  for (const ir::Store& output : kernel.outputs) {
    FLASHLIGHT_CHECK(!tensors.count(output.name), "output is an input: " + output.name);
    add(output.name, output.dtype, output.shape);
  }
}

// A pack is an array over all loop elements; their number is known at run time (a.loop_p).
void Plan::plan_packs() {
  for (const tile::Statement& s : kernel.packs) {
    if (s.storage != tile::Storage::Panel && s.storage != tile::Storage::Scratch) continue;
    Array array{"k." + names.fresh(s.name), s.type, s.axes, {}, false, true};
    array.panelled = s.storage == tile::Storage::Panel;
    Stride next = {array.panelled ? panel : 1, ""};
    array.strides.resize(s.axes.size());
    for (size_t d = s.axes.size() - array.panelled; d-- > 0;) {
      array.strides[d] = next;
      const AxisPlan& p = axis(s.axes[d]);
      const bool padded = d + 1 == s.axes.size();  // register blocks may run over its end
      next = times(next, p.role == Role::Loop ? Stride{0, "a.loop_p"}
                                              : Stride{padded ? width(p.extent) : p.extent, ""});
    }
    if (array.panelled) array.strides.back() = next;
    packs[s.name] = array;
  }
}

Array Plan::allocate(const std::string& name, ir::Type type, const std::vector<Expr>& of) {
  std::string key = name + ":" + storage_type(type);
  for (Expr a : of) key += "," + a->name();
  if (const auto it = allocated_.find(key); it != allocated_.end()) return it->second;
  Array array{"t." + names.fresh(name), type, of, {}, false, false};
  int64_t next = 1;
  array.strides.resize(of.size());
  for (size_t d = of.size(); d-- > 0;) {
    array.strides[d] = {next, ""};
    next *= d + 1 == of.size() ? width(axis(of[d]).extent) : axis(of[d]).extent;
  }
  fields.push_back({storage_type(type), array.base.substr(2), std::max(next, panel)});
  return allocated_[key] = array;
}

std::string Plan::storage_type(ir::Type type) const {
  if (type == ir::Type::Bool) return "u8";
  return type == ir::Type::Int ? "IntOf<T>::type" : "T";
}

std::string Plan::size_text(Expr e) const {
  switch (e->op) {
    case ir::Op::Const:
      return std::to_string(static_cast<int64_t>(ir::const_value(e))) + "l";
    case ir::Op::Symbol: {
      const auto it = sizes.find(e->name());
      FLASHLIGHT_CHECK(it != sizes.end(), "not a size: " + e->name());
      return it->second;
    }
    default:
      break;
  }
  std::vector<std::string> args;
  for (Expr arg : e->args) args.push_back(size_text(arg));
  return std::string(ir::op_text(e->op)) + "(" + join(args, ", ") + ")";
}

const char* dtype_name(ir::DType type) {
  switch (type) {
    case ir::DType::Bool:
      return "bool";
    case ir::DType::U8:
      return "u8";
    case ir::DType::I8:
      return "i8";
    case ir::DType::I16:
      return "i16";
    case ir::DType::I32:
      return "i32";
    case ir::DType::I64:
      return "i64";
    case ir::DType::F16:
      return "f16";
    case ir::DType::BF16:
      return "bf16";
    case ir::DType::F32:
      return "float";
    case ir::DType::F64:
      return "double";
  }
  return "?";
}

std::string round_up_text(const std::string& n, int64_t to) {
  const std::string r = std::to_string(to);
  return to == 1 ? n : "(" + n + " + " + std::to_string(to - 1) + ") / " + r + " * " + r;
}

Expr expand(Expr e, const Scope& scope) {
  return ir::transform(e, [&](Expr n) {
    if (n->op != ir::Op::Load && n->op != ir::Op::Symbol) return n;
    const auto it = scope.find(n->name());
    if (it == scope.end() || !it->second.body) return n;
    ir::Substitution at;
    if (n->op == ir::Op::Load)
      for (size_t d = 0; d < n->args.size(); d++) at[it->second.axes[d]] = n->args[d];
    return ir::substitute(expand(it->second.body, scope), at);
  });
}

}  // namespace flashlight::codegen::cpu
