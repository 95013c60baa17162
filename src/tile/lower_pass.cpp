#include "tile/lower_pass.h"

#include <algorithm>
#include <functional>

#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::tile {

using namespace ir;

namespace {

std::vector<Expr> joined(std::initializer_list<std::vector<Expr>> lists) {
  std::vector<Expr> out;
  for (const auto& l : lists) out.insert(out.end(), l.begin(), l.end());
  return out;
}

std::vector<Expr> used_in(Expr e, const std::vector<Expr>& axes) {
  std::vector<Expr> out;
  for (Expr a : axes)
    if (uses(e, a)) out.push_back(a);
  return out;
}

}  // namespace

PassLowering::PassLowering(const Stream& stream, const StreamPass& pass, const Roles& roles,
                           const Specialization& spec, Kernel& kernel)
    : stream_(stream), source_(pass), roles_(roles), spec_(spec), kernel_(kernel) {}

void PassLowering::run() {
  lower_tiles();
  for (const StreamState& s : source_.states) lower_state(s);
  for (StreamReference r : source_.references) {
    r.axes = roles_.in_tile(r.axes);
    if (r.target) r.target = roles_.local(r.target);
    r.start = roles_.local(r.start);
    pass_.references.push_back(r);
  }
  for (StreamPass::Final f : source_.finals) {
    f.axes = roles_.in_tile(f.axes);
    f.body = roles_.local(f.body);
    pass_.finals.push_back(f);
  }
  share_values();
  assign_aliases();
  ranges();
  kernel_.passes.push_back(pass_);
}

// ---- matrix products ------------------------------------------------------------------------

/// Tries each row axis as the m side, the tiled one first; at last none (one row at a time).
std::optional<PassLowering::Plan> PassLowering::plan(Expr body, const std::vector<Expr>& axes,
                                                     const std::vector<Expr>& n,
                                                     const std::vector<Expr>& k) const {
  std::vector<Expr> candidates = roles_.tiled;
  for (Expr a : stream_.row_axes)
    if (contains(roles_.whole, a)) candidates.push_back(a);
  candidates.push_back(Expr());
  Side on_n = [&](Expr x) { return contains(n, x); };
  for (Expr m : candidates) {
    if (m && !contains(axes, m)) continue;
    Side on_m = [&](Expr x) { return m && x == m; };
    auto f = factor(body, on_m, on_n);
    if (!f) continue;
    Plan out{*f, {}, {}, n, k};
    if (m) out.m = {m};
    for (Expr a : axes)
      if (a != m && !contains(n, a)) out.batch.push_back(a);
    return out;
  }
  return std::nullopt;
}

Contraction PassLowering::contraction(const std::string& value, const Plan& p, Reduce op) const {
  Contraction c;
  c.value = value;
  c.batch = p.batch, c.m = p.m, c.n = p.n, c.k = p.k;
  c.op = op;
  c.combine = p.factors.combine;
  return c;
}

// ---- values made in every tile --------------------------------------------------------------

void PassLowering::lower_tiles() {
  std::unordered_set<std::string> needed;
  std::function<void(Expr)> need = [&](Expr body) {
    for (const std::string& n : names_loaded(body))
      for (const Computation& c : stream_.tiles)
        if (c.name == n && needed.insert(n).second) need(c.body);
  };
  for (const StreamState& s : source_.states) need(s.body);
  for (const Computation& c : stream_.tiles)
    if (needed.count(c.name)) lower_tile(c);
}

/// As Roles::local, and indices in the order that tile values have here.
Expr PassLowering::local(Expr e) const {
  return transform(roles_.local(e), [&](Expr x) {
    const auto given = x->op == Op::Load ? given_.find(x->name()) : given_.end();
    if (given == given_.end()) return x;
    for (const Statement& s : pass_.before) {
      if (s.name != x->name()) continue;
      std::vector<Expr> index;
      for (Expr a : s.axes)
        index.push_back(x->args[std::find(given->second.begin(), given->second.end(), a) -
                                given->second.begin()]);
      return load(s.name, index, x->type);
    }
    return x;
  });
}

