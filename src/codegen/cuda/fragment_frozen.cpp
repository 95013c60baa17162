// What makes the inner loop short: references that stay where the first tile put them, exponents
// folded into one fused product, value fragments that follow a reference late.
#include <algorithm>
#include <cmath>

#include "codegen/cuda/fragment_text.h"
#include "ir/degrees.h"
#include "ir/ranges.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

constexpr double kLog2E = 1.4426950408889634;

/// A sum per row of the very weights that `values` are summed with, all of them positive: where it
/// is small, so are they, and no product of theirs has overflowed.
bool is_bounded(const tile::Pass& pass, const tile::State& values) {
  const std::string& weights = values.contraction->a;
  for (auto* list : {&pass.before, &pass.after, &pass.before_full, &pass.after_full})
    for (const tile::Statement& s : *list)
      if (s.name == weights && s.body->op != Op::Exp) return false;
  return std::any_of(pass.states.begin(), pass.states.end(), [&](const tile::State& t) {
    return t.op == Reduce::Sum && t.body && t.references == values.references &&
           t.body->op == Op::Load && t.body->name() == weights;
  });
}

}  // namespace

/// Sums of exp(x - r) may keep any r, if nothing that leaves the kernel follows it.
std::string FragmentText::not_frozen(const tile::Pass& pass) const {
  if (!lazy(pass)) return "a reference is more than the scale of sums of exponentials";
  if (plan_.kernel.passes.size() != 1) return "there are several passes";
  for (const tile::State& s : pass.states)
    if (s.contraction && !s.references.empty() && !is_bounded(pass, s))
      return "no sum of positive weights tells whether " + s.name + " overflowed";
  for (const StreamReference& r : pass.references) {
    std::map<std::string, Degree> known;
    for (const tile::State& s : pass.states) {
      if (s.references == std::vector{r.name}) known[s.name] = {Degree::Power, -1};
      if (r.target == symbol(s.name, s.type)) known[s.name] = {Degree::Shift, 1};
    }
    for (const auto& f : pass.finals) known[f.name] = degree_of(f.body, known);
    for (const tile::Statement& s : plan_.kernel.epilogue) {
      const Degree d = degree_of(s.body, known);
      known[s.name] = s.op == Reduce::None || d.is_none() ? d : Degree{Degree::Other};
    }
    for (const Store& o : plan_.kernel.outputs)
      if (!degree_of(o.body, known).is_none()) return "output " + o.name + " shows the reference";
  }
  return "";
}

/// Element values that may be set to -inf in columns that do not exist, so that nothing after them
/// has to look at the column again: with these every state gets its identity and every operand 0,
/// whatever the data.
std::vector<std::string> FragmentText::mask_at(const tile::Pass& pass) const {
  std::vector<std::string> scores, made;
  for (const tile::Contraction& c : pass.contractions) scores.push_back(c.value);
  for (const tile::Statement& s : pass.before)
    if (plan_.values.count(s.name) && plan_.value(s.name).kind == Kind::Element &&
        s.type == Type::F32 && s.op == Reduce::None &&
        std::find(scores.begin(), scores.end(), s.name) == scores.end())
      made.push_back(s.name);
  const auto identities = [&](const std::vector<std::string>& dead) {
    std::map<std::string, ValueRange> known;
    for (const std::string& name : dead) known.emplace(name, ValueRange::at(-INFINITY));
    for (auto* list : {&pass.before, &pass.after})
      for (const tile::Statement& s : *list)
        if (!plan_.operand_of.count(s.name) && s.op == Reduce::None && !known.count(s.name))
          known.emplace(s.name, range_of(s.body, known));
    return std::all_of(pass.states.begin(), pass.states.end(), [&](const tile::State& s) {
      if (s.contraction) return known.at(s.contraction->a).is(0);
      return range_of(s.body, known).is(const_value(reduce_identity(s.op, s.type)));
    });
  };
  if (!made.empty() && identities(made)) return made;
  if (identities(scores)) return scores;
  return {};
}

std::string FragmentText::not_deferred(const tile::Pass& pass) const {
  for (const tile::State& s : pass.states)
    if (plan_.value(s.name).kind == Kind::Value && !s.move.empty() &&
        (s.move.size() != 1 || !s.move.count(s.name)))
      return "state " + s.name + " moves with others";
  return "";
}

