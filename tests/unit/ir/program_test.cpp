#include <gtest/gtest.h>

#include <functional>

#include "ir/program.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

const Expr S = symbol("S");
const Expr i = axis("i", S), j = axis("j", constant(int64_t{8}));

Program row_sums() {
  Program p;
  p.symbols = {{"S", 5}};
  p.inputs = {{"x", DType::BF16, {S, constant(int64_t{8})}}};
  p.computations = {{"y", DType::F32, {i}, Reduce::Sum, {j}, load("x", {i, j}, Type::F32)}};
  p.outputs = {{"y", {0}}};
  return p;
}

// The message of verify after `change`, "" if it passes.
std::string complaint(const std::function<void(Program&)>& change) {
  Program p = row_sums();
  change(p);
  try {
    verify(p);
  } catch (const InternalError& e) {
    return e.what();
  }
  return "";
}

#define EXPECT_COMPLAINT(text, change)                                            \
  do {                                                                            \
    const std::string what = complaint([](Program& p) { change; });               \
    EXPECT_NE(what.find(text), std::string::npos) << "message: '" << what << "'"; \
  } while (false)

TEST(Verify, AcceptsAWellFormedProgram) {
  EXPECT_EQ(complaint([](Program&) {}), "");
}

TEST(Verify, NamesTheFirstThingWrong) {
  EXPECT_COMPLAINT("unknown symbol S", p.symbols.clear());
  EXPECT_COMPLAINT("'x' is defined twice", p.computations[0].name = "x");
  EXPECT_COMPLAINT("'2y' is no name", p.computations[0].name = "2y");
  EXPECT_COMPLAINT("'inf' is no name", p.inputs[0].name = "inf");
  EXPECT_COMPLAINT("axis j is used but not bound", p.computations[0].reduce_axes = {axis("k", S)});
  EXPECT_COMPLAINT("binds axis i twice", p.computations[0].reduce_axes.push_back(i));
  EXPECT_COMPLAINT("has the name of a symbol", p.computations[0].axes = {axis("S", S)});
  EXPECT_COMPLAINT("reduction and reduce axes disagree", p.computations[0].op = Reduce::None);
  EXPECT_COMPLAINT("type of the reduction", p.computations[0].op = Reduce::Any);
  EXPECT_COMPLAINT("not that of its dtype", p.computations[0].dtype = DType::I32);
  EXPECT_COMPLAINT("is no computation", p.outputs[0].name = "x");
  EXPECT_COMPLAINT("order does not have the rank", p.outputs[0].order = {});
  EXPECT_COMPLAINT("order is no permutation", p.outputs[0].order = {1});
  EXPECT_COMPLAINT("an axis or a load in extent", p.inputs[0].shape[0] = i);
}

TEST(Verify, ALoadMustFitWhatIsDefinedBeforeIt) {
  EXPECT_COMPLAINT("loads z", p.computations[0].body = load("z", {i}, Type::F32));
  EXPECT_COMPLAINT("loads y", p.computations[0].body = load("y", {i}, Type::F32));
  EXPECT_COMPLAINT("rank of the load x[i]", p.computations[0].body = load("x", {i}, Type::F32));
  EXPECT_COMPLAINT("type of the load",
                   p.computations[0].body = cast(load("x", {i, j}, Type::F64), Type::F32));
}

TEST(Evaluate, ComputesSizes) {
  const Expr half = binary(Op::FloorDiv, S + constant(int64_t{1}), constant(int64_t{2}));
  EXPECT_EQ(evaluate(half * S, {{"S", 5}}), 15);
  EXPECT_EQ(evaluate(half, hints(row_sums())), 3);
  EXPECT_THROW(evaluate(S, {}), InternalError);
  EXPECT_THROW(evaluate(i, {{"S", 5}}), InternalError);
  EXPECT_THROW(evaluate(binary(Op::Mod, S, S - S * constant(int64_t{1})), {{"S", 5}}), Refused);
  EXPECT_THROW(evaluate(S * S, {{"S", int64_t{1} << 40}}), Refused);
}

TEST(Reduce, IdentitiesAreNeutral) {
  for (Reduce op : {Reduce::Sum, Reduce::Prod, Reduce::Max, Reduce::Min}) {
    const Expr three = constant(3.0, Type::F64);
    EXPECT_EQ(reduce_combine(op, reduce_identity(op, Type::F64), three), three);
    EXPECT_EQ(reduce_combine(op, reduce_identity(op, Type::Int), constant(int64_t{3})),
              constant(int64_t{3}));
  }
  for (bool value : {false, true})
    for (Reduce op : {Reduce::Any, Reduce::All})
      EXPECT_EQ(reduce_combine(op, reduce_identity(op, Type::Bool), boolean(value)),
                boolean(value));
}

TEST(DType, TextReadsBack) {
  for (int n = 0; n <= static_cast<int>(DType::F64); ++n) {
    DType t;
    ASSERT_TRUE(dtype_from_text(dtype_text(static_cast<DType>(n)), &t));
    EXPECT_EQ(t, static_cast<DType>(n));
  }
  DType t;
  EXPECT_FALSE(dtype_from_text("f8", &t));
}

}  // namespace
}  // namespace flashlight::ir
