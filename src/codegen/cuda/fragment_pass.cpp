#include <algorithm>

#include "codegen/cuda/fragment_text.h"
#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

std::set<std::string> step_names(const tile::Pass& p) {
  std::set<std::string> out;
  for (auto* list : {&p.before, &p.after, &p.before_full, &p.after_full})
    for (const tile::Statement& s : *list) out.insert(s.name);
  for (const tile::State& s : p.states) out.insert(s.name);
  for (const StreamReference& r : p.references) out.insert(r.name);
  for (const auto& f : p.finals) out.insert(f.name);
  return out;
}

/// A factor that changes neither which of two values is larger nor, of a sum, anything but its
/// scale: taken out of the reduction, applied once per row.
Expr peel(Reduce op, Expr* body) {
  Expr factor;
  while ((*body)->op == Op::Mul && is_float((*body)->type)) {
    const Expr a = (*body)->args[0], b = (*body)->args[1];
    const Expr c = is_const(b) ? b : is_const(a) ? a : Expr();
    if (!c || op == Reduce::Prod) break;
    const double value = const_value(c);
    if (!(value > 0) && op != Reduce::Sum) break;
    *body = c == b ? a : b;
    factor = factor ? factor * c : c;
  }
  return factor;
}

}  // namespace

bool is_target(const tile::Pass& pass, const tile::State& s) {
  for (const StreamReference& r : pass.references)
    if (r.target && mentions_any(r.target, {s.name})) return true;
  return false;
}

Expr unset(const StreamReference& r) {
  const bool infinite = is_const(r.start) && std::abs(const_value(r.start)) > 1e300;
  return infinite ? r.start : Expr();
}

bool FragmentText::invariant(const tile::Pass& pass, Expr e) const {
  return !uses(e, plan_.loop) && !mentions_any(e, step_names(pass)) &&
         !std::any_of(plan_.kernel.whole.begin(), plan_.kernel.whole.end(),
                      [&](Expr a) { return !is_const(a->extent(), 1) && uses(e, a); });
}

void FragmentText::print_hoisted(const tile::Pass& pass) {
  std::unordered_set<Expr> seen;
  std::vector<Expr> found;
  const std::function<void(Expr)> look = [&](Expr e) {
    if (!e || e->op == Op::Axis || e->op == Op::Const || !seen.insert(e).second) return;
    const bool tile_value = e->op == Op::Load && plan_.values.count(e->name());
    if (e->op != Op::Symbol && !tile_value && is_float(e->type) && invariant(pass, e)) {
      found.push_back(e);
      return;
    }
    if (!tile_value)
      for (Expr a : e->args) look(a);
  };
  for (auto* list : {&pass.before, &pass.after, &pass.before_full, &pass.after_full})
    for (const tile::Statement& s : *list)
      if (!plan_.operand_of.count(s.name)) look(s.body);
  for (const tile::State& s : pass.states) look(s.body), look(s.body_full);
  for (Expr e : found) {
    if (uniform_known_.count(e) || row_known_.count(e)) continue;
    bool row = uses(e, plan_.rows);
    visit(e, [&](Expr x) {
      row |= (x->op == Op::Load || x->op == Op::Symbol) && plan_.values.count(x->name());
    });
    const std::string id = "fixed" + std::to_string(hoisted_++);
    if (row) {
      out_.line("float " + id + plan_.rows_text() + ";");
      Place place = row_place();
      place.guarded = true;
      Block block(plan_, place);
      block.expect({e});
      out_.line("#pragma unroll");
      out_.open(plan_.each_row());
      const std::string text = block.value(e);
      block.print(out_);
      out_.line(id + "[r] = " + text + ";");
      out_.close();
      row_known_[e] = id + "[r]";
    } else {
      Place place = uniform_place();
      place.guarded = true;
      Block block(plan_, place);
      block.expect({e});
      const std::string text = block.value(e);
      block.print(out_);
      out_.line("const float " + id + " = " + text + ";");
      uniform_known_[e] = id;
    }
  }
}

void FragmentText::print_bound(const char* name, Expr e, const Place& place) {
  Block block(plan_, place);
  const std::string text = block.value(e);
  block.print(out_);
  out_.line(std::string("const int ") + name + " = (int)max_(min_((i64)(" + text +
            "), (i64)cols_end), (i64)0);");
}

