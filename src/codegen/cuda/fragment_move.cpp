// References that move, what follows them, and the values at the end of a pass. The order and the
// guards are those of tile/unit_pass.cpp.
#include <algorithm>

#include "codegen/cuda/fragment_text.h"
#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

constexpr double kLazyGrowth = 5.5;  // natural units: terms stay below 2^8

bool refers(const tile::State& s, const std::string& reference) {
  return std::count(s.references.begin(), s.references.end(), reference) > 0;
}

/// What a state holds after a move is a sum of states times factors.
struct Term {
  std::string state, factor;  // factor: an array over rows
};

std::string moved_text(const Plan& plan, const tile::Pass& pass, const std::vector<Term>& terms,
                       const std::string& at, bool in_loop) {
  std::vector<std::string> parts;
  for (const Term& t : terms) {
    const Value& v = plan.value(t.state);
    const auto from = std::find_if(pass.states.begin(), pass.states.end(),
                                   [&](const tile::State& s) { return s.name == t.state; });
    const bool copy = in_loop && v.kind == Kind::Row && from->references.empty();
    parts.push_back(t.factor + "[r] * " + v.id + (copy ? "_before" : "") +
                    (v.kind == Kind::Row ? "[r]" : at));
  }
  return join(parts, " + ");
}

}  // namespace

/// <id>_to[], <id>_to_raw[], by row: where each reference goes.
void FragmentText::print_targets(const tile::Pass& pass, const Targets& targets,
                                 const Place& place) {
  for (const StreamReference& r : pass.references) {
    const auto target = targets.find(r.name);
    if (target == targets.end()) continue;
    const std::string id = plan_.value(r.name).id;
    out_.line("float " + id + "_to" + plan_.rows_text() +
              (unset(r) ? ", " + id + "_to_raw" + plan_.rows_text() + ";" : ";"));
    out_.line("#pragma unroll");
    out_.open(plan_.each_row());
    Block block(plan_, place);
    block.expect({target->second});
    const std::string text = block.value(target->second);
    block.print(out_);
    if (unset(r)) {
      out_.line(id + "_to_raw[r] = " + text + ";");
      out_.line(id + "_to[r] = " + id + "_to_raw[r] == " + constant_text(unset(r)) +
                " ? 0.f : " + id + "_to_raw[r];");
    } else {
      out_.line(id + "_to[r] = " + text + ";");
    }
    out_.close();
  }
}

void FragmentText::accept_targets(const tile::Pass& pass, const Targets& targets) {
  for (const StreamReference& r : pass.references) {
    if (!targets.count(r.name)) continue;
    const std::string id = plan_.value(r.name).id;
    out_.line("#pragma unroll");
    out_.line(plan_.each_row() + " " + id + "[r] = " + id + "_to[r]" +
              (unset(r) ? ", " + id + "_raw[r] = " + id + "_to_raw[r];" : ";"));
  }
}

