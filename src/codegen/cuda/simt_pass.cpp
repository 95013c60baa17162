// Passes on the general path, step by step as src/tile/unit_pass.cpp runs them.
#include <algorithm>
#include <cmath>

#include "codegen/cuda/simt_operation.h"
#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;
using tile::Pass;
using tile::State;

namespace {

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::count(list.begin(), list.end(), name) > 0;
}

/// A reference that says with an infinite start that nothing was seen yet.
bool starts_infinite(const StreamReference& r) {
  return is_const(r.start) && std::isinf(const_value(r.start));
}

/// States that the move of another one reads: it needs their values before this step.
std::vector<std::string> moved_with(const Pass& p) {
  std::vector<std::string> out;
  for (const State& s : p.states)
    for (const auto& [name, factor] : s.move)
      if (name != s.name && !contains(out, name)) out.push_back(name);
  return out;
}

Expr renamed(Expr e, const std::map<std::string, std::string>& names) {
  return transform(e, [&](Expr n) {
    const auto it = n->op == Op::Symbol ? names.find(n->name()) : names.end();
    return it == names.end() ? n : symbol(it->second, n->type);
  });
}

}  // namespace

void SimtText::pass(const Pass& p, int number) {
  scope_ = "p" + std::to_string(number) + "_";
  out_.line("// pass " + std::to_string(number));
  barrier();
  const int begin = time_;
  const Arrays outer = loads_;
  make_states(p);
  out_.open("");
  bound(kernel_.loop->extent(), "extent");
  for (const auto& [name, range] : {std::pair("live", p.live), std::pair("full", p.full)}) {
    bound(range.lo, std::string(name) + "_from");
    bound(range.hi, std::string(name) + "_to");
    for (const char* end : {"lo", "hi"})
      out_.line("i64 " + std::string(name) + "_" + end + " = max(0ll, min((i64)" + name +
                (end == std::string("lo") ? "_from" : "_to") + ", extent));");
  }
  if (p.certificate) out_.open("for (int attempt = 0;; ++attempt)");
  start(p);
  steps(p);
  for (const auto& f : p.finals) loads_.erase(f.name), values_.erase(f.name);
  finals(p);
  if (p.certificate) certify(p), out_.close();
  out_.close();
  barrier();
  memory_.keep(begin, time_ - 1);
  for (const State& s : p.states) {
    made_.at(scope_ + s.name)->use(begin), made_.at(scope_ + s.name)->use(time_ - 1);
    values_.erase(s.name), values_.erase(s.name + ".held");
  }
  for (const auto& [name, a] : made_)
    if (name.rfind(scope_ + "ref ", 0) == 0) a->use(begin), a->use(time_ - 1);
  for (const StreamReference& r : p.references)
    for (const char* of : {"", ".now", ".next"}) values_.erase(r.name + of);
  Arrays kept = outer;
  for (const auto& f : p.finals) kept[f.name] = values_[f.name] = loads_.at(f.name);
  loads_ = kept;
}

/// Symbols of a pass: S, S.held (before this step); r (as bodies see it), r.now, r.next.
void SimtText::make_states(const Pass& p) {
  const auto held = moved_with(p);
  for (const State& s : p.states) {
    SimtArray* a = values_[s.name] = array(scope_ + s.name, s.type, s.axes);
    values_[s.name + ".held"] =
        contains(held, s.name) ? array(scope_ + "ref held " + s.name, s.type, s.axes) : a;
  }
  for (const StreamReference& r : p.references) {
    const auto make = [&](const std::string& of) {
      return array(scope_ + "ref " + r.name + of, r.start->type, r.axes);
    };
    SimtArray* now = values_[r.name + ".now"] = make(".now");
    values_[r.name + ".next"] = make(".next");
    values_[r.name] = starts_infinite(r) ? make(".seen") : now;
  }
}

void SimtText::start(const Pass& p) {
  for (const State& s : p.states) each(values_.at(s.name), s.axes, reduce_identity(s.op, s.type));
  for (const StreamReference& r : p.references) each(values_.at(r.name + ".now"), r.axes, r.start);
}