void PassLowering::lower_tile(const Computation& c) {
  Expr body = local(c.body);
  std::vector<Expr> axes = given_[c.name] = roles_.in_tile(c.axes);
  auto parts = terms(body);
  if (c.op != Reduce::Sum) parts = {{1, body}};
  std::vector<Plan> plans;
  for (auto& [sign, term] : parts) {
    auto p = plan(term, axes, {stream_.loop}, c.reduce_axes);
    if (p && !depends_on_tiled(p->factors.b) && is_float(term->type)) plans.push_back(*p);
  }
  if (plans.size() < parts.size()) {
    pass_.before.push_back(
        {c.name, body->type, by_rank(axes), c.op, c.reduce_axes, body, Storage::Scratch, ""});
    return;
  }
  if (parts.size() == 1) return contract_tile(c.name, body->type, plans[0], c.op, body);
  Expr sum;
  for (size_t t = 0; t < parts.size(); ++t) {
    std::string name = c.name + "_" + std::to_string(t);
    contract_tile(name, body->type, plans[t], c.op, parts[t].second);
    Expr value = load(name, pass_.before.back().axes, body->type);
    if (!sum)
      sum = parts[t].first > 0 ? value : unary(Op::Neg, value);
    else
      sum = parts[t].first > 0 ? sum + value : sum - value;
  }
  pass_.before.push_back(
      {c.name, body->type, pass_.before.back().axes, Reduce::None, {}, sum, Storage::Inline, ""});
}

void PassLowering::contract_tile(const std::string& name, Type type, const Plan& p, Reduce op,
                                 Expr body) {
  Contraction c = contraction(name, p, op);
  // Several contracted axes lie as one: the row axis, which may be padded, comes last then.
  const std::vector<Expr> batch = used_in(p.factors.a, p.batch);
  c.a = row_operand(p.factors.a,
                    p.k.size() > 1 ? joined({batch, p.k, p.m}) : joined({batch, p.m, p.k}));
  c.b = loop_operand(p.factors.b, joined({used_in(p.factors.b, p.batch), p.k, p.n}),
                     serves_few_rows(p, op) ? Storage::Direct : Storage::Panel);
  std::vector<Expr> axes = joined({p.batch, p.m, p.n});
  pass_.before.push_back({name, type, axes, op, p.k, body, Storage::Scratch, ""});
  pass_.contractions.push_back(c);
}

/// Packing pays if many rows use the pack. Few rows take scalar products with memory as it lies.
bool PassLowering::serves_few_rows(const Plan& p, Reduce op) const {
  constexpr int64_t kFewRows = 4;
  int64_t rows = 1;
  for (Expr a : stream_.row_axes) {
    if (uses(p.factors.b, a)) continue;
    if (!is_const(a->extent())) return false;
    rows *= int64_t(const_value(a->extent()));
  }
  const Expr product = symbol("a", p.factors.combine->type) * symbol("b", p.factors.combine->type);
  return rows <= kFewRows && op == Reduce::Sum && p.factors.combine == product &&
         direct(p.factors.b, p.k);
}

// ---- states ---------------------------------------------------------------------------------

void PassLowering::lower_state(const StreamState& s) {
  State out;
  out.name = s.name;
  out.op = s.op;
  out.type = s.body->type;
  out.references = s.references;
  for (auto& [name, f] : s.move) out.move[name] = roles_.local(f);
  out.body = local(s.body);
  std::vector<Expr> axes = roles_.in_tile(s.axes), values;
  for (Expr a : axes)
    if (!is_row(a)) values.push_back(a);
  out.axes = by_rank(axes);
  auto p = values.empty() || !is_float(out.type) ? std::nullopt
                                                 : plan(out.body, axes, values, {stream_.loop});
  // Long rows conflict in the first-level cache: read once into panels they are faster.
  bool in_place = p && direct(p->factors.b, values) &&
                  (depends_on_tiled(p->factors.b) || !has_long_rows(values));
  if (p && (in_place || !depends_on_tiled(p->factors.b))) {
    out.axes = joined({p->batch, p->m, p->n});
    out.contraction = contraction(s.name, *p, s.op);
    auto axes_b = joined({used_in(p->factors.b, p->batch), p->k, p->n});
    // A panel is as wide as the largest register block: narrow values lie in rows.
    const bool wide =
        values.size() == 1 && evaluate(values[0]->extent(), {}) >= kernel_.schedule.panel;
    Storage packed = wide ? Storage::Panel : Storage::Scratch;
    out.contraction->b = loop_operand(p->factors.b, axes_b, in_place ? Storage::Direct : packed);
    operands_.push_back({pass_.states.size(), p->factors.a});
    out.body = Expr();
  }
  pass_.states.push_back(out);
}

