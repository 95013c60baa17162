// The resource model of NVIDIA GPUs: which schedules to try, the best first. The compiler of device
// code has the last word (api/candidates.h): what spills or serialises is passed over.
#include <algorithm>

#include "ir/rewrite.h"
#include "tile/bind.h"
#include "tile/lower.h"
#include "tile/roles.h"

namespace flashlight::tile {
namespace {

using namespace ir;

/// What a kernel holds per row of a warp, in columns.
struct Shape {
  int64_t scores = 0;        // score fragments
  int64_t weights = 0;       // operands of products with values
  int64_t values = 0;        // value columns, of all accumulators
  int64_t widest = 0;        // of one of them
  int64_t row_columns = 0;   // columns of row operands
  int64_t loop_columns = 0;  // columns of loop operands
  int bytes = 2;             // of an operand's element
  int64_t tables = 0;        // loads of data over rows and the loop: bias, masks
  int64_t tiles = 0;         // of them, those that the copy engine can bring
  int64_t lines = 0;         // also those without rows
  bool band = false;         // the start of the loop grows with the row
  bool own_values = false;   // values change with the row: weights of a tile cross the CTA
  int64_t rows = 0;          // of the tiled axis, as far as they are known
  int64_t points = 1;        // of the grid
};

int64_t columns(const std::vector<Expr>& axes) {
  int64_t n = 1;
  for (Expr a : axes) n *= is_const(a->extent()) ? int_const(a->extent()) : 64;
  return (n + 63) / 64 * 64;
}

/// Whether tiles of 64 columns go through shared memory, see codegen/cuda/hopper_plan.cpp.
bool is_copied(const Kernel& k, const Input& i, Expr load) {
  const auto strides = k.specialization.strides.find(i.name);
  const bool low = i.dtype == DType::BF16 || i.dtype == DType::F16;
  if (!low || !k.specialization.aligned.count(i.name) ||
      strides == k.specialization.strides.end() || strides->second.size() < 2 ||
      strides->second.back() != StrideClass::One)
    return false;
  for (Expr at : load->args)
    if (!loads_of(at).empty() || (uses(at, k.loop) && at != load->args.back())) return false;
  const Expr last = load->args.back();
  return uses(last, k.loop) &&
         std::none_of(k.tiled.begin(), k.tiled.end(), [&](Expr a) { return uses(last, a); });
}

Shape shape_of(const Kernel& k, const Stream& stream) {
  Shape s;
  std::vector<std::string> weights, seen;
  const auto first = [&](std::vector<std::string>& list, const std::string& name) {
    if (std::count(list.begin(), list.end(), name)) return false;
    list.push_back(name);
    return true;
  };
  for (const Pass& p : k.passes) {
    for (const Contraction& c : p.contractions) {
      s.scores++;
      if (first(seen, c.a)) s.row_columns += columns(c.k);
      if (first(seen, c.b)) s.loop_columns += columns(c.k);
    }
    for (const State& t : p.states) {
      const bool by_row = !k.tiled.empty() && std::count(t.axes.begin(), t.axes.end(), k.tiled[0]);
      if (!t.contraction) {
        s.own_values |= by_row && t.axes.size() > 1;
        continue;
      }
      if (first(weights, t.contraction->a)) s.weights++;
      if (first(seen, t.contraction->b)) s.loop_columns += columns(t.contraction->n);
      s.values += columns(t.contraction->n);
      s.widest = std::max(s.widest, columns(t.contraction->n));
    }
    for (Expr a : k.tiled)
      for (Expr e : symbols_of(p.live.lo)) s.band |= e->name() == a->name() + ".lo";
    std::unordered_set<Expr> tables;
    const auto look = [&](Expr body) {
      if (!body) return;
      for (Expr l : loads_of(body))
        for (const Input& i : k.inputs)
          if (i.name == l->name() && uses(l, k.loop)) tables.insert(l);
    };
    for (const Statement& t : p.before)
      if (t.op == Reduce::None && t.storage != Storage::Direct) look(t.body);
    for (const State& t : p.states) look(t.body);
    s.tables += static_cast<int64_t>(tables.size());
    for (Expr l : tables)
      for (const Input& i : k.inputs) {
        if (i.name != l->name() || !is_copied(k, i, l)) continue;
        bool by_row = false;
        for (Expr a : k.tiled) by_row |= uses(l, a);
        (by_row ? s.tiles : s.lines)++;
      }
  }
  for (const Input& i : k.inputs)
    if (i.dtype == DType::F32 && i.shape.size() > 2) s.bytes = 4;
  Bindings sizes;
  for (const SymbolInfo& i : stream.symbols) sizes[i.name] = std::max<int64_t>(1, i.hint);
  for (const auto& [name, value] : k.specialization.fixed) sizes[name] = value;
  for (Expr a : k.tiled) s.rows = evaluate(a->extent(), sizes);
  for (Expr a : k.grid) s.points *= evaluate(a->extent(), sizes);
  return s;
}

/// What a CTA of the Hopper path is made of; hopper_tile says how long its loop tiles are.
struct Pick {
  int groups, stages;
  int64_t most;  // columns of a loop tile
  int row_buffers = 2, teams = 1;
};

/// Registers of a thread that fragments may take, by warpgroups of a CTA: measured with ptxas
/// (shared/hopper.md, shared/prototype).
int64_t register_limit(int groups) { return groups == 4 ? 80 : groups == 3 ? 128 : 192; }

/// The longest loop tile that fits; 0: none. One of whole panels, whose elements come through
/// shared memory, before a longer one.
int64_t hopper_tile(const Shape& s, const Pick& pick, int64_t shared) {
  const int64_t rows = int64_t{64} * pick.groups, most = pick.most;
  const auto fits = [&](int64_t n, bool copied) {
    const int64_t tables = s.tables - (copied ? s.tiles + s.lines : 0);
    // Maps take turns: one of them has scores at a time.
    const int64_t registers = n / 2 + s.weights * n / 4 + s.values / 2 + tables * n / 4 +
                              (s.widest > 128 ? 24 : 0);  // ptxas: 64 columns spill at 256 values
    int64_t bytes =
        2 * (pick.row_buffers * rows * s.row_columns + pick.stages * n * s.loop_columns) + 2048;
    if (copied) bytes += 2 * pick.stages * n * (rows * s.tiles + s.lines);
    return registers <= register_limit(pick.groups * pick.teams) && pick.teams * bytes <= shared;
  };
  if (s.tiles + s.lines > 0)
    for (int64_t n = most / 64 * 64; n >= 64; n -= 64)
      if (fits(n, true)) return n;
  for (int64_t n = most; n >= 16; n -= 16)
    if (fits(n, n % 64 == 0)) return n;
  return 0;
}

void add_hopper(const Shape& s, const Target& target, std::vector<Schedule>* out) {
  std::vector<Pick> picks;
  const bool narrow = s.values <= 64;
  if (narrow && s.band)  // few tiles a row: those past a warpgroup's rows are a larger share
    picks = {{2, 4, 64, 2, 2}, {2, 4, 64}, {4, 4, 64}};
  else if (narrow)
    picks = {{4, 4, 64}, {3, 2, 128}, {2, 2, 128}, {2, 4, 64, 2, 2}};
  else
    picks = {{2, 2, 128}, {3, 3, 80}};
  picks.push_back({1, 3, 64, 2, 2});  // small windows
  // Rows that do not fill the last tile are computed for nothing.
  const auto waste = [&](const Pick& p) {
    const int64_t tile = 64 * p.groups, rows = std::max<int64_t>(s.rows, 1);
    return 8 * ((rows + tile - 1) / tile * tile) / rows;  // in eighths
  };
  std::stable_sort(picks.begin(), picks.end(), [&](const Pick& a, const Pick& b) {
    return waste(a) < waste(b) && waste(b) > 9;
  });
  for (int64_t most : {128, 96, 64}) picks.push_back({2, 2, most});
  for (int64_t most : {128, 80, 64, 48, 32}) picks.push_back({2, 2, most, 1});
  for (int64_t most : {64, 32}) picks.push_back({1, 2, most, 1});
  for (Pick& pick : picks) {
    const auto tile = [&](int stages, int row_buffers) {
      const Pick other{pick.groups, stages, pick.most, row_buffers, pick.teams};
      return hopper_tile(s, other, target.shared_bytes);
    };
    for (int stages = pick.stages - 1; s.tiles > 0 && stages >= 2; --stages)
      if (tile(stages, pick.row_buffers) > tile(pick.stages, pick.row_buffers))
        pick.stages = stages;
    Schedule t;
    t.path = "hopper";
    t.warps = 4 * pick.groups, t.stages = pick.stages, t.row_buffers = pick.row_buffers;
    t.row_tile = 16 * t.warps, t.teams = pick.teams;
    t.loop_tile = tile(pick.stages, pick.row_buffers);
    // A second buffer of rows is worth less than longer tiles.
    const bool longer_alone = pick.row_buffers == 2 && t.loop_tile < tile(pick.stages, 1);
    if (t.loop_tile == 0 || longer_alone) continue;
    t.panel = t.loop_tile;
    if (std::find(out->begin(), out->end(), t) == out->end()) out->push_back(t);
  }
}

Schedule portable(int warps, int stages, int64_t rows, int64_t n) {
  Schedule t;
  t.path = "tensor_core";
  t.warps = warps, t.stages = stages, t.row_tile = rows;
  t.loop_tile = t.panel = n;
  return t;
}

/// Operands of float32 in warps of 32 rows: each word of shared memory that a warp reads serves
/// twice as many products, which is what bounds them (docs/perf-log.md).
void add_float32(const Shape& s, const Specialization& spec, const Target& target,
                 std::vector<Schedule>* out) {
  if (s.own_values) return;
  constexpr int64_t kHeld = 4, kMost = 160;  // rows and fragment registers of a lane
  for (int warps : {8, 4}) {
    const int64_t rows = 8 * kHeld * warps, units = s.points * ((s.rows + rows - 1) / rows);
    if (units < target.multiprocessors) continue;
    for (int64_t n : {int64_t{64}, int64_t{32}, int64_t{16}}) {
      const int64_t sums = spec.tf32 ? 1 : 2;  // scores of float32 are made in two
      const int64_t registers =
          kHeld * (s.values + n * (s.scores * sums + s.weights - 1 + s.tables)) / 4;
      const int64_t bytes =
          4 * (rows * (s.row_columns + (spec.tf32 ? 0 : n)) + 2 * n * s.loop_columns) + (8 << 10);
      if (registers > kMost || bytes > target.shared_bytes) continue;
      return out->push_back(portable(warps, 2, rows, n));
    }
  }
}

}  // namespace

std::vector<Schedule> candidates(const Stream& stream, const Specialization& spec,
                                 const Target& target) {
  std::vector<Schedule> out;
  const Shape s = shape_of(lower(stream, {}, spec, target), stream);
  if (target.name == "sm_90a") add_hopper(s, target, &out);
  if (s.bytes == 4) add_float32(s, spec, target, &out);
  const bool wide = s.bytes == 4 || s.own_values || s.values + s.scores * 64 > 256;
  for (int64_t n : {int64_t{64}, int64_t{32}, int64_t{16}}) {
    if (n == 64 && wide) continue;
    for (int stages : {2, 1}) out.push_back(portable(4, stages, 64, n));
  }
  Schedule general;
  general.path = "simt";
  general.whole_rows = whole_rows(stream);
  general.row_tile = 64, general.loop_tile = 64, general.panel = 8;
  out.push_back(general);
  return out;
}

}  // namespace flashlight::tile
