#include "ir/stream.h"

namespace flashlight::ir {
namespace {

std::string names(const std::vector<Expr>& axes) {
  std::string out;
  for (Expr a : axes) out += (out.empty() ? "" : ", ") + a->name();
  return out;
}

std::string at(const std::string& name, const std::vector<Expr>& axes) {
  return axes.empty() ? name : name + "[" + names(axes) + "]";
}

std::string computation(const std::string& title, const Computation& c) {
  std::string text = title + " " + at(c.name, c.axes) + " = ";
  if (c.op != Reduce::None)
    text += std::string(reduce_text(c.op)) + "(" + names(c.reduce_axes) + ") ";
  return text + print(c.body) + "\n";
}

std::string state_text(const StreamState& s, Expr loop) {
  std::string text = "    " + at(s.name, s.axes) + " = " + reduce_text(s.op) + "(" + loop->name() +
                     ") " + print(s.body) + "\n";
  for (const auto& [from, factor] : s.move)
    text += "      moves by " + print(factor) + " of " + from + "\n";
  return text;
}

std::string pass_text(const StreamPass& p, Expr loop) {
  std::string text;
  for (const StreamState& s : p.states) text += state_text(s, loop);
  for (const StreamReference& r : p.references)
    text += "    reference " + at(r.name, r.axes) + " = " + print(r.start) + ", then " +
            (r.target ? print(r.target) : "fixed") + "; ends as " + r.follows + "\n";
  for (const auto& f : p.finals)
    text += "    final " + at(f.name, f.axes) + " = " + print(f.body) + "\n";
  return text;
}

std::string store_text(const Store& o) {
  std::string index;
  for (Expr e : o.index) index += (index.empty() ? "" : ", ") + print(e);
  return "  store " + o.name + "[" + index + "] : " + dtype_text(o.dtype) + " = " + print(o.body) +
         "\n";
}

}  // namespace

std::string print(const Stream& s) {
  std::string text = "stream " + s.name + "\n  for each " + names(s.row_axes) + "\n";
  for (const Computation& c : s.rows) text += computation("  row", c);
  for (size_t i = 0; i < s.passes.size(); ++i) {
    text += "  pass " + std::to_string(i) + " over " + s.loop->name() + " < " +
            print(s.loop->extent()) + "\n";
    if (i == 0)
      for (const Computation& c : s.tiles) text += computation("    tile", c);
    text += pass_text(s.passes[i], s.loop);
  }
  for (const Computation& c : s.epilogue) text += computation("  epilogue", c);
  for (const Store& o : s.outputs) text += store_text(o);
  return text;
}

}  // namespace flashlight::ir
