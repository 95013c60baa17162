#include "codegen/cuda/hopper_plan.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

/// The dimensions of a tensor map, from the innermost; false: rows do not follow one another.
bool map_dims(const Tensor& tensor, const std::vector<Expr>& at, Expr row, std::vector<int>* dims) {
  const int rank = static_cast<int>(tensor.shape.size());
  bool has_row = false;
  for (int d = rank - 1; d >= 0; --d) {
    const Expr index = at[static_cast<size_t>(d)];
    const auto parts = affine(index);
    const bool by_row = uses(index, row);
    if (by_row &&
        (!parts || !is_const(parts->coefficient(row), 1) || has_row || !loads_of(index).empty()))
      return false;
    if (!by_row && d < rank - 1 && tensor.strides[static_cast<size_t>(d)] == "0") continue;
    has_row |= by_row;
    dims->push_back(d);
  }
  return true;
}

bool uses_row(const std::vector<Expr>& at, Expr row) {
  return std::any_of(at.begin(), at.end(), [&](Expr e) { return uses(e, row); });
}

/// Neighbours along the loop are neighbours in memory; all else in the index is of the unit.
bool lies_along_loop(const Plan& plan, const Tensor& t, const std::vector<Expr>& at) {
  if (at.empty() || !t.aligned || t.strides.back() != "1") return false;
  if (t.dtype != DType::BF16 && t.dtype != DType::F16) return false;
  for (size_t d = 0; d < at.size(); ++d) {
    bool of_unit = loads_of(at[d]).empty();
    for (Expr s : symbols_of(at[d])) of_unit &= plan.sizes.count(s->name()) > 0;
    if (!of_unit || (d + 1 < at.size() && uses(at[d], plan.loop))) return false;
  }
  const auto last = affine(at.back());
  return last && is_const(last->coefficient(plan.loop), 1) && !uses(at.back(), plan.rows);
}

}  // namespace

void HopperPlan::add_map(const Tensor& tensor, const std::vector<Expr>& at, Expr row, Copy* c) {
  TensorMap map;
  map.tensor = tensor.index, map.dims = c->dims, map.swizzle = 128;
  for (int d : c->dims) {
    const bool by_row = uses(at[static_cast<size_t>(d)], row);
    map.box.push_back(map.box.empty() ? 64 : by_row ? static_cast<int>(c->rows) : 1);
  }
  c->map = static_cast<int>(maps.size());
  maps.push_back(map);
}

void HopperPlan::copy(const Plan& plan, const Operand& o) {
  if (copies_.count(&o)) return;
  if (!o.copied || math_bytes(o.math) != 2) refuse("operand " + o.id + " is not copied as it lies");
  Copy c;
  const Tensor& tensor = *o.copied;
  if (!map_dims(tensor, o.body->args, o.row, &c.dims))
    refuse("rows of " + o.id + " do not follow one another");
  if (!uses_row(o.body->args, o.row) || c.dims.size() < 2 || c.dims.size() > 5)
    refuse("no tensor map for " + o.id);
  // Columns past the end must be zeros where products read them.
  const Expr last = tensor.shape.back();
  const auto offset = affine(o.body->args.back());
  const bool to_the_end =
      is_const(last) && offset && is_const(offset->rest, 0) && int_const(last) == o.extent;
  if (o.padded != o.extent && !to_the_end) refuse("columns of " + o.id + " end in others");
  c.rows = plan.is_loop_operand(o) ? plan.n : plan.unit_rows();
  c.chunks = (o.padded + 63) / 64;
  c.bytes = c.rows * 128 * c.chunks;
  if (c.rows > 256) refuse("a box has 256 rows at most");
  add_map(tensor, o.body->args, o.row, &c);
  copies_[&o] = c;
}

/// What does not lie as the copy engine reads it is loaded by those that compute.
void HopperPlan::plan_tiles(const Plan& plan) {
  if (plan.n % 64) return;
  const auto look = [&](Expr body) {
    if (!body) return;
    for (Expr l : loads_of(body)) {
      const auto t = plan.tensors.find(l->name());
      const bool known = std::any_of(tiles.begin(), tiles.end(),
                                     [&](const Tile& other) { return other.load == l; });
      if (known || t == plan.tensors.end() || !lies_along_loop(plan, t->second, l->args)) continue;
      Tile tile{l, &t->second, uses_row(l->args, plan.rows), {}};
      Copy& c = tile.copy;
      if (!map_dims(t->second, l->args, plan.rows, &c.dims) || c.dims.size() < 2 ||
          c.dims.size() > 5)
        continue;
      c.rows = tile.by_row ? plan.unit_rows() : 1;
      c.chunks = tile.by_row ? plan.n / 64 : 1;
      c.bytes = tile.by_row ? c.rows * 128 * c.chunks : 2 * plan.n;
      add_map(t->second, l->args, plan.rows, &c);
      if (!tile.by_row) maps.back().swizzle = 0, maps.back().box[0] = plan.n;
      tiles.push_back(tile);
    }
  };
  for (const tile::Pass& p : plan.kernel.passes) {
    for (auto* list : {&p.before, &p.after, &p.before_full, &p.after_full})
      for (const tile::Statement& s : *list)
        if (!plan.operand_of.count(s.name)) look(s.body);
    for (const tile::State& s : p.states) look(s.body), look(s.body_full);
  }
  for (const bool by_row : {true, false})  // panels first: they begin at multiples of 1024
    for (Tile& t : tiles)
      if (t.by_row == by_row) {
        t.copy.offset = shared, shared += t.copy.bytes * plan.stages;
        score_bytes += t.copy.bytes;
      }
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
    }
    for (const tile::State& s : p.states) {
      if (!s.contraction) continue;
      add(values, s.contraction->b, &value_bytes);
      const Operand& o = plan.operand(s.contraction->b);
      if (o.padded > 256) refuse("more than 256 value columns");
    }
  }
  if (values.empty()) refuse("no values are products");
  auto lay = [&](const std::vector<const Operand*>& list, int buffers) {
    for (const Operand* o : list) copies_[o].offset = shared, shared += copies_[o].bytes * buffers;
  };
  row_buffers = plan.kernel.schedule.row_buffers;
  lay(row_operands, row_buffers), lay(scores, plan.stages), lay(values, plan.stages);
  plan_tiles(plan);
  bars = shared, slots = bars + 72 + 32 * plan.stages + 8;
  slots = round_up(slots, 16);
  slot_ints = 5 + 1 + static_cast<int>(plan.kernel.grid.size());
  shared = slots + round_up(8 * slot_ints, 16);
  const int teams = plan.kernel.schedule.teams;
  if (teams > 1) shared = round_up(shared, 1024);
  if (shared * teams > shared_limit)
    refuse("its tiles need " + std::to_string(shared * teams) +
           " bytes of shared memory, there are " + std::to_string(shared_limit));
}

}  // namespace flashlight::codegen::cuda
