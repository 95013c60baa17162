// Indices of inputs that may be out of range: of a branch that is not taken (any value will do), or
// from memory, where someone has to be told.
#include <functional>

#include "codegen/cpu/body.h"
#include "codegen/cpu/contract.h"
#include "codegen/cpu/nest.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::codegen::cpu {
namespace {

using ir::Op;

bool has_load(Expr e) { return !ir::loads_of(e).empty(); }

/// Of an input, as fl_fault counts them.
int first_dimension(const Plan& plan, const std::string& input) {
  int count = 0;
  for (const ir::Input& i : plan.kernel.inputs) {
    if (i.name == input) return count;
    count += static_cast<int>(i.shape.size());
  }
  return count;
}

Expr out_of_range(Expr index, Expr extent) {
  const Expr last = extent - ir::constant(int64_t{1});
  return ir::binary(Op::Or, ir::binary(Op::Lt, index, ir::constant(int64_t{0})),
                    ir::binary(Op::Gt, index, last));
}

}  // namespace

void print_checks(Writer& out, const Plan& plan, const Scope& scope, const tile::Statement& s) {
  const Tensor& tensor = plan.tensors.at(s.body->name());
  for (size_t d = 0; d < tensor.shape.size(); d++) {
    const Expr index = s.body->args[d];
    if (!ir::is_unchecked(index, tensor.shape[d])) continue;
    const int dimension = first_dimension(plan, s.body->name()) + static_cast<int>(d);
    out.line("check<T, false>(a.fault, " + std::to_string(dimension) + ", " +
             scalar_text(plan, scope, out_of_range(index, tensor.shape[d])) + ", " +
             scalar_text(plan, scope, index) + ", 0);");
  }
}

// When each node is evaluated: a Where asks for one branch.
const std::unordered_map<Expr, Expr>& Body::taken() {
  if (!taken_.empty()) return taken_;
  std::vector<Expr> order;  // arguments first
  std::unordered_set<Expr> seen;
  const std::function<void(Expr)> walk = [&](Expr e) {
    if (!seen.insert(e).second) return;
    if (e->op != Op::Axis)
      for (Expr arg : e->args) walk(arg);
    order.push_back(e);
  };
  for (Expr root : roots_) walk(root), taken_[root] = ir::boolean(true);
  const auto add = [&](Expr e, Expr when) {
    auto [it, first] = taken_.try_emplace(e, when);
    if (!first) it->second = ir::binary(Op::Or, it->second, when);
  };
  for (size_t i = order.size(); i-- > 0;) {
    const Expr e = order[i], when = taken_.at(e);
    if (e->op == Op::Axis) continue;
    for (size_t k = 0; k < e->args.size(); k++) {
      if (e->op != Op::Where || k == 0)
        add(e->args[k], when);
      else
        add(e->args[k],
            ir::binary(Op::And, when, k == 1 ? e->args[0] : ir::unary(Op::Not, e->args[0])));
    }
  }
  return taken_;
}

/// The loads whose values an unchecked index is made of, which lanes must not cut short.
const std::unordered_set<Expr>& Body::indices() {
  if (indices_) return *indices_;
  indices_.emplace();
  for (Expr root : roots_) {
    for (Expr l : ir::loads_of(root)) {
      const auto tensor = plan_.tensors.find(l->name());
      if (tensor == plan_.tensors.end() || scope_.count(l->name())) continue;
      for (size_t d = 0; d < l->args.size(); d++)
        if (has_load(l->args[d]) && ir::is_unchecked(l->args[d], tensor->second.shape[d]))
          for (Expr inner : ir::loads_of(l->args[d])) indices_->insert(inner);
    }
  }
  return *indices_;
}

Expr Body::checked(Expr load, size_t d, const Tensor& tensor) {
  const Expr index = load->args[d], extent = tensor.shape[d];
  const bool certain = certain_.count(load) > 0, stored = has_load(index);
  if ((certain && !stored) || (!stored && ir::clamped(index, extent) == index)) return index;
  if (!stored || !ir::is_unchecked(index, extent)) return ir::clamped(index, extent);
  if (spell_out_) return ir::clamped(index, extent);  // a bound: who reads by it checks
  Expr bad = out_of_range(index, extent);
  if (!certain) {
    const auto when = taken().find(load);
    if (when != taken().end()) bad = ir::binary(Op::And, when->second, bad);
  }
  const Value b = named(bad, "bad"), i = value(index);
  const int dimension = first_dimension(plan_, load->name()) + static_cast<int>(d);
  const std::string tail = b.lanes ? "<T, Tail>" : "<T, false>";
  levels_[std::max(b.level, i.level)].push_back("check" + tail + "(a.fault, " +
                                                std::to_string(dimension) + ", " + b.text + ", " +
                                                i.text + ", " + (b.lanes ? left() : "0") + ");");
  return ir::clamped(index, extent);
}

}  // namespace flashlight::codegen::cpu
