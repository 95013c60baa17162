#include "transform/rename.h"

#include "ir/rewrite.h"

namespace flashlight::transform {
namespace {

using namespace ir;

std::string stem(const Computation& c) {
  if (c.op == Reduce::None) return "out";
  const bool product = c.op == Reduce::Sum && c.body->op == Op::Mul &&
                       c.body->args[0]->op == Op::Load && c.body->args[1]->op == Op::Load;
  return product ? "dot" : reduce_text(c.op);
}

class Renamer {
 public:
  explicit Renamer(const Program& program) : out_{program, {}} {}

  Renamed run() {
    Program& p = out_.program;
    for (size_t i = 0; i < p.symbols.size(); ++i) {
      std::string& name = p.symbols[i].name;
      const std::string fresh = "size" + std::to_string(i);
      symbols_[name] = fresh;
      name = fresh;
    }
    for (Input& i : p.inputs) {
      take(i.name, "in");
      for (Expr& e : i.shape) e = renamed(e);
    }
    for (Computation& c : p.computations) {
      for (auto* axes : {&c.axes, &c.reduce_axes})
        for (Expr& a : *axes) a = renamed(a);
      const std::string kind = stem(c);
      c.body = renamed(c.body);
      take(c.name, kind);
    }
    for (Output& o : p.outputs) o.name = names_.at(o.name);
    return std::move(out_);
  }

 private:
  void take(std::string& name, const std::string& kind) {
    const std::string fresh = kind + std::to_string(counts_[kind]++);
    out_.original[fresh] = name;
    names_[name] = fresh;
    name = fresh;
  }

  Expr renamed(Expr e) {
    return ir::transform(e, [&](Expr n) {
      if (n->op == Op::Axis) return axis(n->name(), renamed(n->extent()));
      if (n->op == Op::Load) return load(names_.at(n->name()), n->args, n->type);
      const auto it = n->op == Op::Symbol ? symbols_.find(n->name()) : symbols_.end();
      return it == symbols_.end() ? n : symbol(it->second, n->type);
    });
  }

  Renamed out_;
  std::map<std::string, std::string> names_, symbols_;
  std::map<std::string, int> counts_;
};

}  // namespace

Renamed rename(const Program& program) { return Renamer(program).run(); }

}  // namespace flashlight::transform
