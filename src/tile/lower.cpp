#include "tile/lower.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"
#include "tile/bind.h"
#include "tile/lower_pass.h"
#include "tile/roles.h"
#include "tile/share_rows.h"

namespace flashlight::tile {
namespace {

using namespace ir;

bool computes_in_double(const Stream& s) {
  for (const Input& i : s.inputs)
    if (i.dtype == DType::F64 && !i.shape.empty()) return true;
  for (const Store& o : s.outputs)
    if (o.dtype == DType::F64) return true;
  return false;
}

/// Grid axes that packed operands depend on come first: their units share the packs.
void order_grid(Kernel& k) {
  auto packed = [&](Expr a) {
    for (const Statement& p : k.packs)
      if (uses(p.body, a)) return true;
    return false;
  };
  auto end = std::stable_partition(k.grid.begin(), k.grid.end(), packed);
  k.pack_axes = int(end - k.grid.begin());
}

}  // namespace

Kernel lower(const Stream& unbound, const Schedule& schedule, const Specialization& spec,
             const Target& target) {
  const Stream s = share_rows(bind(unbound, spec.fixed), schedule.whole_rows);
  Kernel k;
  k.name = s.name;
  k.target = target.name;
  k.schedule = schedule;
  k.specialization = spec;
  k.symbols = s.symbols;
  k.inputs = s.inputs;
  k.compute = computes_in_double(s) ? Type::F64 : Type::F32;
  k.loop = s.loop;
  Roles roles = assign_roles(s, schedule);
  k.grid = roles.grid;
  k.tiled = roles.tiled;
  k.whole = roles.whole;
  for (const Computation& c : s.rows)
    k.prologue.push_back({c.name, c.body->type, roles.in_tile(c.axes), c.op, c.reduce_axes,
                          roles.local(c.body), Storage::Scratch, ""});
  for (const StreamPass& p : s.passes) PassLowering(s, p, roles, spec, k).run();
  for (const Computation& c : s.epilogue)
    k.epilogue.push_back({c.name, c.body->type, roles.in_tile(c.axes), c.op, c.reduce_axes,
                          roles.local(c.body), Storage::Scratch, ""});
  for (Store o : s.outputs) {
    o.body = roles.local(o.body);
    k.outputs.push_back(o);
  }
  order_grid(k);
  verify(k);
  return k;
}

}  // namespace flashlight::tile
