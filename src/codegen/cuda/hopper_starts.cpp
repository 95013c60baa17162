// What scores are a sum of beside their product (a bias) is put into the fragment before the
// product, which is then added to it: nothing of it is left to do, or to hold in registers, once
// the scores are there.
#include <algorithm>
#include <cmath>

#include "codegen/cuda/hopper_text.h"

namespace flashlight::codegen::cuda {
namespace {

using namespace ir;

/// body = factor * value + sum of early + sum of late; no early term has to wait for the product.
struct Terms {
  double factor = 0;
  Expr value;
  std::vector<std::pair<Expr, double>> early, late;
  bool linear = true;
};

bool is_early(Expr e, const std::function<bool(Expr)>& is_ready) {
  if (e->op == Op::Load) return is_ready(e);
  if (e->op == Op::Axis || e->op == Op::Symbol) return false;
  return !e->args.empty() && std::all_of(e->args.begin(), e->args.end(), [&](Expr a) {
    return a->op == Op::Const || is_early(a, is_ready);
  });
}

void split(Expr e, double k, const std::string& value, const std::function<bool(Expr)>& is_ready,
           Terms* out) {
  const auto part = [&](size_t n, double c) { split(e->args[n], c, value, is_ready, out); };
  if (e->op == Op::Load && e->name() == value) {
    out->linear &= !out->value;
    out->value = e, out->factor = k;
  } else if (e->op == Op::Add) {
    part(0, k), part(1, k);
  } else if (e->op == Op::Sub) {
    part(0, k), part(1, -k);
  } else if (e->op == Op::Neg) {
    part(0, -k);
  } else if (e->op == Op::Mul && is_const(e->args[1])) {
    part(0, k * const_value(e->args[1]));
  } else if (e->op == Op::Mul && is_const(e->args[0])) {
    part(1, k * const_value(e->args[0]));
  } else if (is_early(e, is_ready)) {
    out->early.emplace_back(e, k);
  } else {
    out->linear &= !mentions_any(e, {value});
    out->late.emplace_back(e, k);
  }
}

Expr sum_of(const std::vector<std::pair<Expr, double>>& terms, double scale, Expr sum = Expr()) {
  for (const auto& [e, k] : terms) {
    const Expr term = k * scale == 1 ? e : e * constant(k * scale, e->type);
    sum = sum ? sum + term : term;
  }
  return sum;
}

/// Finds the largest sums that the value is a term of. In all of them it has to come with the same
/// early terms, in units of the value.
class Search {
 public:
  Search(std::string value, const std::function<bool(Expr)>& is_ready)
      : value_(std::move(value)), is_ready_(is_ready) {}
  Start start;               // null: none
  bool agree = true;         // there is no other
  Substitution early, late;  // sums, and what is left of them, by what scores are

  void look(Expr e) {
    if (!mentions_any(e, {value_}) || early.count(e)) return;
    Terms t;
    split(e, 1, value_, is_ready_, &t);
    // A term that does not change along rows is multiplied once for several of them, if it is last.
    std::stable_sort(t.early.begin(), t.early.end(), [](const auto& a, const auto& b) {
      return axes_of(a.first).size() > axes_of(b.first).size();
    });
    if (!t.value || !t.linear) {
      for (Expr a : e->args) look(a);
      return;
    }
    const bool divides = std::isnormal(static_cast<float>(1 / t.factor));
    const Expr found = sum_of(t.early, 1 / t.factor);
    agree = agree && found && (!start.before || start.before == found) && e->type == Type::F32 &&
            divides;
    if (!start.before)
      start = {found, sum_of(t.early, 1, sum_of({{t.value, t.factor}}, 1))}, unit_ = t.factor;
    early[e] = sum_of(t.late, 1, sum_of({{t.value, t.factor}}, 1));
    late[e] = sum_of(t.late, 1, sum_of({{t.value, t.factor / unit_}}, 1));
  }

