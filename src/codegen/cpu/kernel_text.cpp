#include "codegen/cpu/kernel_text.h"

#include <algorithm>

#include "codegen/cpu/emit.h"
#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cpu {

KernelText::KernelText(const tile::Kernel& kernel) : plan_(kernel) {
  FLASHLIGHT_CHECK(kernel.loop, "a kernel has a loop axis");
  for (const tile::Statement& s : kernel.packs) {
    const auto array = plan_.packs.find(s.name);
    if (array != plan_.packs.end()) {
      scope_[s.name] = {s.axes, array->second, Expr()};
    } else {
      scope_[s.name] = {s.axes, std::nullopt, expand(s.body, scope_)};
      if (s.storage == tile::Storage::Direct) direct_[s.name] = &s;
    }
  }
}

std::string KernelText::grid_text(const char* type, size_t last) const {
  std::string text;
  for (size_t g = 0; g < last; g++)
    text += ", " + std::string(type) + plan_.axis(plan_.kernel.grid[g]).id;
  return text;
}

std::string KernelText::tile_text(const char* type) const {
  std::string text;
  for (Expr a : plan_.kernel.tiled)
    for (const char* suffix : {"_lo", "_n"}) text += ", " + (type + plan_.axis(a).id) + suffix;
  return text;
}

void KernelText::print_row_padding(Writer& out) const {
  for (Expr a : plan_.kernel.tiled) {
    const std::string id = plan_.axis(a).id;
    out.line("[[maybe_unused]] const i64 " + id + "_p = align_up(" + id + "_n, " +
             std::to_string(plan_.kernel.schedule.micro_rows) + ");");
  }
}

void KernelText::print_arguments(Writer& out) const {
  out.line("struct Args {");
  const auto tensor = [&](const std::string& name, bool input) {
    const Tensor& t = plan_.tensors.at(name);
    out.line("  " + std::string(input ? "const " : "") + dtype_name(t.dtype) + "* " + t.id + ";");
    std::vector<std::string> strides;
    for (const Stride& s : t.strides)
      if (!s.text.empty()) strides.push_back(s.text.substr(2));
    if (!strides.empty()) out.line("  i64 " + join(strides, ", ") + ";");
  };
  for (const ir::Input& i : plan_.kernel.inputs) tensor(i.name, true);
  for (const ir::Store& o : plan_.kernel.outputs) tensor(o.name, false);
  for (const ir::SymbolInfo& s : plan_.kernel.symbols)
    if (const std::string& text = plan_.sizes.at(s.name); text.substr(0, 2) == "a.")
      out.line("  i64 " + text.substr(2) + ";");
  out.line("  fl_fault* fault;");
  out.line("  i64 loop_p;  // elements of the loop axis, rounded up to panels");
  out.line("};");
  out.line();
}

void KernelText::read_arguments(Writer& out) const {
  for (size_t s = 0; s < plan_.kernel.symbols.size(); s++)
    if (const std::string& text = plan_.sizes.at(plan_.kernel.symbols[s].name);
        text.substr(0, 2) == "a.")
      out.line(text + " = args->symbols[" + std::to_string(s) + "];");
  size_t n = 0;
  const auto tensor = [&](const std::string& name, const std::vector<Expr>& shape, bool input) {
    const Tensor& t = plan_.tensors.at(name);
    const std::string index = std::to_string(n++);
    std::vector<std::string> sizes = {"1"};
    for (Expr e : shape) sizes.push_back(plan_.size_text(e));
    const std::string type = dtype_name(t.dtype);
    out.line("a." + t.id + " = " +
             (input
                  ? "nonempty<" + type + ">(args->data[" + index + "], " + join(sizes, " * ") + ")"
                  : "(" + type + "*)args->data[" + index + "]") +
             ";");
    for (size_t d = 0; d < t.strides.size(); d++)
      if (!t.strides[d].text.empty())
        out.line(t.strides[d].text + " = args->strides[" + index + "][" + std::to_string(d) + "];");
  };
  for (const ir::Input& i : plan_.kernel.inputs) tensor(i.name, i.shape, true);
  for (const ir::Store& o : plan_.kernel.outputs) tensor(o.name, o.shape, false);
  // Not 0: the first item is made even where the loop is empty.
  out.line("a.loop_p = align_up(" + plan_.size_text(plan_.kernel.loop->extent()) + ", P);");
  out.line("if (a.loop_p == 0) a.loop_p = P;");
}

