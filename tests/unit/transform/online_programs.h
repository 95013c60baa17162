// Programs as lists of reductions over leaves x, y, w, v (elements) and c (a mask).
#pragma once
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "transform/online.h"

namespace flashlight::test {

using ir::Expr;
using ir::Op;
using ir::Reduce;
using transform::Reduction;

inline Expr var(const std::string& name) { return ir::symbol(name, ir::Type::F64); }
inline Expr num(double value) { return ir::constant(value, ir::Type::F64); }
inline Expr f(Op op, Expr a) { return ir::unary(op, a); }
inline Expr f(Op op, Expr a, Expr b) { return ir::binary(op, a, b); }
inline Expr exp_(Expr a) { return f(Op::Exp, a); }
inline Expr log_(Expr a) { return f(Op::Log, a); }
inline Expr relu(Expr a) { return f(Op::Max, a, num(0)); }

inline const Expr x = var("x"), y = var("y"), w = var("w"), v = var("v");
inline const Expr c = ir::symbol("c", ir::Type::Bool);
inline const Expr m = var("m"), l = var("l"), m2 = var("m2"), l2 = var("l2"), mu = var("mu");
inline const Expr spread = var("var"), a = var("a"), t = var("t");
inline const Expr lowest = num(-std::numeric_limits<double>::infinity());
inline const double kN = 97;

inline Reduction max_of(const std::string& name, Expr body) { return {name, Reduce::Max, body}; }
inline Reduction min_of(const std::string& name, Expr body) { return {name, Reduce::Min, body}; }
inline Reduction sum_of(const std::string& name, Expr body) { return {name, Reduce::Sum, body}; }

struct Program {
  std::string name;
  std::vector<Reduction> reductions;
  size_t passes = 1;
  size_t states = 0;  // of all passes; 0: not checked
};

inline void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

using Reductions = std::vector<Reduction>;

inline Reductions operator+(Reductions a, const Reductions& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Reductions soft(Expr s = x, Expr top = m, Expr total = l) {
  return {max_of(top->name(), s), sum_of(total->name(), exp_(s - top))};
}

inline Reductions moments() {
  return {sum_of("mu", x / num(kN)), sum_of("var", f(Op::Pow, x - mu, num(2)) / num(kN))};
}

inline Expr standard() { return (x - mu) / f(Op::Sqrt, spread); }

inline const Expr p = exp_(x - m) / l, q = exp_(y - m2) / l2;

/// The programs of shared/algebra/programs.py, with its numbers of passes.
inline std::vector<Program> model_programs() {
  const Reductions two = soft() + soft(y, m2, l2);
  const Expr u4 = f(Op::Pow, x / a, num(4));
  const Expr pick = exp_(x - m) - exp_(f(Op::Neg, m));
  const Expr surprise = x - m - log_(l);
  const Expr z = standard();
  return {
      {"softmax attention", soft() + Reductions{sum_of("o", p * v)}, 1, 3},
      {"log-sum-exp", soft(), 1, 2},
      {"entropy", soft() + Reductions{sum_of("o", f(Op::Neg, p * surprise))}, 1, 3},
      {"softmax off by one", soft() + Reductions{sum_of("o", exp_(x - m) * v)}, 1, 3},
      {"differential", two + Reductions{sum_of("o", (p - num(0.2) * q) * v)}, 1, 6},
      {"product of two softmaxes", two + Reductions{sum_of("o", p * q * v)}, 1, 5},
      {"KL of two softmaxes", two + Reductions{sum_of("o", p * (surprise - (y - m2 - log_(l2))))},
       1, 5},
      {"relu, normalised", {sum_of("l", relu(x)), sum_of("o", relu(x) / l * v)}, 1, 2},
      {"power, normalised by the largest",
       {max_of("a", f(Op::Abs, x)), sum_of("l", u4), sum_of("o", u4 / l * v)},
       1,
       3},
      {"variance-normalised scores", moments() + Reductions{sum_of("o", z * v)}, 1, 6},
      {"third moment", {sum_of("mu", x / num(kN)), sum_of("o", f(Op::Pow, x - mu, num(3)))}, 1, 5},
      {"largest normalised score", moments() + Reductions{max_of("o", z)}, 1, 5},
      {"log-softmax dot", soft() + Reductions{sum_of("o", surprise * v)}, 1, 4},
      {"squared softmax, renormalised",
       soft() + Reductions{sum_of("l2", p * p), sum_of("o", p * p / l2 * v)}, 1, 4},
      {"softpick",
       {max_of("m", x), sum_of("l", f(Op::Abs, pick)), sum_of("o", relu(pick) / l * v)},
       1,
       3},
      {"softmax over normalised scores",
       moments() +
           Reductions{max_of("m", z), sum_of("l", exp_(z - m)), sum_of("o", exp_(z - m) / l * v)},
       2, 0},
      {"sigmoid around the mean",
       {sum_of("mu", x / num(kN)), sum_of("o", v / (num(1) + exp_(mu - x)))},
       2,
       2},
  };
}

inline std::vector<Program> masked_programs() {
  const Expr live = ir::where(c, x, lowest), filled = ir::where(c, x, num(-1e9));
  const Expr pc = ir::where(c, exp_(x - m) / l, num(0));
  const Expr average = var("s") / ir::cast(ir::symbol("n"), ir::Type::F64);
  return {
      {"masked by -inf", soft(live) + Reductions{sum_of("o", exp_(live - m) / l * v)}, 1, 3},
      {"masked by a finite fill", soft(filled) + Reductions{sum_of("o", exp_(filled - m) / l * v)},
       1, 3},
      {"mask after softmax", soft() + Reductions{sum_of("l2", pc), sum_of("o", pc / l2 * v)}, 1, 4},
      {"mask of both kinds",
       {max_of("m", live), sum_of("l", ir::where(c, exp_(x - m), num(0))),
        sum_of("o", ir::where(c, exp_(x - m) / l, num(0)) * v)},
       1,
       3},
      {"entropy under a mask",
       {max_of("m", live), sum_of("l", exp_(live - m)),
        sum_of("o", ir::where(c, pc * log_(exp_(x - m) / l), num(0)))},
       1,
       0},
      {"largest key", {max_of("o", live)}, 1, 1},
      {"mean under a mask",
       {sum_of("s", ir::where(c, x, num(0))), sum_of("n", ir::where(c, num(1), num(0))),
        sum_of("var", ir::where(c, f(Op::Pow, x - var("s") / var("n"), num(2)), num(0)))},
       1,
       0},
      {"zero where no key is live",
       Reductions{{"some", Reduce::Any, c}} + soft(live) +
           Reductions{sum_of("o", ir::where(f(Op::Not, ir::symbol("some", ir::Type::Bool)), num(0),
                                            exp_(live - m) / l) *
                                      v)},
       1, 4},
      {"mask before exp",
       {max_of("m", live), sum_of("l", exp_(ir::where(c, x - m, lowest)))},
       1,
       2},
      {"mean by a count",
       {sum_of("s", ir::where(c, x, num(0))),
        sum_of("n", ir::where(c, ir::constant(int64_t{1}), ir::constant(int64_t{0}))),
        sum_of("var", ir::where(c, f(Op::Pow, x - average, num(2)), num(0)))},
       1,
       5},
      {"scaled after a mask",
       {max_of("m", live * num(0.5)), sum_of("l", exp_(live * num(0.5) - m)),
        sum_of("o", exp_(live * num(0.5) - m) / l * v)},
       1,
       3},
  };
}

inline std::vector<Program> more_programs() {
  const Expr tx = t * x;
  const Expr safe = ir::where(f(Op::Eq, f(Op::Abs, m), f(Op::Neg, lowest)), num(0), m);
  const Expr lse = m + log_(l);
  const Expr sink = f(Op::Max, m, t);
  return {
      {"sigmoid", {sum_of("o", f(Op::Sigmoid, x) * v)}, 1, 1},
      {"squared relu", {sum_of("o", relu(x) * relu(x) * v)}, 1, 1},
      {"three softmaxes",
       soft() + soft(y, m2, l2) + soft(w, var("m3"), var("l3")) +
           Reductions{sum_of("o", p * q * (exp_(w - var("m3")) / var("l3")) * v)},
       1, 7},
      {"temperature of unknown sign", soft(tx) + Reductions{sum_of("o", exp_(tx - m) / l * v)}, 1,
       3},
      {"temperature after the largest",
       {max_of("m", x), sum_of("l", exp_((x - m) * num(0.25))),
        sum_of("o", exp_(num(0.25) * x - num(0.25) * m) / l * v)},
       1,
       3},
      {"log-sum-exp of torch", {max_of("m", x), sum_of("l", exp_(x - safe))}, 1, 2},
      {"probabilities from log-sum-exp", soft() + Reductions{sum_of("o", exp_(x - lse) * v)}, 1, 3},
      {"log-softmax from log-sum-exp", soft() + Reductions{sum_of("o", (x - lse) * v)}, 1, 4},
      {"exp around the mean", {sum_of("mu", x / num(kN)), sum_of("o", exp_(x - mu) * v)}, 1, 3},
      {"exp around the smallest",
       {min_of("m", x), sum_of("l", exp_(m - x)), sum_of("o", exp_(m - x) / l * v)},
       1,
       3},
      {"importance", soft() + soft(y, m2, l2) + Reductions{sum_of("o", p / q * v)}, 1, 6},
      {"largest probability", soft() + Reductions{max_of("o", p)}, 1, 2},
      {"normalised by its sum of squares",
       {sum_of("l", x * x), sum_of("o", x / f(Op::Sqrt, l) * v)},
       1,
       2},
      {"mean from a sum",
       {sum_of("s", x), sum_of("var", f(Op::Pow, x - var("s") / num(kN), num(2))),
        sum_of("o", (x - var("s") / num(kN)) * f(Op::Rsqrt, spread + num(1e-5)) * v)},
       1,
       6},
      {"base two",
       {max_of("m", x), sum_of("l", f(Op::Exp2, x - m)), sum_of("o", f(Op::Exp2, x - m) / l * v)},
       1,
       3},
      {"root of a softmax", soft() + Reductions{sum_of("o", f(Op::Sqrt, p) * v)}, 1, 3},
      {"a sink beside the keys",
       {max_of("m", x), sum_of("l", exp_(x - sink)),
        sum_of("o", exp_(x - sink) / (l + exp_(t - sink)) * v)},
       1,
       3},
      {"off by one, divided inside",
       soft() + Reductions{sum_of("o", exp_(x - m) / (l + exp_(f(Op::Neg, m))) * v)}, 1, 3},
      {"distance of two softmaxes",
       soft() + soft(y, m2, l2) + Reductions{sum_of("o", (p - q) * (p - q))}, 2, 0},
      {"ties with the largest",
       {max_of("m", x), sum_of("n", ir::where(f(Op::Eq, x, m), num(1), num(0)))},
       2,
       2},
      {"threshold at the mean", {sum_of("mu", x / num(kN)), sum_of("o", relu(x - mu) * v)}, 2, 2},
  };
}

}  // namespace flashlight::test