 private:
  std::string value_;
  const std::function<bool(Expr)>& is_ready_;
  double unit_ = 1;  // of the first sum
};

/// Of what is computed from the contraction's value.
std::vector<Expr*> bodies_after(tile::Pass* pass, const std::string& value) {
  std::vector<Expr*> out;
  for (auto* list : {&pass->before, &pass->after, &pass->before_full, &pass->after_full})
    for (tile::Statement& s : *list)
      if (s.name != value) out.push_back(&s.body);
  for (tile::State& s : pass->states)
    for (Expr* body : {&s.body, &s.body_full})
      if (*body) out.push_back(body);
  return out;
}

/// A score that is nothing but `value` times a constant any more, in full tiles and in others:
/// readers take it for themselves, maxima before the product, exponents in their own.
void merge_scaled(tile::Pass* pass, const std::string& value) {
  std::map<std::string, Expr> scaled;
  for (const tile::Statement& s : pass->before)
    if (s.op == Reduce::None && s.body->type == s.type && s.body->op == Op::Mul &&
        is_const(s.body->args[1]) && s.body->args[0]->op == Op::Load &&
        s.body->args[0]->name() == value)
      scaled[s.name] = s.body;
  for (const tile::Statement& s : pass->before_full)
    if (scaled.count(s.name) && scaled.at(s.name) != s.body) scaled.erase(s.name);
  for (const tile::State& s : pass->states)
    if (s.contraction) scaled.erase(s.contraction->a);
  for (auto* list : {&pass->before, &pass->before_full})
    std::erase_if(*list, [&](const tile::Statement& s) { return scaled.count(s.name) > 0; });
  for (Expr* body : bodies_after(pass, value))
    *body = transform(*body, [&](Expr e) {
      return e->op == Op::Load && scaled.count(e->name()) ? scaled.at(e->name()) : e;
    });
}

}  // namespace

std::map<std::string, Start> take_starts(tile::Pass* stage, tile::Pass* late,
                                         const std::function<bool(Expr)>& is_ready) {
  std::map<std::string, Start> out;
  for (const tile::Contraction& c : stage->contractions) {
    Search search(c.value, is_ready);
    for (Expr* body : bodies_after(stage, c.value)) search.look(*body);
    if (!search.start.before || !search.agree) continue;
    out[c.value] = search.start;
    for (Expr* body : bodies_after(stage, c.value)) *body = substitute(*body, search.early);
    merge_scaled(stage, c.value);
    for (Expr* body : bodies_after(late, c.value)) *body = substitute(*body, search.late);
  }
  return out;
}

/// Elements of tiles in the ring that are terms of scores become what the product is added to.
/// Only where references freeze: in their units of measure a bias may overflow.
void Hopper::take_tiles() {
  const auto in_ring = [&](Expr load) {
    return std::any_of(copies_.tiles.begin(), copies_.tiles.end(),
                       [&](const HopperPlan::Tile& tile) { return tile.load == load; });
  };
  unstarted_ = stages_;
  starts_.resize(stages_.size());
  for (size_t k = 0; k < stages_.size() && frozen_; ++k) {
    starts_[k] = take_starts(&stages_[k], &unstarted_[k], in_ring);
    started_ |= !starts_[k].empty();
  }
  for (const tile::Pass& stage : stages_)
    for (Expr body : bodies_of(stage))
      if (body)
        for (Expr load : loads_of(body)) late_tiles_ |= in_ring(load);
}

/// Once the scores are there, their operands' buffer is free; unless tiles in it are read later.
void Hopper::release_scores(const std::string& where_started, const std::string& else_where) {
  if (late_tiles_) return;
  const std::string& when = started_ ? where_started : else_where;
  out_.line((when.empty() ? "" : "if (" + when + ") ") + "release_k();");
}

void Hopper::start_scores(size_t stage, const std::string& tracked) {
  if (!starts_[stage].empty())
    out_.line("start_scores_" + str(int64_t(stage)) + "(" + tracked + ");");
}

void Hopper::print_start_scores(size_t stage) {
  if (starts_[stage].empty()) return;
  out_.open("const auto start_scores_" + str(int64_t(stage)) + " = [&](const int tracked)");
  for (const auto& [value, start] : starts_[stage]) {
    out_.open("if (tracked)");
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + str(plan_.n / 2) + "; ++i) " + plan_.value(value).id +
              "[i] = 0.f;");
    out_.otherwise();
    text_.print_scores(value, start.before);
    out_.close();
  }
  out_.close(";");
}

}  // namespace flashlight::codegen::cuda
