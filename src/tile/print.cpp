#include <algorithm>

#include "tile/kernel.h"

namespace flashlight::tile {
namespace {

using namespace ir;

std::string extents(const std::vector<Expr>& axes) {
  std::string out;
  for (Expr a : axes) out += " " + a->name() + " < " + print(a->extent()) + ";";
  return out;
}

std::string range(const Range& r) { return "[" + print(r.lo) + ", " + print(r.hi) + ")"; }

const char* storage(Storage s) {
  constexpr const char* kTexts[] = {"inline", "scratch", "panel", "direct"};
  return kTexts[static_cast<int>(s)];
}

/// o[i, c] sum= weights[i, j] x columns[j, c]: the operands by name, the product where it is none.
std::string product(const Contraction& c) {
  const bool multiplies = c.combine->op == Op::Mul;
  return std::string(reduce_text(c.op)) + "(" + names_text(c.k) + ") " + c.a + " x " + c.b +
         (multiplies ? "" : " by " + print(c.combine));
}

const Contraction* product_of(const std::vector<Contraction>& all, const std::string& value) {
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const Contraction& c) { return c.value == value; });
  return it == all.end() ? nullptr : &*it;
}

class Printer {
 public:
  explicit Printer(const Kernel& kernel) : k_(kernel) {}

  std::string text() {
    header();
    statements("pack", k_.packs, {});
    statements("prologue", k_.prologue, k_.prologue_contractions);
    for (size_t i = 0; i < k_.passes.size(); ++i) pass(i, k_.passes[i]);
    statements("epilogue", k_.epilogue, {});
    for (const Store& o : k_.outputs) line(1, store_text(o));
    return out_;
  }

 private:
  void line(int depth, const std::string& text) {
    out_ += std::string(2 * depth, ' ') + text + "\n";
  }

  void header() {
    line(0, "kernel " + k_.name + " for " + k_.target);
    const Schedule& s = k_.schedule;
    if (!k_.grid.empty())
      line(1, "grid" + extents(k_.grid) + " packs shared by the first " +
                  std::to_string(k_.pack_axes));
    if (!k_.tiled.empty())
      line(1, "rows" + extents(k_.tiled) + " by " + std::to_string(s.row_tile));
    line(1, "loop" + extents({k_.loop}) + " by " + std::to_string(s.loop_tile) + ", panels of " +
                std::to_string(s.panel));
    if (!k_.whole.empty()) line(1, "whole" + extents(k_.whole));
  }

  void statements(const std::string& title, const std::vector<Statement>& list,
                  const std::vector<Contraction>& contractions) {
    for (const Statement& s : list) {
      std::string text = title + " " + value_text(s.name, s.axes) + " (" + storage(s.storage);
      if (!s.alias.empty()) text += ", over " + s.alias;
      text += ") = ";
      if (const Contraction* c = product_of(contractions, s.name)) {
        text += product(*c);
      } else {
        if (s.op != Reduce::None)
          text += std::string(reduce_text(s.op)) + "(" + names_text(s.reduce_axes) + ") ";
        text += print(s.body);
      }
      line(depth_, text);
    }
  }

  void pass(size_t index, const Pass& p) {
    line(1, "pass " + std::to_string(index) + ": " + k_.loop->name() + " in " + range(p.live));
    depth_ = 2;
    line(2, "no mask in " + range(p.full));
    if (p.probe) probe(*p.probe);
    if (p.certificate) line(2, "exact if " + print(p.certificate) + ", else again over all");
    statements("before", p.before, p.contractions);
    for (const State& s : p.states)
      if (s.references.empty()) state(s);
    for (const StreamReference& r : p.references)
      line(2, "reference " + value_text(r.name, r.axes) + " = " + print(r.start) + ", then " +
                  (r.target ? print(r.target) : "fixed") + "; ends as " + r.follows);
    for (const State& s : p.states)
      for (const auto& [from, factor] : s.move)
        line(2, "move " + s.name + " by " + print(factor) + " of " + from);
    statements("after", p.after, p.contractions);
    for (const State& s : p.states)
      if (!s.references.empty()) state(s);
    changed("before", p.before, p.before_full, p.contractions);
    changed("after", p.after, p.after_full, p.contractions);
    for (const auto& f : p.finals)
      line(2, "final " + value_text(f.name, f.axes) + " = " + print(f.body));
    depth_ = 1;
  }

  void probe(const Probe& p) {
    for (const Probe::Summary& s : p.summaries)
      line(2, "summary " + s.name + " = " + reduce_text(s.op) + "(" + names_text(s.axes) + ") " +
                  print(s.value));
    line(2, "panels live where " + print(p.condition));
    if (p.some_row) line(2, "  asked first: " + print(p.some_row));
    if (p.certificate) line(2, "  exact if " + print(p.certificate) + ", else again over all");
  }

  void state(const State& s) {
    const std::string head = "state " + value_text(s.name, s.axes) + " = ";
    if (s.contraction) return line(2, head + product(*s.contraction));
    const std::string op = std::string(reduce_text(s.op)) + "(" + k_.loop->name() + ") ";
    line(2, head + op + print(s.body));
    if (s.body_full && s.body_full != s.body)
      line(2, "in full tiles " + s.name + " = " + op + print(s.body_full));
  }

  /// Statements that differ in full tiles.
  void changed(const std::string& title, const std::vector<Statement>& partial,
               const std::vector<Statement>& full, const std::vector<Contraction>& contractions) {
    std::vector<Statement> differ;
    for (size_t i = 0; i < full.size(); ++i)
      if (i >= partial.size() || full[i].body != partial[i].body ||
          full[i].storage != partial[i].storage)
        differ.push_back(full[i]);
    statements("in full tiles " + title, differ, contractions);
  }

  const Kernel& k_;
  std::string out_;
  int depth_ = 1;
};

}  // namespace

std::string print(const Kernel& kernel) { return Printer(kernel).text(); }

}  // namespace flashlight::tile
