#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "fuzz/random_program.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

const Expr S = symbol("S");
const Expr i = axis("i", S);
const Expr x = load("x", {i}, Type::F32);
Expr c(int64_t v) { return constant(v); }
Expr f(double v) { return constant(v, Type::F32); }

TEST(Print, ReadsLikeIndexNotation) {
  const std::string text =
      "symbol s0 = 8\n"
      "input q : f32[s0, 8, 64]\n"
      "input k : bf16[s0, 8, 64]\n"
      "compute scores[b:s0, i:8, j:8] : f32 = sum[d:64] q[b, i, d] * k[b, j, d]\n"
      "compute p[b:s0, i:8, j:8] : f32 =\n"
      "    %0 = exp(scores[b, i, j]);\n"
      "    where(j <= i, %0 / (%0 + 1.0), 0.0)\n"
      "output p order(0, 2, 1)\n"
      "output scores\n";
  EXPECT_EQ(print(parse(text)), text);
}

TEST(Print, ParenthesesKeepTheTree) {
  EXPECT_EQ(print((i + c(1)) * (i - (S - c(2)))), "(i + 1) * (i - (S - 2))");
  EXPECT_EQ(print(binary(Op::FloorDiv, i, binary(Op::Mod, S, c(3)))), "i // (S % 3)");
  EXPECT_EQ(print(i * S * c(2)), "i * S * 2");
  EXPECT_EQ(print(x / (x * f(2))), "%0 = x[i]; %0 / (%0 * 2.0)");
  EXPECT_EQ(print(binary(Op::Max, unary(Op::Neg, x), f(0))), "max(neg(x[i]), 0.0)");
}

TEST(Print, ConstantsSayTheirType) {
  EXPECT_EQ(print(c(3)), "3");
  EXPECT_EQ(print(f(3)), "3.0");
  EXPECT_EQ(print(f(0.1)), "0.1");
  EXPECT_EQ(print(constant(3.0, Type::F64)), "f64(3.0)");
  EXPECT_EQ(print(f(-std::numeric_limits<double>::infinity())), "-inf");
  EXPECT_EQ(print(f(-0.0)), "-0.0");
  EXPECT_EQ(print(boolean(true)), "true");
}

TEST(Print, SharingKeepsTextShort) {
  Expr e = x;
  for (int n = 0; n < 100; ++n) e = e * e;
  EXPECT_LT(print(e).size(), 3000u);
}

TEST(Hash, IsOfTheTextAlone) {
  const auto program = [](double scale) {
    Program p;
    p.inputs = {{"x", DType::F32, {S}}};
    p.symbols = {{"S", 4}};
    p.computations = {{"y", DType::F32, {i}, Reduce::None, {}, x * f(scale)}};
    p.outputs = {{"y", {0}}};
    return p;
  };
  EXPECT_EQ(hash(program(2)), hash(parse(print(program(2)))));
  EXPECT_NE(hash(program(2)), hash(program(3)));
  EXPECT_EQ(hash(program(2)),
            "adceaa1f116c2e7bbe308580dfb0a638");  // fixed: it names files in caches
}

TEST(Print, RandomAttentionReadsBack) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Program p = fuzz::random_program(seed).program;
    ASSERT_EQ(parse(print(p)), p) << "seed " << seed << "\n" << print(p);
  }
}

// Any well-typed body over every op, with constants of all kinds and much sharing.
class RandomBody {
 public:
  explicit RandomBody(uint64_t seed) : rng_(seed) {
    pool_ = {x, load("y", {i}, Type::F64), i, S, boolean(true), f(-0.0), f(1e-300), f(0.1)};
    pool_.push_back(c(std::numeric_limits<int64_t>::min()));
    pool_.push_back(c(-3));
    for (double v : {HUGE_VAL, -HUGE_VAL, std::nan(""), 1.0 / 3})
      for (Type t : {Type::F32, Type::F64}) pool_.push_back(constant(v, t));
  }

  Expr run() {
    constexpr Type kTypes[] = {Type::Bool, Type::Int, Type::F32, Type::F64};
    for (int n = 0; n < 40; ++n) {
      const Op op = static_cast<Op>(static_cast<int>(Op::Where) + rng_() % kOps);
      const Expr a = any();
      if (op == Op::Where)
        pool_.push_back(where(of(Type::Bool), a, of(a->type)));
      else if (op == Op::Cast)
        pool_.push_back(cast(a, kTypes[rng_() % 4]));
      else
        apply(op, a);
    }
    return pool_.back();
  }

 private:
  static constexpr int kOps = static_cast<int>(Op::Xor) - static_cast<int>(Op::Where) + 1;

  Expr any() { return pool_[rng_() % pool_.size()]; }
  Expr of(Type type) {
    Expr e = any();
    while (e->type != type) e = any();
    return e;
  }
  // Ops whose type rule `a` does not meet are left out.
  void apply(Op op, Expr a) {
    try {
      pool_.push_back(op_arity(op) == 1 ? unary(op, a) : binary(op, a, of(a->type)));
    } catch (const InternalError&) {
    }
  }

  std::mt19937_64 rng_;
  std::vector<Expr> pool_;
};

TEST(Print, RandomBodiesReadBack) {
  constexpr DType kStored[] = {DType::Bool, DType::I64, DType::F32, DType::F64};
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const Expr body = RandomBody(seed).run();
    Program p;
    p.symbols = {{"S", -4}};
    p.inputs = {{"x", DType::F16, {S}}, {"y", DType::F64, {S}}};
    const DType stored = kStored[static_cast<int>(body->type)];
    p.computations = {{"out", stored, {i}, Reduce::None, {}, body}};
    p.outputs = {{"out", {0}}};
    verify(p);
    ASSERT_EQ(parse(print(p)), p) << "seed " << seed << "\n" << print(p);
  }
}

}  // namespace
}  // namespace flashlight::ir