void FragmentText::print_live(const tile::Pass& pass, const Place& place) {
  print_bound("live_lo", pass.live.lo, place), print_bound("live_hi", pass.live.hi, place);
}

void FragmentText::print_full(const tile::Pass& pass, const Place& place) {
  print_bound("full_lo", pass.full.lo, place), print_bound("full_hi", pass.full.hi, place);
}

// ---- what a pass carries -----------------------------------------------------------------------

/// Whether all four lanes of a row hold the whole value after each step.
bool FragmentText::is_reduced(const tile::Pass& pass, const tile::State& s) const {
  if (s.op == Reduce::Sum || s.op == Reduce::Prod || lazy(pass)) return false;
  for (const StreamReference& r : pass.references)
    if (r.target && mentions_any(r.target, {s.name})) return true;
  return false;
}

/// The reference is the final that it follows, at all times.
bool FragmentText::tracks(const tile::Pass& pass, const StreamReference& r) const {
  if (!r.target || r.target->op != Op::Symbol || lazy(pass)) return false;
  for (const auto& f : pass.finals)
    if (f.name == r.follows) return f.body == r.target;
  return false;
}

/// Any value serves as a reference of sums of exp(x - r): it is taken to the true one only when
/// terms would grow beyond 2^8. Legal where every factor of a move is exp(r - r') alone.
bool FragmentText::lazy(const tile::Pass& pass) const {
  if (pass.references.empty()) return false;
  for (const StreamReference& r : pass.references) {
    const bool max = r.target && r.target->op == Op::Symbol && unset(r) && const_value(r.start) < 0;
    const auto s = std::find_if(pass.states.begin(), pass.states.end(), [&](const tile::State& x) {
      return max && x.name == r.target->name();
    });
    if (s == pass.states.end() || s->op != Reduce::Max || !s->references.empty()) return false;
  }
  for (const tile::State& s : pass.states) {
    if (s.references.empty()) continue;
    if (s.references.size() != 1 || s.op != Reduce::Sum || s.move.size() != 1 ||
        !s.move.count(s.name))
      return false;
    const Expr r = symbol(s.references[0], s.type), to = symbol(s.references[0] + "'", s.type);
    if (s.move.begin()->second != unary(Op::Exp, r - to)) return false;
  }
  return true;
}

void FragmentText::print_states(const tile::Pass& pass, bool products) {
  for (const tile::State& s : pass.states) {
    if (!products && s.contraction) continue;
    const Value& v = plan_.value(s.name);
    const int64_t n = plan_.words(v);
    out_.line(std::string(value_type(s.type)) + " " + v.id + "[" + std::to_string(n) + "];");
  }
  for (const StreamReference& r : pass.references) {
    const Value& v = plan_.value(r.name);
    out_.line("float " + v.id + plan_.rows_text() +
              (unset(r) ? ", " + v.id + "_raw" + plan_.rows_text() + ";" : ";"));
  }
  for (const auto& f : pass.finals) {
    const Value& v = plan_.value(f.name);
    const int64_t n = plan_.words(v);
    out_.line(std::string(value_type(f.body->type)) + " " + v.id + "[" + std::to_string(n) + "];");
  }
}

void FragmentText::declare_fragments(const tile::Pass& pass) {
  for (const tile::State& s : pass.states) {
    const Value& v = plan_.value(s.name);
    const int64_t n = plan_.words(v);
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + std::to_string(n) + "; ++i) " + v.id +
              "[i] = " + identity_text(s.op, s.type) + ";");
  }
  for (const StreamReference& r : pass.references) {
    const Value& v = plan_.value(r.name);
    const Place place = row_place();
    Block block(plan_, place);
    out_.open(plan_.each_row());
    if (unset(r)) {
      out_.line(v.id + "_raw[r] = " + constant_text(r.start) + ", " + v.id + "[r] = 0.f;");
    } else {
      const std::string text = block.value(r.start);
      block.print(out_);
      out_.line(v.id + "[r] = " + text + ";");
    }
    out_.close();
  }
}

// ---- one tile of the loop ----------------------------------------------------------------------

