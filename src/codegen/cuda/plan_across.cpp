// What the values of a grid axis share: values that change with the row, and tiles of memory in
// which that axis is the innermost. And which loads of single elements are made ahead of time.
#include <algorithm>

#include "codegen/cuda/plan.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::codegen::cuda {

using namespace ir;

/// Values that change with the row are shared by the values of another axis alone (the heads): it
/// lies in the warps of a CTA, so that they are read once for all of them. The same for elements of
/// score tiles that are neighbours in memory along that axis.
void Plan::choose_across() {
  constexpr int64_t kMost = 16;  // rows of one matrix instruction
  int64_t best = 1;
  for (Expr a : kernel.grid) {
    if (!is_const(a->extent())) continue;
    const int64_t n = int_const(a->extent());
    bool shared = n > best && n <= kMost;
    bool wanted = !row_values.empty();
    for (const RowValues& v : row_values) shared = shared && !uses(v.body, a);
    for (const tile::Pass& p : kernel.passes) {
      for (Expr e : {p.live.lo, p.live.hi}) shared = shared && !uses(e, a);
      for (Expr l : element_loads(p))
        wanted = wanted || inner(l, a, n * dtype_size(tensors.at(l->name()).dtype));
    }
    if (shared && wanted) across = a, best = n;
  }
  if (!across && !row_values.empty())
    refuse("values of " + row_values[0].state + " change with the row, and no axis shares them");
  if (!across) return;
  slots = static_cast<int>(best), warps = 1;
  for (Operand& o : operands) o.own = uses(o.body, across);
}

/// Loads of inputs in what is made of scores, with row and loop axis in a dimension of their own.
std::vector<Expr> Plan::element_loads(const tile::Pass& pass) const {
  std::vector<Expr> out;
  auto look = [&](Expr body) {
    if (!body) return;
    for (Expr l : loads_of(body)) {
      const auto t = tensors.find(l->name());
      if (t == tensors.end() || !t->second.aligned || contains(out, l)) continue;
      const DType type = t->second.dtype;
      if (type != DType::BF16 && type != DType::F16 && type != DType::F32) continue;
      int by_row = 0, by_loop = 0;
      bool plain = true;
      for (Expr at : l->args) {
        by_row += at == rows, by_loop += at == loop;
        plain = plain && (at == rows || at == loop || is_const(at) || grid.count(at));
      }
      if (plain && by_row == 1 && by_loop == 1) out.push_back(l);
    }
  };
  for (auto* list : {&pass.before, &pass.after, &pass.before_full, &pass.after_full})
    for (const tile::Statement& s : *list)
      if (!operand_of.count(s.name)) look(s.body);
  for (const tile::State& s : pass.states)
    if (!is_row_values(s.name) && !column_sums.count(s.name)) look(s.body), look(s.body_full);
  return out;
}

/// The load runs through all of an axis in memory, in whole pieces of 16 bytes.
bool Plan::inner(Expr load, Expr axis, int64_t extent_bytes) const {
  const Tensor& t = tensors.at(load->name());
  const bool whole =
      t.shape.back() == axis->extent() || (is_const(t.shape.back()) && is_const(axis->extent()) &&
                                           int_const(t.shape.back()) == int_const(axis->extent()));
  return load->args.back() == axis && t.strides.back() == "1" && whole && extent_bytes % 16 == 0;
}

void Plan::plan_staged() {
  std::vector<Expr> seen;
  for (const tile::Pass& p : kernel.passes)
    for (Expr l : element_loads(p)) {
      if (contains(seen, l)) continue;
      seen.push_back(l);
      Staged s;
      s.load = l, s.tensor = &tensors.at(l->name());
      const int64_t bytes = dtype_size(s.tensor->dtype);
      s.by_slot = across && inner(l, across, slots * bytes);
      if (!s.by_slot && !inner(l, loop, 16)) continue;
      s.own = across && !s.by_slot && uses(l, across);
      s.id = names.fresh(l->name() + "_tile");
      staged.push_back(s);
    }
}

std::vector<const Staged*> Plan::staged_in(const tile::Pass& pass) const {
  std::vector<const Staged*> out;
  const std::vector<Expr> loads = element_loads(pass);
  for (const Staged& s : staged)
    if (contains(loads, s.load)) out.push_back(&s);
  return out;
}

}  // namespace flashlight::codegen::cuda