// ---- operands -------------------------------------------------------------------------------

std::string PassLowering::row_operand(Expr a, const std::vector<Expr>& axes) {
  for (const Statement& s : kernel_.prologue)
    if (s.body == a && s.axes == axes) return s.name;
  std::string name = "rows" + std::to_string(kernel_.prologue.size());
  kernel_.prologue.push_back({name, a->type, axes, Reduce::None, {}, a, Storage::Scratch, ""});
  return name;
}

/// What lies in memory as it is needed is read there, by every tile; the rest is packed once.
std::string PassLowering::loop_operand(Expr b, const std::vector<Expr>& axes, Storage storage) {
  bool in_place = storage == Storage::Direct;
  std::vector<Statement>& list = in_place ? pass_.before : kernel_.packs;
  for (const Statement& s : list)
    if (s.body == b && s.axes == axes && s.storage == storage) return s.name;
  std::string name = (in_place ? "direct" : "columns") + std::to_string(list.size());
  list.push_back({name, b->type, axes, Reduce::None, {}, b, storage, ""});
  return name;
}

/// One load of global memory that can be used as it lies: type and unit stride fit.
bool PassLowering::direct(Expr b, const std::vector<Expr>& n) const {
  if (b->op != Op::Load || !roles_.is_input(b->name()) || n.size() != 1) return false;
  auto it = std::find_if(stream_.inputs.begin(), stream_.inputs.end(),
                         [&](const Input& i) { return i.name == b->name(); });
  DType want = kernel_.compute == Type::F64 ? DType::F64 : DType::F32;
  auto strides = spec_.strides.find(b->name());
  bool unit = strides != spec_.strides.end() && !strides->second.empty() &&
              strides->second.back() == StrideClass::One;
  auto last = affine(b->args.back());
  if (it->dtype != want || !unit || !last || !is_const(last->coefficient(n[0]), 1)) return false;
  for (size_t k = 0; k + 1 < b->args.size(); ++k)
    if (uses(b->args[k], n[0]) || !loads_of(b->args[k]).empty()) return false;
  return true;
}

bool PassLowering::has_long_rows(const std::vector<Expr>& values) const {
  constexpr int64_t kLongRow = 512;  // bytes
  int64_t n = kernel_.compute == Type::F64 ? 8 : 4;
  for (Expr a : values) n *= evaluate(a->extent(), {});
  return n >= kLongRow;
}

// ---- questions ------------------------------------------------------------------------------

bool PassLowering::is_row(Expr axis) const { return contains(stream_.row_axes, axis); }

bool PassLowering::depends_on_tiled(Expr e) const { return uses_any(e, roles_.tiled); }

bool PassLowering::uses_reference(Expr e) const {
  bool found = false;
  visit(e, [&](Expr x) {
    if (x->op != Op::Symbol) return;
    for (const StreamReference& r : source_.references) found = found || r.name == x->name();
  });
  return found;
}

/// Rows that are whole, other whole axes, the tiled axis, the loop axis.
std::vector<Expr> PassLowering::by_rank(std::vector<Expr> axes) const {
  auto rank = [&](Expr a) {
    if (a == stream_.loop) return 4;
    if (contains(roles_.tiled, a)) return 2;
    return is_row(a) ? 0 : 3;
  };
  std::stable_sort(axes.begin(), axes.end(), [&](Expr a, Expr b) { return rank(a) < rank(b); });
  return axes;
}

std::vector<Expr> PassLowering::axes_of_value(Expr e) const {
  std::vector<Expr> out;
  auto add = [&](const std::vector<Expr>& axes) {
    for (Expr a : axes)
      if (!roles_.is_grid(a) && !contains(out, a)) out.push_back(a);
  };
  add(axes_of(e));
  visit(e, [&](Expr x) {
    if (x->op != Op::Symbol) return;
    for (const StreamReference& r : source_.references)
      if (r.name == x->name()) add(r.axes);
  });
  return by_rank(out);
}

}  // namespace flashlight::tile
