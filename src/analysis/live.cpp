#include "analysis/live.h"

#include "analysis/intervals.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::analysis {
namespace {

using namespace ir;

const Expr kZero = constant(int64_t{0});
const Expr kOne = constant(int64_t{1});

Expr lesser(Expr a, Expr b) { return binary(Op::Min, a, b); }
Expr greater(Expr a, Expr b) { return binary(Op::Max, a, b); }
Expr negative(Expr a) { return unary(Op::Neg, a); }
Expr quotient(Expr a, Expr b) { return binary(Op::FloorDiv, a, b); }

enum class Question { May, Must };

/// Sets of loop elements as one range [lo, hi), rounded outwards (May) or inwards (Must).
class Solver {
 public:
  Solver(Question question, Expr loop, const Rows& rows)
      : must_(question == Question::Must),
        loop_(loop),
        rows_(rows),
        everything_{kZero, loop->extent()},
        nothing_{kZero, kZero} {}

  LoopRange predicate(Expr p, bool truth) {
    if (--budget_ < 0) return unknown();
    if (is_const(p)) return is_const(p, truth ? 1 : 0) ? everything_ : nothing_;
    switch (p->op) {
      case Op::Not:
        return predicate(p->args[0], !truth);
      case Op::And:
      case Op::Or:
        return (p->op == Op::And) == truth
                   ? both(predicate(p->args[0], truth), predicate(p->args[1], truth))
                   : either(predicate(p->args[0], truth), predicate(p->args[1], truth));
      case Op::Where:
        return choice(p->args[0], p->args[1], p->args[2], truth);
      case Op::Cast:
        return predicate(binary(Op::Ne, p->args[0], constant(0.0, p->args[0]->type)), truth);
      case Op::Xor:
        return differ(p->args[0], p->args[1], truth);
      default:
        return is_comparison(p->op) ? comparison(p, truth) : leaf(p, truth);
    }
  }

  LoopRange clamped(const LoopRange& r) const {
    return {greater(r.lo, kZero), lesser(r.hi, loop_->extent())};
  }

 private:
  bool moves(Expr e) const { return uses(e, loop_); }
  bool is_nothing(const LoopRange& r) const { return r.lo == kZero && r.hi == kZero; }
  bool is_everything(const LoopRange& r) const {
    return r.lo == everything_.lo && r.hi == everything_.hi;
  }
  LoopRange unknown() const { return must_ ? nothing_ : everything_; }

  LoopRange both(const LoopRange& a, const LoopRange& b) const {
    if (is_nothing(a) || is_everything(b)) return a;
    if (is_nothing(b) || is_everything(a)) return b;
    return {greater(a.lo, b.lo), lesser(a.hi, b.hi)};
  }

  LoopRange either(const LoopRange& a, const LoopRange& b) const {
    if (is_nothing(a) || is_everything(b)) return b;
    if (is_nothing(b) || is_everything(a)) return a;
    return must_ ? joined_or_longer(clamped(a), clamped(b))
                 : LoopRange{lesser(a.lo, b.lo), greater(a.hi, b.hi)};
  }

  /// A gap between two ranges must not be filled: then the longer one has to do.
  LoopRange joined_or_longer(const LoopRange& a, const LoopRange& b) const {
    const Expr touch = binary(Op::Le, greater(a.lo, b.lo), lesser(a.hi, b.hi));
    const Expr longer = binary(Op::Ge, a.hi - a.lo, b.hi - b.lo);
    return {where(touch, lesser(a.lo, b.lo), where(longer, a.lo, b.lo)),
            where(touch, greater(a.hi, b.hi), where(longer, a.hi, b.hi))};
  }

  /// A condition that is the same for all loop elements, known at run time.
  LoopRange when(Expr condition) const {
    condition = simplify(condition);
    if (is_const(condition)) return is_const(condition, 0) ? nothing_ : everything_;
    // The empty case as [extent, 0): it is neutral in hulls and wins in intersections.
    const Expr extent = loop_->extent();
    return {where(condition, kZero, extent), where(condition, extent, kZero)};
  }