void KernelText::print_tile(Writer& out) const {
  out.line("// what a unit of work holds");
  out.line("struct Tile {");
  for (const Field& f : plan_.fields)
    out.line("  alignas(64) " + f.type + " " + f.id + "[" + std::to_string(f.size) + "];");
  out.line("};");
  out.line();
}

// Lanes run along the last axis; loops in the order of the value that is stored.
void KernelText::add_output(PhasePrinter& phase, const ir::Store& store) {
  Item item;
  item.name = store.name, item.type = store.body->type, item.store = &store;
  item.body = expand(store.body, scope_);
  for (Expr a : store.axes)
    if (plan_.axis(a).role != Role::Grid) item.axes.push_back(a);
  for (Expr l : ir::loads_of(item.body)) {
    const auto slot = scope_.find(l->name());
    if (slot == scope_.end() || !slot->second.array || slot->second.axes.empty()) continue;
    const auto& axes = slot->second.axes;
    if (axes.back() == item.axes.back() &&
        std::is_permutation(axes.begin(), axes.end(), item.axes.begin(), item.axes.end()))
      item.axes = axes;
  }
  phase.add(item);
}

void KernelText::print_unit() {
  unit_.line("// one tile of rows, from inputs to outputs");
  unit_.open("static __attribute__((noinline)) void unit(const Args& a, const Packs& k, Tile& t" +
             grid_text("i64 ", plan_.kernel.grid.size()) + tile_text("i64 ") + ")");
  print_row_padding(unit_);
  PhasePrinter phase(unit_, plan_, scope_, direct_, false);
  for (const tile::Statement& s : plan_.kernel.prologue) {
    declare(s, plan_.kernel.prologue, scope_);
    add_statement(phase, s, expand(s.body, scope_), scope_, plan_.kernel.prologue_contractions);
  }
  for (size_t p = 0; p < plan_.kernel.passes.size(); p++) print_pass(phase, p);
  for (const tile::Statement& s : plan_.kernel.epilogue) {
    declare(s, plan_.kernel.epilogue, scope_);
    add_statement(phase, s, expand(s.body, scope_), scope_, {});
  }
  for (const ir::Store& o : plan_.kernel.outputs) add_output(phase, o);
  phase.flush();
  unit_.close();
  unit_.line();
}

void KernelText::print_indices(Writer& out, const std::string& flat, size_t first,
                               size_t last) const {
  std::string rest = flat;
  for (size_t g = last; g-- > first;) {
    const Expr axis = plan_.kernel.grid[g];
    const std::string n = plan_.size_text(axis->extent());
    out.line("const i64 " + plan_.axis(axis).id + " = " + rest + " % (" + n + ");");
    rest += " / (" + n + ")";
  }
}

