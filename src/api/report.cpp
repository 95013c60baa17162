#include "api/report.h"

#include <algorithm>

#include "ir/rewrite.h"

namespace flashlight::api {
namespace {

using ir::Expr;

double extents(const std::vector<Expr>& axes, const ir::Bindings& sizes) {
  double n = 1;
  for (Expr a : axes) n *= double(ir::evaluate(a->extent(), sizes));
  return n;
}

double elements(const std::vector<Expr>& shape, const ir::Bindings& sizes) {
  double n = 1;
  for (Expr e : shape) n *= double(ir::evaluate(e, sizes));
  return n;
}

/// A bound of a range at one row tile; what depends on grid axes or loads counts as unbounded.
int64_t bound(Expr e, const ir::Bindings& sizes, int64_t otherwise) {
  bool known = ir::loads_of(e).empty() && ir::axes_of(e).empty();
  return known ? ir::evaluate(e, sizes) : otherwise;
}

/// Counts tiles over rows and loop of the first pass.
void count_tiles(const tile::Kernel& k, ir::Bindings sizes, KernelInfo& info) {
  int64_t columns = ir::evaluate(k.loop->extent(), sizes), step = k.schedule.loop_tile;
  int64_t rows = k.tiled.empty() ? 1 : ir::evaluate(k.tiled[0]->extent(), sizes);
  for (int64_t lo = 0; lo < rows; lo += k.schedule.row_tile) {
    if (!k.tiled.empty()) {
      sizes[k.tiled[0]->name() + ".lo"] = lo;
      sizes[k.tiled[0]->name() + ".hi"] = std::min(rows, lo + k.schedule.row_tile);
    }
    const tile::Pass& p = k.passes[0];
    int64_t live_lo = bound(p.live.lo, sizes, 0), live_hi = bound(p.live.hi, sizes, columns);
    int64_t full_lo = bound(p.full.lo, sizes, columns), full_hi = bound(p.full.hi, sizes, 0);
    for (int64_t c = 0; c < columns; c += step) {
      int64_t end = std::min(columns, c + step);
      if (end <= live_lo || c >= live_hi)
        info.dead++;
      else if (c >= full_lo && end <= full_hi)
        info.full++;
      else
        info.partial++;
    }
  }
}

double contraction_flops(const tile::Kernel& k, const ir::Bindings& sizes) {
  double sum = 0;
  auto add = [&](const tile::Contraction& c) {
    sum += 2 * extents(c.batch, sizes) * extents(c.m, sizes) * extents(c.n, sizes) *
           extents(c.k, sizes);
  };
  for (const tile::Pass& p : k.passes) {
    for (const tile::Contraction& c : p.contractions) add(c);
    for (const tile::State& s : p.states)
      if (s.contraction) add(*s.contraction);
  }
  return sum * extents(k.grid, sizes);
}

std::string schedule_text(const tile::Kernel& k) {
  const tile::Schedule& s = k.schedule;
  return k.target + ": rows " + std::to_string(s.row_tile) + " x columns " +
         std::to_string(s.loop_tile) + ", panel " + std::to_string(s.panel) + ", registers " +
         std::to_string(s.micro_rows) + " x " + std::to_string(s.micro_vectors) + " vectors";
}

}  // namespace

KernelInfo report(const ir::Stream& stream, const tile::Kernel& kernel, const std::string& source,
                  const ir::Bindings& sizes) {
  KernelInfo info;
  info.name = kernel.name;
  info.stream = ir::print(stream);
  info.kernel = tile::print(kernel);
  info.schedule = schedule_text(kernel);
  info.source = source;
  for (const ir::StreamPass& p : stream.passes) info.loops.push_back(int(p.states.size()));
  count_tiles(kernel, sizes, info);
  double all = double(info.dead + info.partial + info.full);
  info.flops = contraction_flops(kernel, sizes) * (all > 0 ? 1 - double(info.dead) / all : 1);
  for (const ir::Input& i : kernel.inputs)
    info.bytes += elements(i.shape, sizes) * ir::dtype_size(i.dtype);
  for (const ir::Store& o : kernel.outputs)
    info.bytes += elements(o.shape, sizes) * ir::dtype_size(o.dtype);
  int size = kernel.compute == ir::Type::F64 ? 8 : 4;
  for (const ir::Computation& c : stream.tiles)
    info.saved_bytes += 2.0 * size * extents(c.axes, sizes);  // written once, read once
  return info;
}

}  // namespace flashlight::api
