// Operands that all units of a group share: one item of work makes one panel of the loop axis.
#include <algorithm>

#include "codegen/cpu/kernel_text.h"
#include "support/error.h"

namespace flashlight::codegen::cpu {

// A transposing copy, where the body is a plain load.
bool KernelText::print_panel_copy(Writer& out, const tile::Statement& s, const Array& to) {
  const size_t rank = s.axes.size();
  if (!to.panelled || s.op != ir::Reduce::None || rank < 2 || s.axes.back() != plan_.kernel.loop)
    return false;
  const auto from = operand_in_memory(s, plan_, scope_);
  if (!from || !ir::is_float(s.type) || !ir::is_float(s.body->type)) return false;
  print_checks(out, plan_, scope_, s);
  const AxisPlan& j = plan_.axis(s.axes.back());
  const AxisPlan& k = plan_.axis(s.axes[rank - 2]);
  std::string source = from->base;
  std::string target = to.base + " + " + j.id + "_lo / P * (" + to.strides.back().str() + ")";
  for (size_t d = 0; d + 2 < rank; d++) {
    const AxisPlan& p = plan_.axis(s.axes[d]);
    out.open("for (i64 " + p.id + " = 0; " + p.id + " < " + std::to_string(p.extent) + "; " + p.id +
             "++)");
    source += " + " + product(p.id, from->stride(s.axes[d]));
    target += " + " + product(p.id, to.strides[d]);
  }
  const Stride rows = from->stride(s.axes[rank - 2]), columns = from->stride(s.axes.back());
  const std::string sizes = "(" + target + ", " + source + ", " + std::to_string(k.extent) + ", " +
                            j.id + "_n, " + rows.str();
  if (columns.is(1))
    out.line("pack_by_rows<T, P>" + sizes + ", T(0));");
  else if (rows.is(1))
    out.line("pack_by_columns<T, P>" + sizes + ", " + columns.str() + ", T(0));");
  else
    out.line("pack_panel<T, P>" + sizes + ", " + columns.str() + ");");
  for (size_t d = 0; d + 2 < rank; d++) out.close();
  return true;
}

void KernelText::print_pack(Writer& out) {
  const Expr loop = plan_.kernel.loop;
  const AxisPlan& j = plan_.axis(loop);
  out.line("// one panel of what the units of a group share");
  out.open("static __attribute__((noinline)) void pack_item(const Args& a, const Packs& k" +
           grid_text("i64 ", static_cast<size_t>(plan_.kernel.pack_axes)) + ", i64 item)");
  out.line("const i64 extent = " + plan_.size_text(loop->extent()) + ";");
  out.line("const i64 " + j.id + "_lo = item * P;");
  out.line("const i64 " + j.id + "_n = extent - " + j.id + "_lo < P ? extent - " + j.id +
           "_lo : P;");
  for (const tile::Statement& s : plan_.kernel.packs) {
    const auto array = plan_.packs.find(s.name);
    if (array == plan_.packs.end()) continue;
    const bool looped = std::find(s.axes.begin(), s.axes.end(), loop) != s.axes.end();
    if (!looped) out.open("if (item == 0)");
    if (!print_panel_copy(out, s, array->second)) {
      Item item;
      item.name = s.name, item.type = s.type, item.axes = s.axes, item.serial = s.reduce_axes;
      item.op = s.op, item.body = expand(s.body, scope_), item.array = array->second;
      print_nest(out, plan_, scope_, {item}, false);
    }
    if (!looped) out.close();
  }
  out.close();
  out.line();
}

// struct Packs, where each lies in the memory of a group, and how much that is.
void KernelText::print_pack_bytes(Writer& out) const {
  Writer fields, places;
  for (const tile::Statement& s : plan_.kernel.packs) {
    const auto it = plan_.packs.find(s.name);
    if (it == plan_.packs.end()) continue;
    const std::string type = plan_.storage_type(s.type), id = it->second.base.substr(2);
    fields.line("  " + type + "* " + id + ";");
    std::string count = "P";
    for (size_t d = 0; d < s.axes.size(); d++) {
      const AxisPlan& p = plan_.axis(s.axes[d]);
      const bool last = d + 1 == s.axes.size();
      const int64_t n = !last                 ? p.extent
                        : it->second.panelled ? round_up(p.extent, plan_.panel)
                                              : plan_.width(p.extent);
      count =
          (d == 0 ? "" : count + " * ") + (p.role == Role::Loop ? "a.loop_p" : std::to_string(n));
    }
    places.line("  k." + id + " = (" + type + "*)(to + bytes);");
    places.line("  bytes += align_up((" + count + " + P) * (i64)sizeof(" + type + "), 64);");
  }
  out.line("struct Packs {");
  out.append(fields.text());
  out.line("};");
  out.line();
  out.line("static i64 place_packs(const Args& a, char* to, Packs& k) {");
  out.line("  i64 bytes = 0;");
  out.append(places.text());
  out.line("  return bytes;");
  out.line("}");
  out.line();
}

}  // namespace flashlight::codegen::cpu
