#include "analysis/live.h"

#include <gtest/gtest.h>

#include <random>

#include "ir/rewrite.h"

namespace flashlight::analysis {
namespace {

using namespace ir;

const Expr kRows = symbol("Sq"), kColumns = symbol("Sk");
const Expr i = axis("i", kRows), j = axis("j", kColumns), b = axis("b", symbol("B"));
const Expr kLengths = load("seq_len", {b}, Type::Int);

Expr n(int64_t v) { return constant(v); }
Expr le(Expr x, Expr y) { return binary(Op::Le, x, y); }
Expr lt(Expr x, Expr y) { return binary(Op::Lt, x, y); }
Expr eq(Expr x, Expr y) { return binary(Op::Eq, x, y); }
Expr both(Expr x, Expr y) { return binary(Op::And, x, y); }
Expr either(Expr x, Expr y) { return binary(Op::Or, x, y); }
Expr negated(Expr x) { return unary(Op::Not, x); }
Expr chunk(Expr x, int64_t size) { return binary(Op::FloorDiv, x, n(size)); }

std::map<Expr, Interval> row_tile() { return {{i, {symbol("i.lo"), symbol("i.hi") - n(1)}}}; }

/// One choice of everything that a predicate is over.
struct Point {
  Bindings values;  // symbols and axes by name, loads by the name of the tensor

  int64_t operator()(Expr e) const {
    std::unordered_map<Expr, int64_t> done;
    return value(e, done);
  }

 private:
  int64_t value(Expr e, std::unordered_map<Expr, int64_t>& done) const {
    if (auto it = done.find(e); it != done.end()) return it->second;
    return done[e] = node(e, done);
  }

  int64_t node(Expr e, std::unordered_map<Expr, int64_t>& done) const {
    const auto arg = [&](int k) { return value(e->args[k], done); };
    if (e->op == Op::Axis || e->op == Op::Load) return values.at(e->name());
    if (e->op == Op::Where) return arg(arg(0) ? 1 : 2);
    if (e->args.empty()) return evaluate(e, values);
    if (e->op == Op::Cast) return arg(0);
    return op_value(e->op, arg(0), e->args.size() > 1 ? arg(1) : 0);
  }
};

struct Found {
  int64_t lo, hi;
  friend bool operator==(const Found&, const Found&) = default;
};

Found at(const LoopRange& r, const Point& p) {
  return {r.lo ? p(r.lo) : 0, r.hi ? p(r.hi) : p.values.at("Sk")};
}

Point tile(int64_t lo, int64_t hi, int64_t columns = 1000) {
  return {{{"i.lo", lo},
           {"i.hi", hi},
           {"Sq", 1000},
           {"Sk", columns},
           {"B", 2},
           {"b", 1},
           {"w", 7},
           {"seq_len", 33}}};
}

Found may(Expr p, const Point& at_point) { return at(may_hold(p, j, row_tile()), at_point); }
Found must(Expr p, const Point& at_point) { return at(must_hold(p, j, row_tile()), at_point); }

TEST(Live, CausalEndsAtTheLastRowAndIsFullUpToTheFirst) {
  EXPECT_EQ(may(le(j, i), tile(64, 128)), (Found{0, 128}));
  EXPECT_EQ(must(le(j, i), tile(64, 128)), (Found{0, 65}));
  EXPECT_EQ(may(negated(binary(Op::Gt, j, i)), tile(64, 128)), (Found{0, 128}));
  // aligned to the last row and column
  const Expr aligned = le(j, i + (kColumns - kRows));
  EXPECT_EQ(may(aligned, tile(64, 128, 1100)), (Found{0, 228}));
}

TEST(Live, AFirstTileThatStartsAtZeroIsNotTakenForASize) {
  EXPECT_EQ(may(le(n(1), i - j), tile(0, 1)), (Found{0, 0}));
  EXPECT_EQ(must(either(lt(i, n(1)), le(j, i)), tile(0, 1)), (Found{0, 1000}));
  EXPECT_EQ(may(lt(i, n(1)), tile(0, 1)), (Found{0, 1000}));
  EXPECT_EQ(may(negated(lt(i, n(1))), tile(0, 1)).hi, 0);
}

TEST(Live, AWindowHasTwoBounds) {
  const Expr window = both(le(j, i), lt(i - j, n(32)));
  EXPECT_EQ(may(window, tile(64, 128)), (Found{33, 128}));
  EXPECT_EQ(must(window, tile(64, 80)), (Found{48, 65}));
  const Expr around = lt(unary(Op::Abs, i - j), symbol("w"));
  EXPECT_EQ(may(around, tile(64, 66)), (Found{58, 72}));
  EXPECT_EQ(must(around, tile(64, 66)), (Found{59, 71}));
}

TEST(Live, APrefixJoinsTheTriangleOnlyWhereTheyTouch) {
  const Expr prefix = either(le(j, i), lt(j, n(100)));
  EXPECT_EQ(may(prefix, tile(0, 64)), (Found{0, 100}));
  EXPECT_EQ(must(prefix, tile(200, 264)), (Found{0, 201}));
  const Expr gap = either(lt(j, n(10)), le(i + n(5), j));
  EXPECT_EQ(must(gap, tile(100, 101)), (Found{105, 1000}));
  EXPECT_EQ(must(gap, tile(995, 996, 1000)), (Found{0, 10}));
}

TEST(Live, ChunksAreBoundedByMultiples) {
  const Expr same = eq(chunk(i, 16), chunk(j + n(3), 16));
  EXPECT_EQ(may(same, tile(16, 33)), (Found{13, 45}));
  EXPECT_EQ(must(same, tile(16, 33)).lo, 29);
  EXPECT_EQ(must(same, tile(16, 32)), (Found{13, 29}));
}

TEST(Live, BoundsMayBeLoads) {
  EXPECT_EQ(may(lt(j, kLengths), tile(0, 64)), (Found{0, 33}));
  EXPECT_EQ(must(lt(j, kLengths), tile(0, 64)), (Found{0, 33}));
  const Expr per_row = lt(j, load("limits", {i}, Type::Int));
  EXPECT_EQ(may(per_row, tile(0, 64)), (Found{0, 1000}));
  EXPECT_EQ(must(per_row, tile(0, 64)), (Found{0, 0}));
}

TEST(Live, UnknownTermsLeaveTheRestStanding) {
  const Expr unknown = load("mask", {i, j}, Type::Bool);
  EXPECT_EQ(may(both(unknown, le(j, i)), tile(64, 128)), (Found{0, 128}));
  EXPECT_EQ(must(either(unknown, le(j, i)), tile(64, 128)), (Found{0, 65}));
  const LoopRange nothing = must_hold(both(unknown, le(j, i)), j, row_tile());
  EXPECT_TRUE(nothing.hi && is_const(nothing.hi, 0));
  const LoopRange all = may_hold(unknown, j, row_tile());
  EXPECT_FALSE(all.lo || all.hi);
}

TEST(Live, AMaskStoredAsANumberIsStillACondition) {
  const Expr one = constant(1, Type::F32), zero = constant(0, Type::F32);
  const Expr killed = eq(where(le(j, i), one, zero), zero);
  EXPECT_EQ(may(negated(killed), tile(64, 128)), (Found{0, 128}));
  EXPECT_EQ(must(binary(Op::Ne, cast(le(j, i), Type::Int), n(0)), tile(64, 128)), (Found{0, 65}));
}

// ---- random predicates against all points

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Expr predicate(int depth) {
    if (depth == 0) return comparison();
    switch (pick(8)) {
      case 0:
      case 1:
        return both(predicate(depth - 1), predicate(depth - 1));
      case 2:
      case 3:
        return either(predicate(depth - 1), predicate(depth - 1));
      case 4:
        return negated(predicate(depth - 1));
      case 5:
        return binary(Op::Xor, predicate(depth - 1), predicate(depth - 1));
      case 6:
        return where(predicate(depth - 1), predicate(depth - 1), predicate(depth - 1));
      default:
        return comparison();
    }
  }

