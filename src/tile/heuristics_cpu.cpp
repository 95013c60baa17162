// The resource model of CPUs: tiles that stay in the second-level cache, rows enough to pay for
// reading K and V panels, few enough not to compute far outside a narrow band of live scores.
#include <algorithm>
#include <array>

#include "ir/rewrite.h"
#include "tile/bind.h"
#include "tile/lower.h"
#include "tile/roles.h"
#include "tile/share_rows.h"

namespace flashlight::tile {
namespace {

using namespace ir;

/// Measured on row tiles of this many rows, against 192 (docs/perf-log.md).
struct RowTile {
  int64_t rows;
  double cost;
};
constexpr std::array kRowTiles = {RowTile{192, 1.00}, RowTile{96, 1.02}, RowTile{48, 1.07},
                                  RowTile{24, 1.2},   RowTile{12, 1.5},  RowTile{6, 2.0}};
constexpr double kCacheShare = 0.6;
constexpr int64_t kLong = 2048;
/// Columns that a row may see where data say which: a guess, some hundred as documents have.
constexpr double kSpan = 512;

int64_t product(const std::vector<Expr>& axes, const Bindings& sizes) {
  int64_t n = 1;
  for (Expr a : axes) n *= std::max<int64_t>(1, evaluate(a->extent(), sizes));
  return n;
}

/// Elements that a unit holds per row of the tiled axis.
int64_t elements_per_row(const Kernel& k, const Bindings& sizes) {
  auto per_row = [&](const std::vector<Expr>& axes) {
    int64_t n = 1;
    for (Expr a : axes) {
      if (a == k.loop)
        n *= k.schedule.loop_tile;
      else if (!std::count(k.tiled.begin(), k.tiled.end(), a))
        n *= product({a}, sizes);
    }
    return n;
  };
  int64_t sum = 0;
  for (const Statement& s : k.prologue) sum += per_row(s.axes);
  for (const Pass& p : k.passes) {
    for (auto* list : {&p.before, &p.after})
      for (const Statement& s : *list)
        if (s.storage == Storage::Scratch && s.alias.empty()) sum += per_row(s.axes);
    for (const State& s : p.states) sum += per_row(s.axes);
  }
  return sum;
}

/// Columns that a tile of `rows` rows in the middle of the tiled axis looks at.
double live_columns(const Kernel& k, const Pass& p, int64_t rows, Bindings sizes) {
  double extent = double(evaluate(k.loop->extent(), sizes));
  for (Expr a : k.grid) sizes[a->name()] = 0;
  for (Expr a : k.tiled) {
    int64_t lo = std::max<int64_t>(0, (evaluate(a->extent(), sizes) - rows) / 2);
    sizes[a->name() + ".lo"] = lo;
    sizes[a->name() + ".hi"] = lo + rows;
  }
  auto value = [&](Expr e, double otherwise) {
    bool loads = !loads_of(e).empty() || !axes_of(e).empty();
    return loads ? otherwise : double(evaluate(e, sizes));
  };
  const double columns = std::max(1.0, value(p.live.hi, extent) - value(p.live.lo, 0));
  const bool by_row = p.probe && uses_any(p.probe->condition, k.tiled);
  return by_row ? std::min(columns, kSpan + double(rows)) : columns;
}

}  // namespace

Schedule choose_schedule(const Stream& stream, const Specialization& spec, const Target& target) {
  Schedule s;
  s.whole_rows = whole_rows(stream);
  for (const std::string& name : repeated_rows(bind(stream, spec.fixed)))
    if (!std::count(s.whole_rows.begin(), s.whole_rows.end(), name)) s.whole_rows.push_back(name);
  Bindings sizes;
  // A size that may change is taken to be long: the kernel made now serves all of them.
  for (const SymbolInfo& i : stream.symbols) sizes[i.name] = std::max(kLong, i.hint);
  for (auto& [name, value] : spec.fixed) sizes[name] = value;

  Kernel trial = lower(stream, s, spec, target);
  int bytes = trial.compute == Type::F64 ? 8 : 4;
  s.micro_vectors = target.vector_registers >= 32 ? 4 : 2;
  s.panel = s.micro_vectors * target.vector_bytes / bytes;
  s.loop_tile = std::max<int64_t>(128, s.panel);
  trial.schedule = s;
  std::vector<Expr> whole;
  for (Expr a : stream.row_axes)
    if (std::count(s.whole_rows.begin(), s.whole_rows.end(), a->name())) whole.push_back(a);
  int64_t together = product(whole, sizes);
  int64_t row_bytes = bytes * elements_per_row(trial, sizes);
  double best = 0;
  for (const RowTile& t : kRowTiles) {
    bool fits = double(t.rows * row_bytes) <= kCacheShare * double(target.l2_bytes) &&
                t.rows * together <= kRowTiles[0].rows;
    if (!fits && &t != &kRowTiles.back() && best == 0) continue;
    double cost = 0;
    for (const Pass& p : trial.passes) cost += t.cost * live_columns(trial, p, t.rows, sizes);
    if (best == 0 || cost < best) best = cost, s.row_tile = t.rows;
  }
  return s;
}

}  // namespace flashlight::tile
