#include "api/explain.h"

#include <algorithm>

#include "api/candidates.h"
#include "ir/rewrite.h"
#include "tile/share_rows.h"
#include "transform/describe.h"
#include "transform/merge.h"

namespace flashlight::api {
namespace {

using ir::Bindings;
using ir::Expr;

int64_t product(const std::vector<Expr>& extents, const Bindings& sizes) {
  int64_t n = 1;
  for (Expr e : extents) n *= ir::evaluate(e->op == ir::Op::Axis ? e->extent() : e, sizes);
  return n;
}

/// Values in memory or in tiles by their names alone: indices repeat what the loops say.
Expr without_indices(Expr e) {
  return e ? ir::transform(
                 e,
                 [](Expr n) { return n->op == ir::Op::Load ? ir::symbol(n->name(), n->type) : n; })
           : e;
}

transform::Pass pass_of(const ir::StreamPass& pass) {
  transform::Pass out;
  for (const ir::StreamState& s : pass.states)
    out.states.push_back({s.name, s.op, without_indices(s.body), s.references, s.move});
  for (const ir::StreamReference& r : pass.references)
    out.references.push_back({r.name, r.follows, without_indices(r.target), r.start});
  for (const ir::StreamPass::Final& f : pass.finals)
    out.finals.emplace_back(f.name, without_indices(f.body));
  return out;
}

std::string merge_text(const std::vector<transform::Pass>& passes) {
  std::string out;
  for (const transform::Pass& pass : passes)
    for (const auto& [name, value] : transform::make_merge(pass).values)
      if (value) out += name + " = " + transform::formula(value) + "\n";
  return out;
}

std::string names(const std::vector<Expr>& axes) {
  std::string out;
  for (Expr a : axes) out += (out.empty() ? "" : ", ") + a->name();
  return out;
}

std::string loops_text(const tile::Kernel& k) {
  std::string out = k.grid.empty() ? "" : "for each (" + names(k.grid) + ")";
  for (Expr a : k.tiled)
    out += (out.empty() ? "for tile of " : ", tile of ") + std::to_string(k.schedule.row_tile) +
           " " + a->name();
  out += (out.empty() ? "for tile of " : ": for tile of ") + std::to_string(k.schedule.loop_tile) +
         " " + k.loop->name();
  return out + (k.passes.size() > 1 ? ", " + std::to_string(k.passes.size()) + " passes" : "");
}

std::string schedule_text(const tile::Schedule& s) {
  if (!s.path.empty()) return describe(s);
  return "rows " + std::to_string(s.row_tile) + ", columns " + std::to_string(s.loop_tile) +
         ", panel " + std::to_string(s.panel) + ", registers " + std::to_string(s.micro_rows) +
         "x" + std::to_string(s.micro_vectors) + ", value step " + std::to_string(s.value_step);
}

bool known(Expr e, const Bindings& sizes) {
  if (!ir::loads_of(e).empty() || !ir::axes_of(e).empty()) return false;
  for (Expr s : ir::symbols_of(e))
    if (!sizes.contains(s->name())) return false;
  return true;
}

/// Tiles of the first pass, at the first point of the grid and times its size.
void count_tiles(const tile::Kernel& k, Bindings sizes, KernelFacts& out) {
  const int64_t grid = product(k.grid, sizes), length = product({k.loop}, sizes);
  const int64_t rows = product(k.tiled, sizes), step = k.schedule.loop_tile;
  for (Expr a : k.grid) sizes[a->name()] = 0;
  for (int64_t lo = 0; lo < rows; lo += k.schedule.row_tile) {
    for (Expr a : k.tiled) {
      sizes[a->name() + ".lo"] = lo;
      sizes[a->name() + ".hi"] = std::min(lo + k.schedule.row_tile, rows);
    }
    const tile::Pass& p = k.passes.front();
    auto at = [&](Expr e, int64_t otherwise) {
      return e && known(e, sizes) ? std::clamp<int64_t>(ir::evaluate(e, sizes), 0, length)
                                  : otherwise;
    };
    const int64_t live_lo = at(p.live.lo, 0), live_hi = at(p.live.hi, length);
    const int64_t full_lo = at(p.full.lo, 0), full_hi = at(p.full.hi, 0);
    for (int64_t j = 0; j < length; j += step) {
      const int64_t end = std::min(j + step, length);
      const bool dead = end <= live_lo || j >= live_hi;
      const bool full = !p.probe && j >= full_lo && end <= full_hi;  // data may still say no
      (dead ? out.dead : full ? out.full : out.partial) += grid;
    }
  }
}

std::string skips_text(const tile::Kernel& k) {
  std::string out;
  for (const tile::Pass& p : k.passes) {
    if (!p.probe || !k.schedule.path.empty()) continue;
    out += (out.empty() ? "panels of " + std::to_string(k.schedule.panel) + " " + k.loop->name() +
                              " where data say nowhere "
                        : "; ") +
           print(p.probe->condition);
    if (p.probe->some_row) out += ", asked first " + print(p.probe->some_row);
  }
  return out;
}

void count_work(const ir::Stream& s, const Bindings& sizes, KernelFacts& out) {
  double work = 0;
  for (const ir::Computation& c : s.tiles) {
    work += 2.0 * double(product(c.axes, sizes)) * double(product(c.reduce_axes, sizes));
    out.saved_bytes += product(c.axes, sizes) * ir::dtype_size(c.dtype);
  }
  for (const ir::StreamPass& p : s.passes)
    for (const ir::StreamState& t : p.states)
      work += 2.0 * double(product(t.axes, sizes)) * double(product({s.loop}, sizes));
  const int64_t tiles = out.dead + out.partial + out.full;
  out.flops = tiles == 0 ? work : work * double(tiles - out.dead) / double(tiles);
  for (const ir::Input& i : s.inputs)
    out.bytes += product(i.shape, sizes) * ir::dtype_size(i.dtype);
  for (const ir::Store& o : s.outputs)
    out.bytes += product(o.shape, sizes) * ir::dtype_size(o.dtype);
}

KernelFacts facts_of(const Variants& variants, const Bindings& sizes) {
  const ir::Stream& stream = variants.stream();
  KernelFacts out;
  out.name = stream.name;
  std::vector<transform::Pass> passes;
  for (const ir::StreamPass& p : stream.passes) passes.push_back(pass_of(p));
  out.update = transform::describe(passes, stream.loop->name());
  out.merge = merge_text(passes);
  std::vector<std::string> whole;
  if (const auto made = variants.made(); !made.empty()) {
    const Variant& v = *made.back();
    out.loops = loops_text(v.kernel);
    out.schedule = schedule_text(v.kernel.schedule);
    out.source = v.text;
    out.resources = v.resources;
    out.skips = skips_text(v.kernel);
    out.notes = v.notes;
    out.passed_over = v.passed_over;
    whole = v.kernel.schedule.whole_rows;
    count_tiles(v.kernel, sizes, out);
  }
  count_work(tile::share_rows(stream, whole), sizes, out);
  return out;
}

}  // namespace

std::vector<KernelFacts> explain(const Compiled& compiled, const std::vector<int64_t>& symbols) {
  const Bindings sizes = compiled.bindings(symbols);
  std::vector<KernelFacts> out;
  for (const Variants* v : compiled.kernels()) out.push_back(facts_of(*v, sizes));
  return out;
}

}  // namespace flashlight::api