void FragmentText::print_scales(const tile::Pass& pass) {
  out_.line("bool rescaled = false;");
  for (const tile::State& s : pass.states)
    if (plan_.value(s.name).kind == Kind::Value && !s.move.empty())
      out_.line("float " + plan_.value(s.name).id + "_scale" + plan_.rows_text() + " = " +
                plan_.row_list([](int) { return std::string("1.f"); }) + ";");
}

void FragmentText::print_rescale(const tile::Pass& pass, const std::string& condition) {
  bool any = false;
  for (const tile::State& s : pass.states) {
    const Value& v = plan_.value(s.name);
    if (v.kind != Kind::Value || s.move.empty()) continue;
    if (!any) out_.open("if (" + condition + ")");
    any = true;
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + std::to_string(plan_.words(v)) + "; ++i) " + v.id +
              "[i] *= " + v.id + "_scale[" + plan_.row_text() + "];");
  }
  if (any) out_.close();
}

namespace {

/// Weights become float16.
bool rounds_to_half(const Plan& plan, const tile::Pass& pass) {
  return std::any_of(pass.states.begin(), pass.states.end(), [&](const tile::State& s) {
    return s.contraction && plan.operand(s.contraction->b).math == Math::F16;
  });
}

}  // namespace

/// 2^60, so that no term was infinite; no term of a sum below 65504 is more than float16 can hold.
std::string FragmentText::largest_sum(const tile::Pass& pass) const {
  return rounds_to_half(plan_, pass) ? "65504.f" : "1.15e18f";
}

/// Sums of positive terms only grow, so that one look at the end tells whether anything overflowed;
/// rows that saw nothing in the first tile had no reference at all, and some have too large a one.
std::string FragmentText::print_overflow(const tile::Pass& pass) {
  const std::string limit = largest_sum(pass);
  // A folded exponent is off by what a reference's product with log2(e) rounds: 0.7 of the rounding
  // of a bf16 weight, 1.4 of that of a float16.
  const std::string largest = rounds_to_half(plan_, pass) ? "8192.f" : "32768.f";
  out_.line("bool over = false;");
  out_.line("#pragma unroll");
  out_.open(plan_.each_row());
  for (const tile::State& s : pass.states) {
    const Value& v = plan_.value(s.name);
    if (v.kind == Kind::Row && !s.references.empty())
      out_.line("over |= !(abs_(" + v.id + "[r]) < " + limit + ");");  // NaN fails
  }
  for (const StreamReference& r : pass.references) {
    out_.line("over |= !(abs_(" + plan_.value(r.name).id + "[r]) < " + largest + ");");
    if (unset(r))
      out_.line("over |= " + plan_.value(r.name).id + "_raw[r] == " + constant_text(unset(r)) +
                ";");
  }
  out_.close();
  return "over";
}

bool FragmentText::is_row_level(Expr e) const {
  bool row = !uses(e, plan_.loop);
  visit(e, [&](Expr x) {
    if (x->op != Op::Load && x->op != Op::Symbol) return;
    if (x->op == Op::Symbol && x->name() == "offset") row = false;
    const auto v = plan_.values.find(x->name());
    if (v != plan_.values.end() && v->second.kind != Kind::Row) row = false;
  });
  return row;
}

