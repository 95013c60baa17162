#include "codegen/cuda/hopper_plan.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::codegen::cuda {

using namespace ir;

void HopperPlan::copy(const Plan& plan, const Operand& o) {
  if (copies_.count(&o)) return;
  if (!o.copied || math_bytes(o.math) != 2) refuse("operand " + o.id + " is not copied as it lies");
  Copy c;
  const Tensor& tensor = *o.copied;
  const int rank = static_cast<int>(tensor.shape.size());
  bool has_row = false;
  for (int d = rank - 1; d >= 0; --d) {
    const Expr at = o.body->args[static_cast<size_t>(d)];
    const auto parts = affine(at);
    const bool row = uses(at, o.row);
    if (row &&
        (!parts || !is_const(parts->coefficient(o.row), 1) || has_row || !loads_of(at).empty()))
      refuse("rows of " + o.id + " do not follow one another");
    if (!row && d < rank - 1 && tensor.strides[static_cast<size_t>(d)] == "0") continue;
    has_row |= row;
    c.dims.push_back(d);
  }
  if (!has_row || c.dims.size() < 2 || c.dims.size() > 5) refuse("no tensor map for " + o.id);
  // Columns past the end must be zeros where products read them.
  const Expr last = tensor.shape.back();
  const auto offset = affine(o.body->args.back());
  const bool to_the_end =
      is_const(last) && offset && is_const(offset->rest, 0) && int_const(last) == o.extent;
  if (o.padded != o.extent && !to_the_end) refuse("columns of " + o.id + " end in others");
  c.rows = plan.is_loop_operand(o) ? plan.n : 16 * plan.warps;
  c.chunks = (o.padded + 63) / 64;
  c.bytes = c.rows * 128 * c.chunks;
  if (c.rows > 256) refuse("a box has 256 rows at most");
  TensorMap map;
  map.tensor = tensor.index, map.dims = c.dims, map.swizzle = 128;
  for (int d : c.dims) {
    const bool row = uses(o.body->args[static_cast<size_t>(d)], o.row);
    map.box.push_back(map.box.empty() ? 64 : row ? static_cast<int>(c.rows) : 1);
  }
  c.map = static_cast<int>(maps.size());
  maps.push_back(map);
  copies_[&o] = c;
}

HopperPlan::HopperPlan(const Plan& plan, int64_t shared_limit) {
  for (const tile::Pass& p : plan.kernel.passes) {
    auto add = [&](std::vector<const Operand*>& list, const std::string& name, int64_t* bytes) {
      const Operand* o = &plan.operand(name);
      if (std::find(list.begin(), list.end(), o) != list.end()) return;
      if (copies_.count(o)) refuse(name + " is an operand of scores and of values");
      copy(plan, *o);
      list.push_back(o), *bytes += of(*o).bytes;
    };
    for (const tile::Contraction& c : p.contractions) {
      add(row_operands, c.a, &row_bytes), add(scores, c.b, &score_bytes);
      shapes.insert({plan.n, plan.operand(c.b).math});
    }
    for (const tile::State& s : p.states) {
      if (!s.contraction) continue;
      add(values, s.contraction->b, &value_bytes);
      const Operand& o = plan.operand(s.contraction->b);
      if (o.padded > 256) refuse("more than 256 value columns");
      shapes.insert({o.padded, o.math});
    }
  }
  if (values.empty()) refuse("no values are products");
  auto lay = [&](const std::vector<const Operand*>& list, int buffers) {
    for (const Operand* o : list) copies_[o].offset = shared, shared += copies_[o].bytes * buffers;
  };
  row_buffers = plan.kernel.schedule.row_buffers;
  lay(row_operands, row_buffers), lay(scores, plan.stages), lay(values, plan.stages);
  bars = shared, slots = bars + 72 + 32 * plan.stages + 8;
  slots = round_up(slots, 16);
  slot_ints = 5 + 1 + static_cast<int>(plan.kernel.grid.size());
  shared = slots + round_up(8 * slot_ints, 16);
  if (shared > shared_limit)
    refuse("its tiles need " + std::to_string(shared) + " bytes of shared memory, there are " +
           std::to_string(shared_limit));
}

}  // namespace flashlight::codegen::cuda
