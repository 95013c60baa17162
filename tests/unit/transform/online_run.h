// Runs what make_online derived, by the rules that an emitter follows: blocks of unequal length,
// references that move, two halves merged, the last move to the true values; and the definition
// beside it, in fp64.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "transform/merge.h"
#include "transform/online.h"

namespace flashlight::test {

using ir::Expr;
using ir::Op;
using ir::Reduce;
using transform::Pass;
using transform::Reduction;
using transform::State;
using Env = std::map<std::string, double>;
using Columns = std::map<std::string, std::vector<double>>;  // leaf -> its elements

/// `lenient`: a factor times a state (NAME@..) that is 0 is 0, the rule of a move.
inline double value_of(Expr e, const Env& env, bool lenient = false) {
  const auto arg = [&](int i) { return value_of(e->args[i], env, lenient); };
  switch (e->op) {
    case Op::Const:
      return ir::const_value(e);
    case Op::Symbol: {
      const auto it = env.find(e->name());
      EXPECT_NE(it, env.end()) << "no value for " << e->name();
      return it == env.end() ? NAN : it->second;
    }
    case Op::Where:
      return arg(0) != 0 ? arg(1) : arg(2);
    case Op::Cast:
      return e->type == ir::Type::Bool ? arg(0) != 0 : arg(0);
    default:
      break;
  }
  const double a = arg(0), b = e->args.size() > 1 ? arg(1) : 0;
  const bool state = e->op == Op::Mul && e->args[1]->op == Op::Symbol &&
                     e->args[1]->name().find('@') != std::string::npos;
  if (lenient && state && b == 0) return 0;
  return ir::op_value(e->op, a, b);
}

inline double identity(Reduce op) {
  return ir::const_value(ir::reduce_identity(op, ir::Type::F64));
}

inline double combine(Reduce op, double a, double b) {
  return op == Reduce::Any || op == Reduce::All
             ? (op == Reduce::Any ? (a != 0 || b != 0) : (a != 0 && b != 0))
             : value_of(ir::reduce_combine(op, ir::symbol("a", ir::Type::F64),
                                           ir::symbol("b", ir::Type::F64)),
                        {{"a", a}, {"b", b}});
}

inline double fold(Reduce op, Expr body, Env env, const Columns& data, size_t from, size_t to) {
  double out = op == Reduce::Any || op == Reduce::All ? op == Reduce::All : identity(op);
  for (size_t j = from; j < to; ++j) {
    for (const auto& [name, column] : data) env[name] = column[j];
    out = combine(op, out, value_of(body, env));
  }
  return out;
}

/// States and references of one part of the loop.
struct Part {
  Env states;
  Env references;
  double seen = 0;
};

class Runner {
 public:
  Runner(const Pass& pass, const Columns& data, Env known)
      : pass_(pass), data_(data), known_(std::move(known)) {}

  Part stream(const std::vector<size_t>& cuts, size_t total) const {
    Part part;
    for (const State& s : pass_.states) part.states[s.name] = start(s);
    for (const auto& r : pass_.references) part.references[r.name] = ir::const_value(r.start);
    for (size_t k = 0; k + 1 < cuts.size(); ++k) block(part, cuts[k], cuts[k + 1], total);
    return part;
  }

  Part merged(const Part& a, const Part& b) const {
    Env env = known_;
    for (const auto& [half, suffix] : {std::pair{&a, "@a"}, std::pair{&b, "@b"}}) {
      for (const auto& [name, value] : half->states) env[name + suffix] = value;
      for (const auto& [name, value] : half->references) env[name + suffix] = value;
    }
    env["share"] = a.seen + b.seen;
    for (const auto& [name, e] : transform::make_merge(pass_).values)
      env[name] = value_of(e, env, /*lenient=*/true);
    Part out;
    out.seen = a.seen + b.seen;
    for (const State& s : pass_.states) out.states[s.name] = env[s.name];
    for (const auto& r : pass_.references) out.references[r.name] = env[r.name + "'"];
    return out;
  }