/// exp(a x + b - r) as exp2(a' x + s), s one value per row: one fused product per element.
Expr FragmentText::fold_exponents(Expr body, Place* place) {
  return transform(body, [&](Expr e) {
    if (e->op != Op::Exp || e->type != Type::F32 || plan_.exact) return e;
    struct Term {
      Expr x;
      double k;
      Expr factor;  // may be null
    };
    std::vector<Term> terms;
    const std::function<void(Term)> split = [&](Term t) {
      const Expr x = t.x;
      if (is_row_level(x)) return terms.push_back(t);
      if (x->op == Op::Add || x->op == Op::Sub) {
        split({x->args[0], t.k, t.factor});
        return split({x->args[1], x->op == Op::Add ? t.k : -t.k, t.factor});
      }
      // An integer that grows with the column: a value per row and a constant per element.
      if (x->op == Op::Cast && x->args[0]->type == Type::Int) {
        const auto parts = affine(x->args[0]);
        const Expr step = parts ? parts->coefficient(plan_.loop) : Expr();
        if (step && is_const(step) &&
            is_row_level(substitute(x->args[0], {{plan_.loop, symbol("col0")}}))) {
          const Expr row = cast(substitute(x->args[0], {{plan_.loop, symbol("col0")}}), x->type);
          place->values["offset"] = "(float)(" + plan_.offset_text() + ")";
          split({row, t.k, t.factor});
          return split({symbol("offset", x->type), t.k * const_value(step), t.factor});
        }
      }
      if (x->op == Op::Neg) return split({x->args[0], -t.k, t.factor});
      if (x->op == Op::Mul) {
        for (int side : {0, 1}) {
          const Expr c = x->args[static_cast<size_t>(side)],
                     y = x->args[static_cast<size_t>(1 - side)];
          if (is_const(c)) return split({y, t.k * const_value(c), t.factor});
          if (is_row_level(c)) return split({y, t.k, t.factor ? t.factor * c : c});
        }
      }
      terms.push_back(t);
    };
    split({e->args[0], kLog2E, Expr()});
    const auto product = [&](const Term& t) {
      const Expr k = constant(static_cast<double>(static_cast<float>(t.k)), e->type);
      return t.x * (t.factor ? t.factor * k : k);
    };
    Expr row, sum;
    for (const Term& t : terms)
      if (is_row_level(t.x)) row = row ? row + product(t) : product(t);
    if (row) {
      const std::string id = "shift" + std::to_string(shifts_++);
      out_.line("float " + id + plan_.rows_text() + ";");
      print_rows(id, e->type, row);
      place->values[id] = id + "[r]";
      sum = symbol(id, e->type);
    }
    // The shift innermost, so that each addition is fused; then what is known before the scores
    // are.
    std::stable_partition(terms.begin(), terms.end(),
                          [](const Term& t) { return t.x == symbol("offset", t.x->type); });
    for (const Term& t : terms)
      if (!is_row_level(t.x)) sum = sum ? product(t) + sum : product(t);
    return unary(Op::Exp2, sum);
  });
}

/// In a frozen step no maximum reads the scores: what one statement alone reads becomes part of it,
/// so that an exponent takes it in, and no array of it is held.
void FragmentText::merge_readers(const tile::Pass& pass, std::vector<tile::Statement>* before,
                                 std::vector<tile::Statement>* after) const {
  const auto merges = [&](const tile::Statement& s) {
    std::vector<tile::Statement*> readers;
    for (auto* list : {before, after})
      for (tile::Statement& other : *list)
        if (mentions_any(other.body, {s.name})) readers.push_back(&other);
    const bool read_by_state =
        std::any_of(pass.states.begin(), pass.states.end(), [&](const tile::State& x) {
          const bool skipped = x.references.empty() && is_target(pass, x);
          const Expr body = x.body_full ? x.body_full : x.body;
          return !skipped &&
                 (plan_.weights_of(x) == s.name || (body && mentions_any(body, {s.name})));
        });
    if (read_by_state || readers.size() != 1 || readers[0]->op != Reduce::None) return false;
    readers[0]->body = transform(readers[0]->body, [&](Expr e) {
      const bool named = (e->op == Op::Load || e->op == Op::Symbol) && e->name() == s.name;
      return named ? s.body : e;
    });
    return true;
  };
  for (size_t k = 0; k < before->size();) {
    const tile::Statement s = (*before)[k];
    const bool plain = s.op == Reduce::None && s.body->type == s.type &&
                       !plan_.operand_of.count(s.name) && plan_.values.count(s.name) &&
                       plan_.value(s.name).kind == Kind::Element &&
                       std::none_of(pass.contractions.begin(), pass.contractions.end(),
                                    [&](const auto& c) { return c.value == s.name; });
    if (plain && merges(s))
      before->erase(before->begin() + static_cast<std::ptrdiff_t>(k));
    else
      ++k;
  }
}

}  // namespace flashlight::codegen::cuda
