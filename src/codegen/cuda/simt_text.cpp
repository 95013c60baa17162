// Names and the frame of a kernel on the general path.
#include "codegen/cuda/simt_text.h"

#include <algorithm>

#include "codegen/cuda/simt_operation.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"
#include "tile/expand.h"

namespace flashlight::codegen::cuda {

using namespace ir;
using tile::Statement;
using tile::Storage;

namespace {

/// What is packed or read in place is an operand of products; elsewhere its body stands for it.
tile::Kernel operands_inline(tile::Kernel k, std::map<std::string, Statement>* packs,
                             std::map<std::string, Statement>* direct) {
  for (Statement& s : k.packs) {
    (*packs)[s.name] = s;
    s.storage = Storage::Inline, s.alias.clear();
  }
  for (tile::Pass& p : k.passes)
    for (auto* list : {&p.before, &p.before_full, &p.after, &p.after_full})
      for (Statement& s : *list)
        if (s.storage == Storage::Direct) {
          (uses_any(s.body, k.tiled) ? *direct : *packs)[s.name] = s;  // rows share what they can
          s.storage = Storage::Inline;
        }
  for (const auto& [name, s] : *packs)
    for (const std::string& n : names_loaded(s.body))
      FLASHLIGHT_CHECK(!packs->count(n), "pack " + name + " reads the pack " + n);
  return tile::without_inline(std::move(k));
}

}  // namespace

SimtText::SimtText(const tile::Kernel& kernel, SimtTiles tiles)
    : kernel_(operands_inline(kernel, &packs_, &direct_)),
      tiles_(tiles),
      single_(kernel.compute != Type::F64),
      names_({"p",         "smem",    "workspace", "unit",     "units",     "rest",    "kThreads",
              "rows",      "columns", "e",         "r",        "t",         "f",       "i",
              "h",         "g",       "base",      "live",     "sum",       "n0",      "m0",
              "mf",        "nf",      "of_a",      "of_b",     "pa",        "pb",      "va",
              "vb",        "full",    "share",     "attempt",  "extent",    "live_lo", "live_hi",
              "live_from", "live_to", "full_lo",   "full_hi",  "full_from", "full_to", "live_first",
              "Real",      "Params",  "threadIdx", "blockIdx", "gridDim",   "min",     "max",
              "infinity",  "clamped", "put"}),
      memory_(single_) {
  add_axes();
  for (const SymbolInfo& s : kernel_.symbols) symbols_[s.name] = names_.fresh("s_" + s.name);
  for (const auto& [name, value] : kernel_.specialization.fixed)
    symbols_[name] = std::to_string(value) + "ll";
  for (Expr a : kernel_.tiled)
    for (const char* end : {"lo", "hi"}) symbols_[a->name() + "." + end] = axis(a).name + "_" + end;
  for (const Input& in : kernel_.inputs) inputs_[in.name] = names_.fresh("g_" + in.name);
  for (const Store& o : kernel_.outputs) outputs_[o.name] = names_.fresh("g_" + o.name);
}

void SimtText::add_axes() {
  const auto add = [&](const Axes& list, Role role, int64_t capacity) {
    for (Expr a : list) axes_[a] = {role, names_.fresh("x_" + a->name()), capacity};
  };
  add(kernel_.grid, Role::Grid, 1);
  add(kernel_.tiled, Role::Tiled, tiles_.rows);
  add({kernel_.loop}, Role::Loop, tiles_.columns);
  for (Expr a : kernel_.whole) {
    const Bindings& fixed = kernel_.specialization.fixed;
    for (Expr s : symbols_of(a->extent()))
      if (!fixed.count(s->name()))
        throw Refused(kernel_.name,
                      "the extent of axis " + a->name() + " is not known: " + print(a->extent()));
    add({a}, Role::Whole, evaluate(a->extent(), fixed));
  }
}

int64_t SimtText::capacity(const Axes& axes) const {
  int64_t n = 1;
  for (Expr a : axes) n *= axis(a).capacity;
  return n;
}

SimtArray* SimtText::array(const std::string& name, Type type, const Axes& axes) {
  SimtArray*& a = made_[name];
  if (a) return a;
  std::vector<int64_t> sizes;
  for (Expr e : axes) sizes.push_back(axis(e).capacity);
  return a = memory_.make(names_.fresh("a_" + name), type, axes, sizes);
}

std::string SimtText::guard(Expr a) const {
  const Axis& x = axis(a);
  if (x.role == Role::Tiled && x.capacity > 1) return x.name + "_at < rows";
  return x.role == Role::Loop ? x.name + "_at < columns" : "";
}

void SimtText::declare(Expr a, const std::string& at) {
  const Axis& x = axis(a);
  const bool moves = x.role == Role::Tiled || x.role == Role::Loop;
  out_.line("const int " + x.name + "_at = " + at + ";");
  out_.line("const i64 " + x.name + " = " + (moves ? x.name + "_lo + " : "") + x.name + "_at;");
}

std::string SimtText::bound(Expr e, const std::string& name) {
  ScalarText text = scalar();
  const std::string value = text(e);
  out_.line("const i64 " + name + " = " + value + ";");
  return name;
}

Expr SimtText::units() const {
  Expr n = constant(int64_t{1});
  for (Expr a : kernel_.grid) n = n * a->extent();
  for (Expr a : kernel_.tiled)
    n = n * binary(Op::FloorDiv, a->extent() + constant(tiles_.rows - 1), constant(tiles_.rows));
  return n;
}

// ---- the kernel

void SimtText::run() {
  barrier();
  statements(kernel_.prologue, kernel_.prologue_contractions, "");
  for (size_t k = 0; k < kernel_.passes.size(); ++k) pass(kernel_.passes[k], static_cast<int>(k));
  statements(kernel_.epilogue, {}, "");
  for (const Store& o : kernel_.outputs) store(o);
}

void SimtText::statements(const std::vector<Statement>& list,
                          const std::vector<tile::Contraction>& contractions,
                          const std::string& scope) {
  for (const Statement& s : list) {
    const auto over = s.alias.empty() ? loads_.end() : loads_.find(s.alias);
    SimtArray* to = over == loads_.end() ? array(scope + s.name, s.type, s.axes) : over->second;
    const auto c = std::find_if(contractions.begin(), contractions.end(),
                                [&](const auto& x) { return x.value == s.name; });
    if (c != contractions.end())
      contract(*c, to, false, Expr());
    else if (s.op == Reduce::None)
      each(to, s.axes, s.body);
    else
      reduce(to, s.axes, s.reduce_axes, s.op, s.body, false, Expr());
    loads_[s.name] = to;
  }
}

void SimtText::store(const Store& output) {
  operation([&] {
    Axes axes;
    for (Expr a : output.axes)
      if (axis(a).role != Role::Grid) axes.push_back(a);
    Expr last;
    const size_t dim = output.order.empty() ? output.index.size() - 1 : output.order.back();
    if (!output.index.empty())
      if (const auto index = affine(output.index[dim]))
        for (const auto& [a, c] : index->coefficients)
          if (is_const(c, 1)) last = a;
    axes = in_order(axes, last);
    out_.open("for (int e = threadIdx.x; e < " + std::to_string(capacity(axes)) +
              "; e += kThreads)");
    points(axes, "e");
    if (const std::string in = inside(axes); !in.empty()) out_.line("if (!(" + in + ")) continue;");
    ScalarText text = scalar();
    std::vector<std::string> index;
    for (Expr e : output.index) index.push_back(text(e));
    const std::string value = text(output.body);
    out_.line("put(" + outputs_.at(output.name) + " + (" +
              offset_text(output.name, outputs_.at(output.name), index) + "), " + value + ");");
    out_.close();
  });
}

}  // namespace flashlight::codegen::cuda
