// Tests of a panel of loop elements: is any of it live for the rows of the tile?
#include <algorithm>

#include "codegen/cpu/body.h"
#include "codegen/cpu/kernel_text.h"
#include "ir/rewrite.h"

namespace flashlight::codegen::cpu {
namespace {

void print_lines(Writer& out, Body& body, int level) {
  for (const std::string& line : body.lines(level)) out.line(line);
}

std::string loop_text(const AxisPlan& axis) {
  const std::string n = axis.role == Role::Whole ? std::to_string(axis.extent) : axis.id + "_n";
  return "for (i64 " + axis.id + " = 0; " + axis.id + " < " + n + "; " + axis.id + "++)";
}

}  // namespace

// Rows outside, lanes of the panel inside: a row that lives ends the search.
void KernelText::print_any(Writer& out, Expr condition, const std::string& found, bool otherwise) {
  const tile::Kernel& kernel = plan_.kernel;
  std::vector<Expr> axes;
  for (const auto* list : {&kernel.whole, &kernel.tiled})
    for (Expr a : *list)
      if (ir::uses(condition, a)) axes.push_back(a);
  Body body(plan_, scope_, kernel.loop, {condition});
  for (Expr a : axes) body.enter(a);
  body.enter(kernel.loop);
  const std::string value = body.value(condition).text;
  const std::string id = plan_.axis(kernel.loop).id;
  out.open("");
  print_lines(out, body, 0);
  for (size_t d = 0; d < axes.size(); d++) {
    out.open(loop_text(plan_.axis(axes[d])));
    print_lines(out, body, static_cast<int>(d) + 1);
  }
  out.line("auto some = mask_splat<T>(false);");
  out.open("for (i64 " + id + " = 0; " + id + " < (Tail ? " + id + "_n : P); " + id + " += W)");
  out.line("[[maybe_unused]] const i64 left = " + id + "_n - " + id + ";");
  print_lines(out, body, static_cast<int>(axes.size()) + 1);
  out.line("fold<Any, Tail>(some, " + value + ", first_lanes<T>(left));");
  out.close();
  out.line("if (" + std::string(otherwise ? "!" : "") + "any(some)) " + found);
  for (size_t d = 0; d < axes.size(); d++) out.close();
  out.close();
}

std::string KernelText::print_probe(const tile::Pass& pass) {
  const tile::Probe& probe = *pass.probe;
  const std::string name = plan_.names.fresh("lives"), id = plan_.axis(plan_.kernel.loop).id;
  std::string rows;
  for (const tile::Probe::Summary& s : probe.summaries) {
    plan_.sizes[s.name] = plan_.names.fresh(s.op == ir::Reduce::Min ? "least" : "largest");
    rows += ", i64 " + plan_.sizes[s.name];
  }
  steps_.line("// is some of this panel live?");
  steps_.line("template <bool Tail>");
  steps_.open("static __attribute__((noinline)) bool " + name + "(const Args& a" +
              grid_text("i64 ", plan_.kernel.grid.size()) + tile_text("i64 ") + rows + ", i64 " +
              id + "_lo, i64 " + id + "_n)");
  if (probe.some_row) print_any(steps_, probe.some_row, "return false;", true);
  print_any(steps_, probe.condition, "return true;", false);
  steps_.line("return false;");
  steps_.close();
  steps_.line();
  return name;
}

void KernelText::print_summaries(Writer& out, const tile::Probe& probe) {
  for (const tile::Probe::Summary& s : probe.summaries) {
    const std::string name = plan_.sizes.at(s.name);
    const std::string op = s.op == ir::Reduce::Min ? "Min" : "Max";
    out.line("i64 " + name + " = identity<" + op + ", i64>();");
    Body body(plan_, scope_, Expr(), {s.value});
    for (Expr a : s.axes) body.enter(a);
    const std::string value = body.value(s.value).text;
    out.open("");
    print_lines(out, body, 0);
    for (size_t d = 0; d < s.axes.size(); d++) {
      out.open(loop_text(plan_.axis(s.axes[d])));
      print_lines(out, body, static_cast<int>(d) + 1);
    }
    out.line(name + " = " + op + "::join(" + name + ", " + value + ");");
    for (size_t d = 0; d < s.axes.size(); d++) out.close();
    out.close();
  }
}

}  // namespace flashlight::codegen::cpu