  /// The finals in order: a state is read once the true values of its references are known.
  Env finals(const Part& part) const {
    Env out = known_;
    for (const auto& [name, e] : pass_.finals) {
      Env env = out;
      for (const State& s : pass_.states)
        if (settled(s, out)) env[s.name] = moved(part, s, true_references(part, out));
      out[name] = value_of(e, env);
    }
    return out;
  }

 private:
  static double start(const State& s) {
    return s.op == Reduce::Any || s.op == Reduce::All ? s.op == Reduce::All : identity(s.op);
  }

  bool settled(const State& s, const Env& env) const {
    for (const auto& r : pass_.references)
      for (const auto& used : s.references)
        if (used == r.name && !env.contains(r.follows)) return false;
    return true;
  }

  Env true_references(const Part& part, const Env& env) const {
    Env out = part.references;
    for (const auto& r : pass_.references)
      if (env.contains(r.follows)) out[r.name] = env.at(r.follows);
    return out;
  }

  double moved(const Part& part, const State& s, const Env& to) const {
    bool moves = false;
    for (const auto& r : s.references) moves |= part.references.at(r) != to.at(r);
    if (!moves) return part.states.at(s.name);
    Env env = known_;
    for (const auto& [name, value] : part.states) env[name + "@"] = value;
    for (const auto& [name, value] : part.references) env[name + "@"] = value;
    for (const auto& [name, value] : to) env[name + "'"] = value;
    return value_of(transform::moved_state(pass_, s, "@"), env, /*lenient=*/true);
  }

  bool alive(const State& s, const Env& at) const {
    for (const auto& r : pass_.references) {
      const double start = ir::const_value(r.start);
      const bool used =
          std::find(s.references.begin(), s.references.end(), r.name) != s.references.end();
      if (used && std::isinf(start) && at.at(r.name) == start) return false;
    }
    return true;
  }

  void block(Part& part, size_t from, size_t to, size_t total) const {
    part.seen += static_cast<double>(to - from) / static_cast<double>(total);
    Env env = known_, states = part.states;
    for (const State& s : pass_.states) {
      if (!s.references.empty()) continue;
      double& value = states[s.name];
      env[s.name] = value = combine(s.op, value, fold(s.op, s.body, known_, data_, from, to));
    }
    env["share"] = part.seen;
    Env next = part.references;
    for (const auto& r : pass_.references) {
      next[r.name] = value_of(r.target, env);
    }
    for (const State& s : pass_.states)  // what was seen before this block, hence part.states
      if (!s.references.empty()) states[s.name] = moved(part, s, next);
    part.references = next;
    for (const auto& [name, value] : next) env[name] = value;
    for (const State& s : pass_.states) {
      if (s.references.empty() || !alive(s, next)) continue;
      states[s.name] = combine(s.op, states[s.name], fold(s.op, s.body, env, data_, from, to));
    }
    part.states = states;
  }

  const Pass& pass_;
  const Columns& data_;
  Env known_;
};

inline Env run_online(const std::vector<Pass>& passes, const Columns& data, const Env& constants,
                      size_t n) {
  Env known = constants;
  for (const Pass& pass : passes) {
    const Runner runner(pass, data, known);
    const Part a = runner.stream({0, 5, 6, n / 3}, n);
    const Part b = runner.stream({n / 3, 2 * n / 3, n - 3, n}, n);
    known = runner.finals(runner.merged(a, b));
  }
  return known;
}

inline Env run_definition(const std::vector<Reduction>& reductions, const Columns& data,
                          const Env& constants, size_t n) {
  Env known = constants;
  for (const Reduction& r : reductions) known[r.name] = fold(r.op, r.body, known, data, 0, n);
  return known;
}

}  // namespace flashlight::test