/// The loop over the elements of a fragment, for a body that reads them.
void FragmentText::open_elements(bool full, Expr body) {
  std::vector<const Words*> read;
  if (body && !words_.empty())
    for (Expr l : loads_of(body))
      if (const auto w = words_.find(l); w != words_.end()) read.push_back(&w->second);
  for (const Words* w : read) out_.line("u32 " + w->id + " = 0;");
  out_.line("#pragma unroll");
  out_.open("for (int i = 0; i < " + std::to_string(plan_.elements(plan_.n)) + "; ++i)");
  if (full) {
    out_.line("const int r = " + plan_.row_text() + ", col = col0 + " + plan_.offset_text() + ";");
    out_.line("(void)r, (void)col;");
  } else {
    out_.line("const int r = " + plan_.row_text() + ", at = col0 + " + plan_.offset_text() + ";");
    out_.line("const bool ok = at < cols_end;");
    out_.line("const int col = ok ? at : cols_end - 1;");
    out_.line("(void)r, (void)col, (void)ok;");
  }
  for (const Words* w : read)
    out_.line("if (i % " + std::to_string(w->each) + " == 0) " + w->id + " = lds32(" + w->address +
              ");");
}

/// `alive`: text that is false in rows where the value counts for nothing; empty: it always counts.
void FragmentText::statement(const tile::Statement& s, bool full, bool zero_outside,
                             const std::string& alive, bool folded) {
  const Value& v = plan_.value(s.name);
  const bool element = v.kind == Kind::Element;
  Place place = element ? element_place() : row_place();
  const Expr body = folded && element ? fold_exponents(s.body, &place) : s.body;
  if (element) {
    out_.line(std::string(value_type(s.type)) + " " + v.id + "[" +
              std::to_string(plan_.elements(plan_.n)) + "];");
    open_elements(full, body);
  } else {
    out_.line("#pragma unroll");
    out_.open(plan_.each_row());
  }
  std::string result;
  if (s.op == Reduce::None) {
    Block block(plan_, place);
    block.expect({body});
    result = block.value(body);
    block.print(out_);
  } else {
    result = "sum";
    out_.line(std::string(value_type(s.type)) + " sum = " + identity_text(s.op, s.type) + ";");
    for (size_t k = 0; k < s.reduce_axes.size(); ++k) {
      const Expr a = s.reduce_axes[k];
      const std::string id = place.axes[a] = "k" + std::to_string(k);
      out_.line("#pragma unroll 1");
      out_.open("for (int " + id + " = 0; " + id + " < " + std::to_string(extent_of(a)) + "; ++" +
                id + ")");
    }
    Block block(plan_, place);
    block.expect({s.body});
    const std::string term = block.value(s.body);
    block.print(out_);
    out_.line("sum = " + fold_text(s.op, "sum", term) + ";");
    for (size_t k = 0; k < s.reduce_axes.size(); ++k) out_.close();
  }
  const bool once = !masked_.empty();
  std::string keep = element && !full && zero_outside && !once ? "ok" : "";
  if (!alive.empty()) keep += (keep.empty() ? "" : " && ") + alive;
  out_.line(v.id + (element ? "[i]" : "[r]") + " = " +
            (keep.empty() ? result : "(" + keep + ") ? " + result + " : 0") + ";");
  out_.close();
  if (element && !full && std::count(masked_.begin(), masked_.end(), s.name)) mask_outside(s.name);
}

/// Columns that do not exist, in the one tile that has them.
void FragmentText::mask_outside(const std::string& name) {
  out_.open("if (lo + " + std::to_string(plan_.n) + " > cols_end)");
  open_elements(false);
  out_.line("if (!ok) " + plan_.value(name).id + "[i] = -infinity();");
  out_.close();
  out_.close();
}

namespace {

/// False in rows where a reference of the state still is unset. Empty: there is no such row.
std::string alive_text(const Plan& plan, const tile::Pass& pass, const tile::State& s) {
  std::string out;
  for (const StreamReference& r : pass.references)
    if (unset(r) && std::count(s.references.begin(), s.references.end(), r.name))
      out += (out.empty() ? "" : " && ") + plan.value(r.name).id +
             "_raw[r] != " + constant_text(unset(r));
  return out;
}

/// Something that a step adds before the references move, and that a move then reads.
bool read_by_moves(const tile::Pass& pass, const tile::State& s) {
  if (!s.references.empty()) return false;
  for (const tile::State& other : pass.states)
    if (other.name != s.name && other.move.count(s.name)) return true;
  return false;
}

}  // namespace