  LoopRange leaf(Expr p, bool truth) const {
    if (moves(p) || depends_on_rows(p, rows_)) return unknown();
    return when(truth ? p : unary(Op::Not, p));
  }

  LoopRange choice(Expr condition, Expr a, Expr b, bool truth) {
    return either(both(predicate(condition, true), predicate(a, truth)),
                  both(predicate(condition, false), predicate(b, truth)));
  }

  LoopRange differ(Expr a, Expr b, bool truth) {
    return either(both(predicate(a, true), predicate(b, !truth)),
                  both(predicate(a, false), predicate(b, truth)));
  }

  LoopRange comparison(Expr p, bool truth) {
    const Expr a = p->args[0], b = p->args[1];
    if (a->type == Type::Bool) {
      if (p->op == Op::Eq || p->op == Op::Ne) return differ(a, b, (p->op == Op::Ne) == truth);
      return leaf(p, truth);
    }
    // where(c, 1, 0) == 0: how a mask that was stored as a number comes back as a condition.
    for (int side : {0, 1}) {
      const Expr x = p->args[side];
      const auto with = [&](Expr value) {
        return side == 0 ? binary(p->op, value, b) : binary(p->op, a, value);
      };
      if (x->op == Op::Where) return choice(x->args[0], with(x->args[1]), with(x->args[2]), truth);
      if (x->op == Op::Cast && x->args[0]->type == Type::Bool)
        return choice(x->args[0], with(constant(1.0, x->type)), with(constant(0.0, x->type)),
                      truth);
    }
    return a->type == Type::Int ? ordered(truth ? p->op : complement(p->op), a, b) : leaf(p, truth);
  }

  LoopRange ordered(Op op, Expr a, Expr b) {
    switch (op) {
      case Op::Lt:
        return at_most(a, b - kOne);
      case Op::Le:
        return at_most(a, b);
      case Op::Gt:
        return at_most(b, a - kOne);
      case Op::Ge:
        return at_most(b, a);
      case Op::Eq:
        return both(at_most(a, b), at_most(b, a));
      default:
        return either(at_most(a, b - kOne), at_most(b, a - kOne));
    }
  }

  LoopRange at_most(Expr a, Expr b) {
    if (!moves(b)) return solve(a, true, b);
    if (!moves(a)) return solve(b, false, a);
    return solve(simplify(a - b), true, kZero);
  }

  /// Elements where f <= g (upper) or f >= g; g does not move with the loop.
  LoopRange solve(Expr f, bool upper, Expr g) {
    if (--budget_ < 0) return unknown();
    if (f == loop_) return bound(upper, g);
    if (!moves(f)) return constant_sides(upper ? f : g, upper ? g : f);
    switch (f->op) {
      case Op::Neg:
        return solve(f->args[0], !upper, negative(g));
      case Op::Add:
      case Op::Sub:
      case Op::Mul:
        return linear(f, upper, g);
      case Op::FloorDiv:
        return chunked(f, upper, g);
      case Op::Max:
      case Op::Min: {
        const LoopRange a = solve(f->args[0], upper, g), b = solve(f->args[1], upper, g);
        return (f->op == Op::Max) == upper ? both(a, b) : either(a, b);
      }
      case Op::Abs: {
        const LoopRange a = solve(f->args[0], upper, g);
        const LoopRange b = solve(f->args[0], !upper, negative(g));
        return upper ? both(a, b) : either(a, b);
      }
      default:
        return unknown();
    }
  }

  LoopRange bound(bool upper, Expr g) const {
    const auto range = bounds(simplify(g), rows_);
    if (!range) return unknown();
    // Some row (May) or all rows (Must): the loosest or the tightest of the rows' bounds.
    const Expr e = simplify(upper != must_ ? range->hi : range->lo);
    return upper ? LoopRange{kZero, e + kOne} : LoopRange{e, loop_->extent()};
  }