void SimtText::steps(const Pass& p) {
  const Axis& loop = axis(kernel_.loop);
  const std::string lo = loop.name + "_lo", n = std::to_string(loop.capacity);
  out_.line("const i64 live_first = live_lo / 4 * 4;");
  barrier();
  out_.open("if (live_lo < live_hi) for (i64 " + lo + " = live_first; " + lo + " < live_hi; " + lo +
            " += " + n + ")");
  out_.line("const int columns = (int)min((i64)" + n + ", live_hi - " + lo + ");");
  out_.line("const bool full = " + lo + " >= full_lo && " + lo + " + columns <= full_hi;");
  out_.line("const Real share = (Real)(" + lo +
            " + columns - live_first) / (Real)(live_hi - live_first);");
  const Arrays outer = loads_;
  for (const std::string& s : moved_with(p)) {
    SimtArray* a = values_.at(s);
    each(values_.at(s + ".held"), a->axes, symbol(s, a->type));
  }
  phase(p, false);
  move(p);
  phase(p, true);
  loads_ = outer;
  out_.close();
}

/// One half of a step, twice if full tiles need less.
void SimtText::phase(const Pass& p, bool after) {
  barrier();
  const Writer outer = std::move(out_);
  std::string texts[2];
  const Arrays before = loads_;
  for (const bool full : {false, true}) {
    out_ = Writer();
    loads_ = after ? of_variant_[full] : before;
    if (after)
      statements(full ? p.after_full : p.after, p.contractions, scope_);
    else
      statements(full ? p.before_full : p.before, p.contractions, scope_);
    absorb(p, after, full);
    barrier();
    of_variant_[full] = loads_;
    texts[full] = out_.text();
  }
  out_ = outer;
  if (texts[0] == texts[1]) return out_.append(texts[0]);
  out_.open("if (full)");
  out_.append(texts[1]);
  out_.otherwise();
  out_.append(texts[0]);
  out_.close();
}

void SimtText::absorb(const Pass& p, bool with_references, bool full) {
  for (const State& s : p.states) {
    if (s.references.empty() == with_references) continue;
    SimtArray* to = values_.at(s.name);
    if (s.contraction)
      contract(*s.contraction, to, true, alive(p, s));
    else
      reduce(to, s.axes, {kernel_.loop}, s.op, full && s.body_full ? s.body_full : s.body, true,
             alive(p, s));
  }
}

/// At a row: no reference still has an infinite start. Null: always.
Expr SimtText::alive(const Pass& p, const State& s) const {
  Expr all;
  for (const StreamReference& r : p.references) {
    if (!contains(s.references, r.name) || !starts_infinite(r)) continue;
    const Expr moved = binary(Op::Ne, symbol(r.name + ".now", r.start->type), r.start);
    all = all ? binary(Op::And, all, moved) : moved;
  }
  return all;
}

/// Takes every reference to its target, and there what the states held before this step.
void SimtText::move(const Pass& p) {
  if (p.references.empty()) return;
  numbers_["share"] = "share";
  std::map<std::string, std::string> next;
  for (const StreamReference& r : p.references) {
    next[r.name] = r.name + ".next";
    each(values_.at(r.name + ".next"), r.axes,
         r.target ? r.target : symbol(r.name + ".now", r.start->type));
  }
  numbers_.erase("share");
  for (const State& s : p.states)
    if (!s.references.empty() && !s.move.empty())
      each(values_.at(s.name), s.axes, with_factors(moved(s, next), s.axes));
  std::erase_if(values_, [](const auto& v) { return v.first.rfind("factor ", 0) == 0; });
  for (const StreamReference& r : p.references) {
    const Expr to = symbol(r.name + ".next", r.start->type);
    each(values_.at(r.name + ".now"), r.axes, to);
    if (starts_infinite(r))
      each(values_.at(r.name), r.axes,
           where(binary(Op::Eq, to, r.start), constant(0.0, r.start->type), to));
  }
}