/// What states hold, taken from the references' values to their targets.
void FragmentText::move_states(const tile::Pass& pass, const Targets& targets, bool in_loop,
                               const Step& step) {
  Place place = row_place();
  for (const StreamReference& r : pass.references) {
    const std::string id = plan_.value(r.name).id;
    place.values[r.name + "'"] = id + (targets.count(r.name) ? "_to[r]" : "[r]");
  }
  std::vector<std::pair<const tile::State*, std::vector<Term>>> moved;
  int count = 0;
  for (const tile::State& s : pass.states) {
    bool touched = false;
    for (const std::string& r : s.references) touched |= targets.count(r) > 0;
    if (!touched || s.move.empty()) continue;
    std::string empty = "false", same = "true";
    for (const StreamReference& r : pass.references) {
      if (!refers(s, r.name)) continue;
      const std::string id = plan_.value(r.name).id;
      if (unset(r)) empty += " || " + id + "_raw[r] == " + constant_text(unset(r));
      if (targets.count(r.name)) same += " && " + id + "[r] == " + id + "_to[r]";
    }
    std::vector<Term> terms;
    for (const auto& [source, f] : s.move) {
      const std::string id = "factor" + std::to_string(count++);
      out_.line("float " + id + plan_.rows_text() + ";");
      out_.line("#pragma unroll");
      out_.open(plan_.each_row());
      Block block(plan_, place);
      block.expect({f});
      const std::string text = block.value(f);
      block.print(out_);
      out_.line(id + "[r] = (" + empty + ") ? 0.f : (" + same + ") ? " +
                (source == s.name ? "1.f" : "0.f") + " : " + text + ";");
      out_.close();
      terms.push_back({source, id});
    }
    moved.emplace_back(&s, terms);
  }
  auto sum = [&](const std::vector<Term>& terms, const std::string& at) {
    return moved_text(plan_, pass, terms, at, in_loop);
  };
  for (const auto& [s, terms] : moved) {  // fragments read rows as they were
    const Value& v = plan_.value(s->name);
    if (v.kind != Kind::Value) continue;
    if (step.deferred || (in_loop && plan_.is_row_values(s->name))) {
      out_.line("#pragma unroll");
      out_.line(plan_.each_row() + " " + v.id + "_scale[r] = " + terms[0].factor + "[r];");
      continue;
    }
    for (const Term& t : terms)
      for (const auto& [other, unused] : moved)
        if (t.state != s->name && other->name == t.state &&
            plan_.value(t.state).kind == Kind::Value)
          refuse("state " + s->name + " moves with " + t.state);
    out_.line("#pragma unroll");
    out_.open("for (int i = 0; i < " + std::to_string(plan_.words(v)) + "; ++i)");
    out_.line("const int r = " + plan_.row_text() + ";");
    out_.line(v.id + "[i] = " + sum(terms, "[i]") + ";");
    out_.close();
  }
  out_.line("#pragma unroll");
  out_.open(plan_.each_row());
  std::vector<std::string> assign;
  for (const auto& [s, terms] : moved) {
    const Value& v = plan_.value(s->name);
    if (v.kind != Kind::Row) continue;
    const std::string lost = step.watched.empty() || s->references.empty()
                                 ? ""
                                 : step.watched + " && !(abs_(" + v.id + "[r]) < " +
                                       largest_sum(pass) + ") ? infinity() : ";
    out_.line("const " + std::string(value_type(s->type)) + " " + v.id + "_next = " + lost +
              terms[0].factor + "[r] == 0.f && " + v.id + "[r] == " +
              identity_text(s->op, s->type) + " ? " + v.id + "[r] : " + sum(terms, "[r]") + ";");
    assign.push_back(v.id + "[r] = " + v.id + "_next;");
  }
  for (const std::string& a : assign) out_.line(a);
  out_.close();
}

void FragmentText::move_in_step(const tile::Pass& pass, const Step& step) {
  Targets targets;
  for (const StreamReference& r : pass.references)
    if (r.target) targets[r.name] = r.target;
  if (targets.empty()) return;
  Place place = row_place();
  if (lazy(pass)) {
    out_.line("bool over = false;");
    out_.line("#pragma unroll");
    out_.open(plan_.each_row());
    for (const auto& [name, target] : targets)
      out_.line("over |= " + plan_.value(target->name()).id + "[r] > " + plan_.value(name).id +
                "_raw[r] + " + real_literal(kLazyGrowth, true) + ";");
    out_.close();
    out_.open("if (__any_sync(~0u, over))");
    for (const auto& [name, target] : targets) {
      const std::string id = plan_.value(target->name()).id;
      out_.line("#pragma unroll");
      out_.line(plan_.each_row() + " " + id + "[r] = quad_max(" + id + "[r]);");
    }
    print_targets(pass, targets, place);
  } else {
    // Sums are kept in parts, one a lane; what a target reads is the whole.
    for (const tile::State& s : pass.states) {
      bool read = false;
      for (const auto& [name, target] : targets)
        for (Expr x : symbols_of(target)) read |= x->name() == s.name;
      if (!read || is_reduced(pass, s)) continue;
      const Value& v = plan_.value(s.name);
      if (v.kind != Kind::Row) refuse("a reference follows " + s.name);
      out_.line(std::string(value_type(s.type)) + " " + v.id + "_all" + plan_.rows_text() + ";");
      out_.line("#pragma unroll");
      out_.line(plan_.each_row() + " " + v.id + "_all[r] = " + quad_text(s.op) + "(" + v.id +
                "[r]);");
      place.values[s.name] = v.id + "_all[r]";
    }
    place.values["share"] = "share";
    print_targets(pass, targets, place);
    out_.line("bool moves = false;");
    out_.line("#pragma unroll");
    out_.open(plan_.each_row());
    for (const auto& [name, target] : targets) {
      const std::string id = plan_.value(name).id;
      out_.line("moves |= !(" + id + "[r] == " + id + "_to[r]);");
    }
    out_.close();
    out_.open("if (__any_sync(~0u, moves))");
  }
  if (step.deferred) out_.line("rescaled = true;");
  move_states(pass, targets, true, step);
  if (lazy(pass)) {
    accept_targets(pass, targets);
    out_.close();
  } else {
    out_.close();
    accept_targets(pass, targets);
  }
}

