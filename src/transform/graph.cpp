#include "transform/graph.h"

#include "ir/rewrite.h"

namespace flashlight::transform {

using namespace ir;

Graph::Graph(const Program& program) : program_(program), hints_(hints(program)) {
  for (const Input& i : program.inputs) {
    elements_[i.name] = 1;
    for (Expr e : i.shape) elements_[i.name] *= double(evaluate(e, hints_));
    users_[i.name];
  }
  for (const Computation& c : program.computations) {
    elements_[c.name] = 1;
    for (Expr a : c.axes) elements_[c.name] *= extent(a);
    users_[c.name];
    loads_[c.name] = loads_of(c.body);
    bool reads = false;
    for (Expr l : loads_[c.name]) {
      users_[l->name()].insert(c.name);
      reads = reads || !constant_.count(l->name());
    }
    if (!reads) constant_.insert(c.name);
  }
  for (const Output& o : program.outputs) outputs_.insert(o.name);
}

const std::vector<Expr>& Graph::loads(const std::string& computation) const {
  static const std::vector<Expr> kNone;
  auto it = loads_.find(computation);
  return it == loads_.end() ? kNone : it->second;
}

const std::set<std::string>& Graph::users(const std::string& value) const {
  return users_.at(value);
}

double Graph::extent(Expr axis) const { return double(evaluate(axis->extent(), hints_)); }

std::set<std::string> Graph::descendants(const std::set<std::string>& from) const {
  std::set<std::string> out;
  for (const Computation& c : program_.computations)
    for (Expr l : loads(c.name))
      if (from.count(l->name()) || out.count(l->name())) out.insert(c.name);
  return out;
}

std::set<std::string> Graph::ancestors(const std::set<std::string>& from) const {
  std::set<std::string> out;
  for (size_t k = program_.computations.size(); k-- > 0;) {
    const std::string& name = program_.computations[k].name;
    for (const std::string& u : users(name))
      if (from.count(u) || out.count(u)) out.insert(name);
  }
  return out;
}

}  // namespace flashlight::transform