/// Values of rows in the body of a longer array, made once per row: factors of a move are
/// exponentials.
Expr SimtText::with_factors(Expr body, const Axes& axes) {
  return transform(body, [&](Expr n) {
    if (n->op != Op::Exp && n->op != Op::Exp2 && n->op != Op::Pow) return n;
    Axes rows;
    for (Expr s : symbols_of(n))
      if (const auto a = values_.find(s->name()); a != values_.end())
        for (Expr x : a->second->axes)
          if (!std::count(rows.begin(), rows.end(), x)) rows.push_back(x);
    if (!axes_of(n).empty() || !loads_of(n).empty() || capacity(rows) * 4 > capacity(axes))
      return n;
    const std::string name = "factor " + std::to_string(n->hash);
    if (!values_.count(name)) each(values_[name] = array(scope_ + name, n->type, rows), rows, n);
    return symbol(name, n->type);
  });
}

/// The state at the references `to` (names of Symbols): sum of factor * state, where 0 times any
/// factor is 0.
Expr SimtText::moved(const State& s, const std::map<std::string, std::string>& to) const {
  const Expr self = symbol(s.name, s.type), zero = constant(0.0, s.type);
  if (s.move.empty() || s.references.empty()) return self;
  Expr stays, value;
  for (const std::string& r : s.references) {
    const Type type = values_.at(r)->type;
    const Expr same = binary(Op::Eq, symbol(r + ".now", type), symbol(to.at(r), type));
    stays = stays ? binary(Op::And, stays, same) : same;
  }
  std::map<std::string, std::string> names;
  for (const auto& [r, end] : to) names[r] = r + ".now", names[r + "'"] = end;
  for (const auto& [name, factor] : s.move) names[name] = name + ".held";
  for (const auto& [name, factor] : s.move) {
    const Expr held = symbol(name + ".held", s.type);
    const Expr term = where(binary(Op::Ne, held, zero), renamed(factor, names) * held, zero);
    value = value ? value + term : term;
  }
  return where(stays, self, value);
}

/// A Symbol in a final is a state once the true values of its references are known, else an
/// earlier final.
void SimtText::finals(const Pass& p) {
  const Arrays values = values_;
  const auto held = moved_with(p);
  for (const std::string& s : held) values_[s + ".held"] = values_.at(s);  // no step is under way
  for (const auto& f : p.finals) {
    std::map<std::string, std::string> to;
    for (const StreamReference& r : p.references) {
      const auto known = loads_.find(r.follows);
      to[r.name] = r.name + (known == loads_.end() ? ".now" : ".true");
      if (known != loads_.end()) values_[r.name + ".true"] = known->second;
    }
    std::map<std::string, Expr> settled;
    for (const State& s : p.states)
      if (std::all_of(s.references.begin(), s.references.end(),
                      [&](const std::string& r) { return to.at(r) == r + ".true"; }))
        settled[s.name] = moved(s, to);
    Expr body = transform(f.body, [&](Expr n) {
      const auto it = n->op == Op::Symbol ? settled.find(n->name()) : settled.end();
      return it == settled.end() ? n : it->second;
    });
    if (f.op != Reduce::None)
      body = where(binary(Op::Eq, kernel_.loop->extent(), constant(int64_t{0})),
                   reduce_identity(f.op, body->type), body);
    SimtArray* out = array(f.name, body->type, f.axes);
    each(out, f.axes, body);
    loads_[f.name] = values_[f.name] = out;
  }
  for (const std::string& s : held) values_[s + ".held"] = values.at(s + ".held");
  for (const StreamReference& r : p.references) values_.erase(r.name + ".true");
}

/// Runs the pass again over all of the loop if skipping was not exact for a row of the unit.
void SimtText::certify(const Pass& p) {
  Axes axes;
  const auto add = [&](Expr a) {
    if (!std::count(axes.begin(), axes.end(), a)) axes.push_back(a);
  };
  visit(p.certificate, [&](Expr n) {
    if (n->op == Op::Axis && axis(n).role != Role::Grid) add(n);
    if (n->op == Op::Symbol && values_.count(n->name()))
      for (Expr a : values_.at(n->name())->axes) add(a);
  });
  SimtArray* exact = array(scope_ + "exact", Type::Bool, {});
  reduce(exact, {}, axes, Reduce::All, p.certificate, false, Expr());
  barrier();
  operation([&] { out_.line("if (attempt > 0 || " + element(exact) + ") break;"); });
  out_.line("live_lo = 0, live_hi = extent;");
  barrier();
}

}  // namespace flashlight::codegen::cuda