  int pick(int count) { return static_cast<int>(random_() % count); }

 private:
  Expr comparison() {
    constexpr Op kOps[] = {Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::Eq, Op::Ne};
    const Op op = kOps[pick(6)];
    if (pick(10) == 0) return load("flag", {b}, Type::Bool);
    return binary(op, index(2), index(2));
  }

  Expr index(int depth) {
    const Expr small = n(pick(9) - 3);
    if (depth == 0) {
      const Expr atoms[] = {j, j, i, small, symbol("w"), kLengths, b};
      return atoms[pick(7)];
    }
    const Expr x = index(depth - 1);
    switch (pick(10)) {
      case 0:
        return x + index(depth - 1);
      case 1:
        return x - index(depth - 1);
      case 2:
        return x * small;
      case 3:
        return chunk(x, 1 + pick(5));
      case 4:
        return binary(Op::Mod, x, n(1 + pick(5)));
      case 5:
        return unary(Op::Abs, x);
      case 6:
        return binary(pick(2) ? Op::Max : Op::Min, x, index(depth - 1));
      case 7:
        return where(lt(i, small), x, small);
      default:
        return x;
    }
  }

  std::mt19937 random_;
};

class RandomLive : public ::testing::TestWithParam<unsigned> {};

TEST_P(RandomLive, MayIsASupersetAndMustASubset) {
  Generator make(GetParam());
  for (int trial = 0; trial < 40; ++trial) {
    const Expr p = make.predicate(1 + make.pick(3));
    const int64_t rows = 1 + make.pick(12), columns = 1 + make.pick(14);
    const int64_t lo = make.pick(static_cast<int>(rows));
    const int64_t hi = lo + 1 + make.pick(static_cast<int>(rows - lo));
    Point at_point{{{"Sq", rows},
                    {"Sk", columns},
                    {"i.lo", lo},
                    {"i.hi", hi},
                    {"B", 3},
                    {"b", make.pick(3)},
                    {"w", 1 + make.pick(6)},
                    {"seq_len", make.pick(12)},
                    {"flag", make.pick(2)}}};
    const Found outer = may(p, at_point), inner = must(p, at_point);
    for (int64_t column = 0; column < columns; ++column) {
      int64_t holds = 0;
      at_point.values["j"] = column;
      for (int64_t row = lo; row < hi; ++row) {
        at_point.values["i"] = row;
        holds += at_point(p);
      }
      if (column < outer.lo || column >= outer.hi) {
        ASSERT_EQ(holds, 0) << print(p) << " at j " << column << ", outside " << outer.lo << ".."
                            << outer.hi << " for rows " << lo << ".." << hi;
      }
      if (column >= inner.lo && column < inner.hi) {
        ASSERT_EQ(holds, hi - lo) << print(p) << " at j " << column << ", inside " << inner.lo
                                  << ".." << inner.hi << " for rows " << lo << ".." << hi;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomLive, ::testing::Range(0u, 5u));

}  // namespace
}  // namespace flashlight::analysis