void FragmentText::absorb(const tile::Pass& pass, const tile::State& s, const Step& step) {
  const Value& v = plan_.value(s.name);
  const bool full = step.full;
  if (v.kind == Kind::Value) return;  // a product of the path
  Expr body = full && s.body_full ? s.body_full : s.body;
  if (!body) refuse("state " + s.name + " has no body");
  const Expr factor = peel(s.op, &body);
  const std::string type = value_type(s.type), none = identity_text(s.op, s.type);
  Place place = element_place();
  if (step.folded) body = fold_exponents(body, &place);
  if (read_by_moves(pass, s))
    out_.line("const " + type + " " + v.id + "_before" + plan_.rows_text() + " = " +
              plan_.row_list([&](int r) { return v.id + "[" + std::to_string(r) + "]"; }) + ";");
  out_.open("");
  const int parts = 2 * plan_.held;  // one for each column of eight that a lane has of a row
  const std::string part = "part[i % " + std::to_string(parts) + "]";
  out_.line(type + " part[" + std::to_string(parts) + "];");
  out_.line("#pragma unroll");
  out_.line("for (int i = 0; i < " + std::to_string(parts) + "; ++i) part[i] = " + none + ";");
  open_elements(full, body);
  Block block(plan_, place);
  block.expect({body});
  std::string term = block.value(body);
  block.print(out_);
  if (!full && masked_.empty()) term = "ok ? " + term + " : (" + type + ")" + none;
  out_.line("const " + type + " term = " + term + ";");
  out_.line(part + " = " + fold_text(s.op, part, "term") + ";");
  out_.close();
  out_.line("#pragma unroll");
  out_.open(plan_.each_row());
  out_.line(type + " x = " + fold_text(s.op, "part[2 * r]", "part[2 * r + 1]") + ";");
  if (is_reduced(pass, s)) out_.line("x = " + std::string(quad_text(s.op)) + "(x);");
  if (factor) out_.line("x = x * " + constant_text(factor) + ";");
  // A unit with a row that has no reference is done again, see print_overflow().
  const std::string alive = step.frozen ? "" : alive_text(plan_, pass, s);
  out_.line((alive.empty() ? "" : "if (" + alive + ") ") + v.id +
            "[r] = " + fold_text(s.op, v.id + "[r]", "x") + ";");
  out_.close();
  out_.close();
}

void FragmentText::print_step(const tile::Pass& pass, const Step& step) {
  std::vector<tile::Statement> before = step.full ? pass.before_full : pass.before;
  std::vector<tile::Statement> after = step.full ? pass.after_full : pass.after;
  if (step.frozen) merge_readers(pass, &before, &after);
  auto made = [&](const std::string& name) {
    for (const tile::Contraction& c : pass.contractions)
      if (c.value == name) return true;
    return false;
  };
  auto list = [&](const std::vector<tile::Statement>& statements) {
    for (const tile::Statement& s : statements) {
      if (made(s.name) || plan_.operand_of.count(s.name)) continue;
      std::string alive;
      bool operand = false;
      for (const tile::State& state : pass.states) {
        if (plan_.weights_of(state) != s.name) continue;
        operand = true;  // exp(-inf) is 0 of itself
        if (s.body->op != Op::Exp) alive = alive_text(plan_, pass, state);
      }
      statement(s, step.full, operand, alive, step.folded);
    }
  };
  masked_ = step.full ? std::vector<std::string>() : mask_at(pass);
  for (const std::string& name : masked_) {
    if (made(name)) mask_outside(name);
  }
  list(before);
  for (const tile::State& s : pass.states)
    if (s.references.empty() && !(step.frozen && is_target(pass, s))) absorb(pass, s, step);
  if (!step.frozen) move_in_step(pass, step);
  list(after);
  for (const tile::State& s : pass.states)
    if (!s.references.empty()) absorb(pass, s, step);
}

}  // namespace flashlight::codegen::cuda
