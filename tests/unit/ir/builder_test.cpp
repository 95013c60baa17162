#include "ir/builder.h"

#include <gtest/gtest.h>

#include "ir/interpret.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

Expr c(int64_t v) { return constant(v); }
std::vector<Expr> shape(std::vector<int64_t> sizes) {
  std::vector<Expr> out;
  for (int64_t n : sizes) out.push_back(c(n));
  return out;
}

std::vector<int64_t> sizes_of(const Tensor& t) {
  std::vector<int64_t> out;
  for (Expr e : t.shape) out.push_back(evaluate(e, {}));
  return out;
}

/// A builder with inputs that hold values, for looking at what its calls compute.
class Bench : public Builder {
 public:
  Tensor given(DType dtype, std::vector<int64_t> sizes, std::vector<double> data) {
    arrays_.push_back({sizes, std::move(data)});
    return input("in" + std::to_string(arrays_.size()), dtype, shape(sizes));
  }
  /// 0, 1, 2 ...
  Tensor ramp(std::vector<int64_t> sizes) {
    std::vector<double> data(make_array(sizes).data.size());
    for (size_t n = 0; n < data.size(); ++n) data[n] = static_cast<double>(n);
    return given(DType::F32, sizes, data);
  }
  std::vector<double> values(const Tensor& t) {
    Builder copy = *this;
    copy.output(t);
    return interpret(copy.finish(), arrays_, {})[0].data;
  }

 private:
  std::vector<Array> arrays_;
};

using Values = std::vector<double>;

TEST(Builder, PointwiseBroadcastsAndPromotes) {
  Bench b;
  const Tensor a = b.ramp({2, 1}), n = b.given(DType::I32, {3}, {1, 2, 3});
  const Tensor sum = b.map(Op::Add, {a, n}, DType::F32);
  EXPECT_EQ(sizes_of(sum), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b.values(sum), (Values{1, 2, 3, 2, 3, 4}));
  EXPECT_EQ(b.values(b.map(Op::Lt, {a, n}, DType::Bool)), (Values{1, 1, 1, 0, 1, 1}));
  EXPECT_EQ(b.values(b.map(Op::Div, {n, n}, DType::F32)), (Values{1, 1, 1}));
  EXPECT_EQ(b.values(b.map(Op::Not, {n}, DType::Bool)), (Values{0, 0, 0}));
  const Tensor half = b.map(Op::Div, {n, b.full({}, c(2), DType::I64)}, DType::F32);
  EXPECT_EQ(b.values(b.map(Op::Floor, {half}, DType::I64)), (Values{0, 1, 1}));
  const Tensor chosen = b.where(b.map(Op::Gt, {a, n}, DType::Bool), a, n, DType::F32);
  EXPECT_EQ(b.values(chosen), (Values{1, 2, 3, 1, 2, 3}));
  EXPECT_THROW(b.map(Op::Add, {n, b.ramp({2})}, DType::F32), Refused);
}

TEST(Builder, PointwiseTakesAnyScalarExpression) {
  Bench b;
  const Expr x = symbol("arg0", Type::F32), y = symbol("arg1", Type::F32);
  const Tensor t = b.pointwise({b.ramp({2}), b.ramp({1})}, x * x + y, DType::F64);
  EXPECT_EQ(t.dtype, DType::F64);
  EXPECT_EQ(b.values(t), (Values{0, 1}));
}