  LoopRange constant_sides(Expr small, Expr large) const {
    const auto range = bounds(simplify(small - large), rows_);
    if (!range) return unknown();
    return when(binary(Op::Le, must_ ? range->hi : range->lo, kZero));
  }

  LoopRange linear(Expr f, bool upper, Expr g) {
    const Expr x = f->args[0], y = f->args[1];
    if (moves(x) && moves(y)) return gathered(f, upper, g);
    if (f->op == Op::Mul) return moves(x) ? scaled(x, y, upper, g) : scaled(y, x, upper, g);
    if (f->op == Op::Add) return moves(x) ? solve(x, upper, g - y) : solve(y, upper, g - x);
    return moves(x) ? solve(x, upper, g + y) : solve(y, !upper, x - g);
  }

  /// The loop axis stands in several terms: add its coefficients up.
  LoopRange gathered(Expr f, bool upper, Expr g) {
    const auto form = affine(f);
    if (!form) return unknown();
    Expr rest = form->rest;
    for (const auto& [axis, coefficient] : form->coefficients)
      if (axis != loop_) rest = rest + coefficient * axis;
    const Expr coefficient = simplify(form->coefficient(loop_));
    if (is_const(coefficient, 0)) return constant_sides(upper ? rest : g, upper ? g : rest);
    return scaled(loop_, coefficient, upper, g - rest);
  }

  LoopRange scaled(Expr x, Expr c, bool upper, Expr g) {
    if (known_le(kOne, c)) return solve(x, upper, upper ? quotient(g, c) : ceiling(g, c));
    if (!known_le(c, negative(kOne))) return unknown();
    const Expr positive = simplify(negative(c));
    const Expr bound = negative(g);
    return solve(x, !upper, upper ? ceiling(bound, positive) : quotient(bound, positive));
  }

  static Expr ceiling(Expr a, Expr b) { return quotient(a + b - kOne, b); }

  LoopRange chunked(Expr f, bool upper, Expr g) {
    const Expr x = f->args[0], size = f->args[1];
    if (moves(size) || !known_le(kOne, size)) return unknown();
    return solve(x, upper, upper ? size * (g + kOne) - kOne : size * g);
  }

  bool must_;
  Expr loop_;
  const Rows& rows_;
  LoopRange everything_, nothing_;
  int budget_ = 4096;  // a choice doubles the work: deep nests of them are given up as unknown
};

bool has_symbols(Expr e) {
  bool found = false;
  visit(e, [&](Expr n) { found |= n->op == Op::Symbol; });
  return found;
}

LoopRange solve(Question question, Expr p, Expr loop, const Rows& rows) {
  // simplify() takes every Symbol for a size, >= 1, but a tile may start at 0: axes stand in.
  Rows safe = rows;
  Substitution starts;
  for (auto& [axis, range] : safe) {
    if (!has_symbols(range.lo)) continue;
    const Expr start = ir::axis(axis->name() + ".start", axis->extent());
    starts[start] = range.lo;
    range.lo = start;
  }
  Solver solver(question, loop, safe);
  LoopRange r = solver.clamped(solver.predicate(p, true));
  r = {simplify(r.lo), simplify(r.hi)};
  if (is_const(r.lo, 0)) r.lo = Expr();
  if (r.hi == loop->extent()) r.hi = Expr();
  for (Expr* e : {&r.lo, &r.hi})
    if (*e) *e = substitute(*e, starts);
  return r;
}

}  // namespace

LoopRange may_hold(Expr predicate, Expr loop, const Rows& rows) {
  return solve(Question::May, predicate, loop, rows);
}

LoopRange must_hold(Expr predicate, Expr loop, const Rows& rows) {
  return solve(Question::Must, predicate, loop, rows);
}

}  // namespace flashlight::analysis