// How much there is to do: groups of units that share packs, units per group, pieces of packs.
void KernelText::print_work(Writer& out) const {
  const tile::Kernel& kernel = plan_.kernel;
  const size_t split = static_cast<size_t>(kernel.pack_axes);
  const auto extents = [&](size_t first, size_t last) {
    std::vector<std::string> texts = {"i64(1)"};
    for (size_t g = first; g < last; g++)
      texts.push_back("(" + plan_.size_text(kernel.grid[g]->extent()) + ")");
    return join(texts, " * ");
  };
  if (!kernel.tiled.empty()) {
    out.line("const i64 rows = " + plan_.size_text(kernel.tiled[0]->extent()) + ";");
    out.line("if (rows <= 0) return 0;");
    out.line("// equal tiles: no small last one");
    out.line("const i64 step = align_up(ceil_div(rows, ceil_div(rows, " +
             std::to_string(kernel.schedule.row_tile) + ")), " +
             std::to_string(kernel.schedule.micro_rows) + ");");
    out.line("const i64 row_tiles = ceil_div(rows, step);");
  }
  out.line("Packs k;");
  out.line("Work w;");
  out.line("w.groups = " + extents(0, split) + ";");
  out.line("w.units = " + extents(split, kernel.grid.size()) +
           (kernel.tiled.empty() ? ";" : " * row_tiles;"));
  out.line("w.items = a.loop_p / P;");
  out.line("w.pack_bytes = (usize)place_packs(a, nullptr, k);");
  out.line("w.tile_bytes = sizeof(Tile);");
}

void KernelText::print_entry(Writer& out) const {
  const tile::Kernel& kernel = plan_.kernel;
  const size_t split = static_cast<size_t>(kernel.pack_axes), grid = kernel.grid.size();
  const bool tiled = !kernel.tiled.empty();
  out.open("extern \"C\" __attribute__((visibility(\"default\"))) int " + kernel.name +
           "(const fl_args* args)");
  out.line("Args a;");
  out.line("fl_fault fault = {};");
  out.line("a.fault = args->fault ? args->fault : &fault;");
  read_arguments(out);
  print_work(out);
  out.open("const auto make = [&](char* to, i64 group, i64 item)");
  out.line("Packs packs;");
  out.line("place_packs(a, to, packs);");
  print_indices(out, "group", 0, split);
  out.line("pack_item(a, packs" + grid_text("", split) + ", item);");
  out.close(";");
  out.open("const auto compute = [&](char* from, char* tile, i64 group, i64 index)");
  out.line("Packs packs;");
  out.line("place_packs(a, from, packs);");
  print_indices(out, "group", 0, split);
  print_indices(out, tiled ? "index / row_tiles" : "index", split, grid);
  if (tiled) out.line("const i64 lo = index % row_tiles * step;");
  out.line("unit(a, packs, *(Tile*)tile" + grid_text("", grid) +
           (tiled ? ", lo, rows - lo < step ? rows - lo : step);" : ");"));
  out.close(";");
  out.line("const int failed = run(w, make, compute);");
  out.line("return failed ? failed : a.fault->taken ? 2 : 0;");
  out.close();
}

std::string KernelText::print() {
  print_unit();
  Writer pack, out;
  print_pack(pack);
  const tile::Schedule& s = plan_.kernel.schedule;
  out.line("// " + plan_.kernel.name + ": rows in tiles of " + std::to_string(s.row_tile) +
           ", loop axis " + plan_.kernel.loop->name() + " in tiles of " +
           std::to_string(s.loop_tile));
  for (const char* header : {"abi", "check", "dots", "gemm", "math", "pack", "tile", "work"})
    out.line("#include \"" + std::string(header) + ".h\"");
  out.line();
  out.line("namespace {");
  out.line("using namespace fl;");
  out.line();
  out.line(std::string("typedef ") + (plan_.single ? "float" : "double") + " T;");
  out.line("constexpr i64 W = kLanes<T>, P = " + std::to_string(plan_.panel) + ", NV = P / W;");
  out.line("static_assert(P % W == 0, \"panels of whole vectors\");");
  out.line();
  print_arguments(out);
  print_pack_bytes(out);
  print_tile(out);
  out.append(steps_.text());
  out.append(unit_.text());
  out.append(pack.text());
  out.line("}  // namespace");
  out.line();
  print_entry(out);
  return out.text();
}

Source emit(const tile::Kernel& kernel) { return {kernel.name, KernelText(kernel).print()}; }

}  // namespace flashlight::codegen::cpu
