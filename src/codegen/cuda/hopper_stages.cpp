#include "codegen/cuda/hopper_stages.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "ir/rewrite.h"

namespace flashlight::codegen::cuda {
namespace {

using namespace ir;

/// Names that belong together.
class Sets {
 public:
  std::string root(const std::string& name) {
    std::string& parent = parent_.try_emplace(name, name).first->second;
    if (parent == name) return name;
    return parent = root(std::string(parent));
  }
  void join(const std::string& a, const std::string& b) { parent_[root(a)] = root(b); }

 private:
  std::map<std::string, std::string> parent_;
};

}  // namespace

std::vector<tile::Pass> independent_parts(const tile::Pass& pass) {
  std::set<std::string> own;
  for (auto* list : {&pass.before, &pass.after, &pass.before_full, &pass.after_full})
    for (const tile::Statement& s : *list) own.insert(s.name);
  for (const tile::State& s : pass.states) own.insert(s.name);
  for (const StreamReference& r : pass.references) own.insert(r.name);
  std::set<std::string> operands;
  for (const tile::Contraction& c : pass.contractions) operands.insert({c.a, c.b});
  for (const tile::State& s : pass.states)
    if (s.contraction) operands.insert(s.contraction->b);

  Sets sets;
  const auto link = [&](const std::string& name, Expr e) {
    if (!e) return;
    visit(e, [&](Expr x) {
      if (x->op != Op::Load && x->op != Op::Symbol) return;
      std::string other = x->name();
      if (!other.empty() && other.back() == '\'') other.pop_back();
      if (own.count(other) && !operands.count(other)) sets.join(name, other);
    });
  };
  for (auto* list : {&pass.before, &pass.after, &pass.before_full, &pass.after_full})
    for (const tile::Statement& s : *list) {
      bool product = false;
      for (const tile::Contraction& c : pass.contractions) product |= c.value == s.name;
      if (!product && !operands.count(s.name)) link(s.name, s.body);
    }
  for (const tile::State& s : pass.states) {
    link(s.name, s.body), link(s.name, s.body_full);
    if (s.contraction) sets.join(s.name, s.contraction->a);
    for (const std::string& r : s.references) sets.join(s.name, r);
    for (const auto& [other, f] : s.move) sets.join(s.name, other), link(s.name, f);
  }
  for (const StreamReference& r : pass.references) link(r.name, r.target);

  std::vector<std::string> order;
  for (const tile::Contraction& c : pass.contractions) {
    const std::string r = sets.root(c.value);
    if (std::find(order.begin(), order.end(), r) == order.end()) order.push_back(r);
  }
  if (order.size() < 2) return {pass};
  std::vector<tile::Pass> out;
  for (size_t k = 0; k < order.size(); ++k) {
    tile::Pass part = pass;
    const auto keep = [&](const std::string& name) {
      const std::string r = sets.root(name);
      const bool known = std::find(order.begin(), order.end(), r) != order.end();
      return known ? r == order[k] : k == 0;
    };
    for (auto* list : {&part.before, &part.after, &part.before_full, &part.after_full})
      std::erase_if(*list, [&](const tile::Statement& s) { return !keep(s.name); });
    std::erase_if(part.contractions, [&](const tile::Contraction& c) { return !keep(c.value); });
    std::erase_if(part.states, [&](const tile::State& s) { return !keep(s.name); });
    std::erase_if(part.references, [&](const StreamReference& r) { return !keep(r.name); });
    out.push_back(part);
  }
  return out;
}

}  // namespace flashlight::codegen::cuda
