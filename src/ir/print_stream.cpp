#include "ir/stream.h"

namespace flashlight::ir {

std::string names_text(const std::vector<Expr>& axes) {
  std::string out;
  for (Expr a : axes) out += (out.empty() ? "" : ", ") + a->name();
  return out;
}

std::string value_text(const std::string& name, const std::vector<Expr>& axes) {
  return axes.empty() ? name : name + "[" + names_text(axes) + "]";
}

std::string store_text(const Store& o) {
  std::string index;
  for (Expr e : o.index) index += (index.empty() ? "" : ", ") + print(e);
  return "store " + o.name + "[" + index + "] : " + dtype_text(o.dtype) + " = " + print(o.body);
}

namespace {

std::string computation(const std::string& title, const Computation& c) {
  std::string text = title + " " + value_text(c.name, c.axes) + " = ";
  if (c.op != Reduce::None)
    text += std::string(reduce_text(c.op)) + "(" + names_text(c.reduce_axes) + ") ";
  return text + print(c.body) + "\n";
}

std::string state_text(const StreamState& s, Expr loop) {
  std::string text = "    " + value_text(s.name, s.axes) + " = " + reduce_text(s.op) + "(" +
                     loop->name() + ") " + print(s.body) + "\n";
  for (const auto& [from, factor] : s.move)
    text += "      moves by " + print(factor) + " of " + from + "\n";
  return text;
}

std::string pass_text(const StreamPass& p, Expr loop) {
  std::string text;
  for (const StreamState& s : p.states) text += state_text(s, loop);
  for (const StreamReference& r : p.references)
    text += "    reference " + value_text(r.name, r.axes) + " = " + print(r.start) + ", then " +
            (r.target ? print(r.target) : "fixed") + "; ends as " + r.follows + "\n";
  for (const auto& f : p.finals)
    text += "    final " + value_text(f.name, f.axes) + " = " + print(f.body) + "\n";
  return text;
}

}  // namespace

std::string print(const Stream& s) {
  std::string text = "stream " + s.name + "\n  for each " + names_text(s.row_axes) + "\n";
  for (const Computation& c : s.rows) text += computation("  row", c);
  for (size_t i = 0; i < s.passes.size(); ++i) {
    text += "  pass " + std::to_string(i) + " over " + s.loop->name() + " < " +
            print(s.loop->extent()) + "\n";
    if (i == 0)
      for (const Computation& c : s.tiles) text += computation("    tile", c);
    text += pass_text(s.passes[i], s.loop);
  }
  for (const Computation& c : s.epilogue) text += computation("  epilogue", c);
  for (const Store& o : s.outputs) text += "  " + store_text(o) + "\n";
  return text;
}

}  // namespace flashlight::ir