// ---- the end of a pass -------------------------------------------------------------------------

/// Values over what a row has one of, as products: one reciprocal a row.
Expr FragmentText::fold_quotients(Expr body, Place* place) {
  if (plan_.exact) return body;
  return transform(body, [&](Expr e) {
    if (e->op != Op::Div || !is_float(e->type) || is_row_level(e->args[0]) ||
        !is_row_level(e->args[1]))
      return e;
    const std::string id = "inverse" + std::to_string(inverses_++);
    out_.line("float " + id + plan_.rows_text() + ";");
    print_rows(id, e->type, unary(Op::Reciprocal, e->args[1]));
    place->values[id] = id + "[r]";
    return e->args[0] * symbol(id, e->type);
  });
}

void FragmentText::print_finals(const tile::Pass& pass, bool frozen) {
  std::map<std::string, std::string> references;  // by the state that they follow
  for (const StreamReference& r : pass.references)
    if (frozen && r.target) references[r.target->name()] = plan_.value(r.name).id;
  for (const tile::State& s : pass.states) {
    const Value& v = plan_.value(s.name);
    if (v.kind != Kind::Row || is_reduced(pass, s)) continue;
    out_.line("#pragma unroll");
    if (const auto r = references.find(s.name); r != references.end()) {
      out_.line(plan_.each_row() + " " + v.id + "[r] = " + r->second + "_raw[r];");
      continue;
    }
    out_.line(plan_.each_row() + " " + v.id + "[r] = " + quad_text(s.op) + "(" + v.id + "[r]);");
  }
  for (const auto& f : pass.finals) {
    const Value& v = plan_.value(f.name);
    Place place = v.kind == Kind::Row ? row_place() : value_place(v.columns);
    const Expr body = v.kind == Kind::Row ? f.body : fold_quotients(f.body, &place);
    Block block(plan_, place);
    block.expect({body});
    const int64_t n = plan_.words(v);
    out_.line("#pragma unroll");
    out_.open("for (int i = 0; i < " + std::to_string(n) + "; ++i)");
    if (v.kind == Kind::Row) {
      out_.line("const int r = i;");
    } else {
      out_.line("const int r = " + plan_.row_text() + ", v = " + plan_.column_text() + ";");
      out_.line("(void)v;");
    }
    const std::string text = block.value(body);
    block.print(out_);
    const bool may_be_empty = f.op != Reduce::None;
    const std::string empty = may_be_empty ? identity_text(f.op, f.body->type) : "";
    const bool select = may_be_empty && v.kind == Kind::Row;
    out_.line(v.id + "[i] = " + (select ? "cols_end == 0 ? " + empty + " : " : "") + text + ";");
    out_.line("(void)r;");
    out_.close();
    if (may_be_empty && !select) {  // no select for each of many
      out_.open("if (cols_end == 0)");
      out_.line("keep_branch();");
      out_.line("#pragma unroll");
      out_.line("for (int i = 0; i < " + std::to_string(n) + "; ++i) " + v.id + "[i] = " + empty +
                ";");
      out_.close();
    }
    Targets to;
    for (const StreamReference& r : pass.references)
      if (r.follows == f.name && !tracks(pass, r)) to[r.name] = symbol(f.name, f.body->type);
    if (to.empty() || frozen) continue;
    out_.open("");
    print_targets(pass, to, row_place());
    move_states(pass, to, false, {});
    accept_targets(pass, to);
    out_.close();
  }
}

std::string FragmentText::certificate(const tile::Pass& pass) {
  if (!pass.certificate) return "";
  const Place place = row_place();
  Block block(plan_, place);
  block.expect({pass.certificate});
  out_.line("bool failed = false;");
  out_.line("#pragma unroll");
  out_.open(plan_.each_row());
  const std::string text = block.value(pass.certificate);
  block.print(out_);
  out_.line("failed |= row_ok[r] && !" + text + ";");
  out_.close();
  return "failed";
}

}  // namespace flashlight::codegen::cuda