TEST(Builder, Reductions) {
  Bench b;
  const Tensor a = b.ramp({2, 3});
  EXPECT_EQ(b.values(b.reduce(Reduce::Sum, a, {1}, false, DType::F32)), (Values{3, 12}));
  const Tensor kept = b.reduce(Reduce::Max, a, {-2}, true, DType::F32);
  EXPECT_EQ(sizes_of(kept), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(b.values(kept), (Values{3, 4, 5}));
  EXPECT_EQ(b.values(b.reduce(Reduce::Sum, a, {0, 1}, false, DType::F32)), (Values{15}));
  EXPECT_EQ(b.values(b.reduce(Reduce::All, a, {1}, false, DType::Bool)), (Values{0, 1}));
  EXPECT_THROW(b.reduce(Reduce::Sum, a, {2}, false, DType::F32), Refused);
  EXPECT_THROW(b.reduce(Reduce::Any, a, {1}, false, DType::F32), Refused);
}

TEST(Builder, MatmulFollowsPyTorch) {
  Bench b;
  const Tensor a = b.ramp({2, 3}), v = b.ramp({3}), batch = b.ramp({2, 1, 3, 1});
  EXPECT_EQ(b.values(b.matmul(a, v, DType::F32)), (Values{5, 14}));
  EXPECT_EQ(b.values(b.matmul(v, v, DType::F32)), (Values{5}));
  EXPECT_EQ(b.values(b.matmul(v, b.ramp({3, 2}), DType::F32)), (Values{10, 13}));
  const Tensor wide = b.matmul(a, batch, DType::F32);
  EXPECT_EQ(sizes_of(wide), (std::vector<int64_t>{2, 1, 2, 1}));
  EXPECT_EQ(b.values(wide), (Values{5, 14, 14, 50}));
  EXPECT_THROW(b.matmul(a, b.ramp({2, 3}), DType::F32), Refused);
}

TEST(Builder, ContractIsEinsum) {
  Bench b;
  const Tensor a = b.ramp({2, 3}), v = b.ramp({3});
  EXPECT_EQ(b.values(b.contract({a, v}, {{0, 1}, {1}}, {1, 0}, DType::F32)),
            (Values{0, 0, 1, 4, 4, 10}));
  EXPECT_EQ(b.values(b.contract({b.ramp({2, 2})}, {{0, 0}}, {}, DType::F32)), (Values{3}));
  EXPECT_THROW(b.contract({a}, {{0, 1}}, {2}, DType::F32), Refused);
  EXPECT_THROW(b.contract({a}, {{0}}, {0}, DType::F32), Refused);
}

TEST(Builder, ViewsKeepRowMajorOrder) {
  const std::vector<std::vector<int64_t>> shapes = {{24},      {1, 24},      {4, 6},   {6, 4},
                                                    {2, 3, 4}, {4, 1, 3, 2}, {3, 8, 1}};
  for (const auto& from : shapes)
    for (const auto& to : shapes) {
      Bench b;
      const Tensor a = b.ramp(from);
      EXPECT_EQ(b.values(b.view(a, shape(to))), b.values(a));
    }
}

TEST(Builder, AViewMaySolveForOneSize) {
  Bench b;
  EXPECT_EQ(sizes_of(b.view(b.ramp({4, 6}), shape({3, -1, 2}))), (std::vector<int64_t>{3, 4, 2}));
  EXPECT_THROW(b.view(b.ramp({4, 6}), shape({5, -1})), Refused);
  EXPECT_THROW(b.view(b.ramp({4, 6}), shape({-1, -1})), Refused);
  EXPECT_THROW(b.view(b.ramp({4, 6}), shape({5, 5})), Refused);
}

TEST(Builder, ASymbolicViewFindsTheAxesAgain) {
  Builder b;
  const Expr B = b.add_symbol("B", 2), H = b.add_symbol("H", 4), S = b.add_symbol("S", 16);
  const Tensor x = b.input("x", DType::F32, {B, H, S, c(64)});
  const Tensor flat = b.as("flat").view(x, {B * H, S, c(64)});
  b.output(b.as("back").view(flat, {B, H, S, c(64)}));
  const Program p = b.finish();
  const std::vector<Expr>& i = p.computations[1].axes;
  EXPECT_EQ(p.computations[1].body, load("flat", {i[0] * H + i[1], i[2], i[3]}, Type::F32));
  const std::vector<Expr>& j = p.computations[0].axes;
  EXPECT_EQ(
      p.computations[0].body,
      load("x", {binary(Op::FloorDiv, j[0], H), binary(Op::Mod, j[0], H), j[1], j[2]}, Type::F32));
  EXPECT_THROW(b.view(x, {B * S, H, c(32)}), Refused);
}

TEST(Builder, GroupedHeadsAreViewsByADividedSize) {
  Builder b;
  const Expr s25 = b.add_symbol("s25", 2), s34 = b.add_symbol("s34", 6),
             s85 = b.add_symbol("s85", 3), s0 = b.add_symbol("s0", 5), s77 = b.add_symbol("s77", 4);
  const Expr group = binary(Op::FloorDiv, s34, s25);
  const Tensor q = b.input("q", DType::F32, {s85, s34, s0, s77});
  const Tensor rows = b.as("rows").view(q, {s25 * s85, s0 * group, s77});
  b.output(rows);
  const Program p = b.finish();
  Array a = make_array({3, 6, 5, 4});
  for (size_t n = 0; n < a.data.size(); ++n) a.data[n] = static_cast<double>(n);
  EXPECT_EQ(interpret(p, {a}, hints(p))[0].data, a.data);
  EXPECT_EQ(parse(print(p)), p);
  // The same sizes without a division that promises anything: not equal.
  EXPECT_THROW(b.view(q, {s85, s25, s0, s77}), Refused);
  EXPECT_NO_THROW(b.map(Op::Add, {b.view(q, {s85, s25 * group, s0, s77}), q}, DType::F32));
}

TEST(Builder, ReindexingViews) {
  Bench b;
  const Tensor a = b.ramp({2, 3});
  EXPECT_EQ(b.values(b.permute(a, {1, 0})), (Values{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(b.values(b.expand(b.ramp({2, 1}), shape({2, -1, 2}))),
            (Values{0, 0, 1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(sizes_of(b.unsqueeze(a, -1)), (std::vector<int64_t>{2, 3, 1}));
  EXPECT_EQ(sizes_of(b.squeeze(b.ramp({1, 3, 1}), {0, 1, -1})), (std::vector<int64_t>{3}));
  EXPECT_EQ(b.values(b.slice(a, 1, c(1), c(1), c(2))), (Values{1, 4}));
  EXPECT_EQ(b.values(b.slice(a, -1, c(0), c(2), c(2))), (Values{0, 2, 3, 5}));
  EXPECT_EQ(b.values(b.select(a, 0, c(1))), (Values{3, 4, 5}));
  EXPECT_EQ(b.values(b.flip(a, {0, -1})), (Values{5, 4, 3, 2, 1, 0}));
  EXPECT_THROW(b.permute(a, {0, 0}), Refused);
  EXPECT_THROW(b.permute(a, {0}), Refused);
  EXPECT_THROW(b.expand(a, shape({2, 4})), Refused);
  EXPECT_THROW(b.expand(a, shape({3})), Refused);
}

TEST(Builder, CatChoosesThePartByPosition) {
  Bench b;
  const Tensor a = b.ramp({2, 1}), d = b.ramp({2, 2}), none = b.ramp({0});
  EXPECT_EQ(b.values(b.cat({a, none, d, a}, -1)), (Values{0, 0, 1, 0, 1, 2, 3, 1}));
  EXPECT_EQ(b.values(b.cat({d, d}, 0)), (Values{0, 1, 2, 3, 0, 1, 2, 3}));
  EXPECT_THROW(b.cat({a, d}, 0), Refused);
  EXPECT_THROW(b.cat({}, 0), Refused);
}

TEST(Builder, IotaAndFull) {
  Bench b;
  EXPECT_EQ(b.values(b.iota(c(4), c(3), c(-2), DType::I64)), (Values{3, 1, -1, -3}));
  EXPECT_EQ(b.values(b.iota(c(2), c(0), c(1), DType::F32)), (Values{0, 1}));
  EXPECT_EQ(b.values(b.full(shape({2}), constant(0.5, Type::F32), DType::F32)), (Values{0.5, 0.5}));
}

TEST(Builder, IndirectLoads) {
  Bench b;
  const Tensor a = b.ramp({3, 2}), n = b.given(DType::I64, {2}, {2, 0});
  EXPECT_EQ(b.values(b.index_select(a, 0, n)), (Values{4, 5, 0, 1}));
  EXPECT_EQ(b.values(b.embedding(a, n)), (Values{4, 5, 0, 1}));
  const Tensor m = b.given(DType::I64, {2, 2}, {0, 2, 1, 1});
  EXPECT_EQ(b.values(b.gather(a, 0, m)), (Values{0, 5, 2, 3}));
  EXPECT_THROW(b.gather(a, 0, n), Refused);
  EXPECT_THROW(b.embedding(a, a), Refused);
}

TEST(Builder, IndexFollowsPyTorch) {
  Bench b;
  const Tensor a = b.ramp({2, 3, 4});
  const Tensor i = b.given(DType::I64, {2}, {1, -1}), j = b.given(DType::I64, {2}, {-1, 0});
  const auto none = std::nullopt;
  // Adjacent index tensors stand where they stood: a[:, i, j].
  const Tensor adjacent = b.index(a, {none, i, j});
  EXPECT_EQ(sizes_of(adjacent), (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(b.values(adjacent), (Values{7, 8, 19, 20}));
  // Others go to the front: a[i, :, j].
  const Tensor apart = b.index(a, {i, none, j});
  EXPECT_EQ(sizes_of(apart), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b.values(apart), (Values{15, 19, 23, 12, 16, 20}));
  // They broadcast: a[i[:, None], j] keeps the last dimension.
  const Tensor grid = b.index(a, {b.unsqueeze(i, 1), j});
  EXPECT_EQ(sizes_of(grid), (std::vector<int64_t>{2, 2, 4}));
  EXPECT_EQ(b.values(b.select(grid, 2, c(0))), (Values{20, 12, 20, 12}));
  EXPECT_THROW(b.index(a, {b.given(DType::Bool, {2}, {1, 0})}), Refused);
}

TEST(Builder, AnIndexKnownToCountFromTheFrontIsNotWrapped) {
  Builder b;
  const Tensor a = b.input("a", DType::F32, shape({8}));
  const Tensor n = b.iota(c(4), c(1), c(2), DType::I64);
  b.output(b.as("known").index(a, {b.unsqueeze(n, 0)}));
  const Tensor below = b.iota(c(4), c(-1), c(1), DType::I64);
  b.output(b.as("unknown").index(a, {below}));
  const Program p = b.finish();
  EXPECT_EQ(print(p.computation("known")->body).find("where"), std::string::npos);
  EXPECT_NE(print(p.computation("unknown")->body).find("where"), std::string::npos);
}

TEST(Builder, NamesAreUniqueAndAnInputMayBeAnOutput) {
  Builder b;
  const Tensor a = b.input("a", DType::BF16, shape({4}));
  EXPECT_THROW(b.as("a"), Refused);
  EXPECT_THROW(b.input("a", DType::F32, {}), Refused);
  EXPECT_EQ(b.as("named").cast(a, DType::F32).name, "named");
  b.output(a);
  const Program p = b.finish();
  EXPECT_EQ(p.computation(p.outputs[0].name)->dtype, DType::BF16);
}

}  // namespace
}  // namespace flashlight::ir
