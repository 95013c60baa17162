#include <gtest/gtest.h>

#include "ir/rewrite.h"
#include "support/error.h"
#include "unit/tile/attention_kernel.h"

namespace flashlight::tile {
namespace {

using namespace ir;

class VerifyKernel : public ::testing::Test {
 protected:
  VerifyKernel() : k(test::attention("j <= i", "where(live[i,j], s[h,i,j], -inf)").kernel) {}

  /// verify() throws, and its message says this.
  void expect_wrong(const std::string& message) const {
    try {
      verify(k);
      ADD_FAILURE() << "accepted; expected: " << message;
    } catch (const InternalError& e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
    }
  }

  Kernel k;
  test::Parts a;
};

TEST_F(VerifyKernel, AcceptsAttention) { EXPECT_NO_THROW(verify(k)); }

TEST_F(VerifyKernel, NamesAreDefinedBeforeUse) {
  std::swap(k.passes[0].before[0], k.passes[0].before[1]);
  expect_wrong("loads s before it is made");
}

TEST_F(VerifyKernel, AxesHaveOneRole) {
  k.whole.push_back(a.h);
  expect_wrong("axis h has two roles");
}

TEST_F(VerifyKernel, StatementsHaveAxesOfTheTile) {
  k.prologue[0].axes = {a.i, a.j};
  expect_wrong("statement rows: has axis j");
}

TEST_F(VerifyKernel, BodiesHaveTheirType) {
  k.prologue[0].type = Type::F64;
  expect_wrong("statement rows: type of the body");
}

TEST_F(VerifyKernel, IndicesAreInTheOrderOfTheAxes) {
  k.passes[0].states[0].body = a.f("x", {a.j, a.i});
  k.passes[0].states[0].body_full = a.f("x", {a.j, a.i});
  expect_wrong("not in order");
}

TEST_F(VerifyKernel, ABufferThatWasGivenAwayIsDead) {
  k.passes[0].after.push_back({"late",
                               Type::F32,
                               {a.i, a.j},
                               Reduce::None,
                               {},
                               a.f("s", {a.i, a.j}),
                               Storage::Scratch,
                               ""});
  expect_wrong("loads s, whose buffer was given away");
}

TEST_F(VerifyKernel, AnAliasHasTheSameAxes) {
  k.passes[0].after[0].axes = {a.j, a.i};
  expect_wrong("does not fit in x");
}

TEST_F(VerifyKernel, ReferencesAreReadAfterTheyMoved) {
  k.passes[0].before[1].body = a.f("s", {a.i, a.j}) - a.row("r");
  expect_wrong("uses symbol r");
}

TEST_F(VerifyKernel, ContractionsPartitionTheirAxes) {
  k.passes[0].contractions[0].n = {a.j, a.c};
  expect_wrong("its axes are not batch, m and n");
}

TEST_F(VerifyKernel, ContractionsReduceAsTheirStatementDoes) {
  k.passes[0].contractions[0].op = Reduce::Max;
  expect_wrong("reduces otherwise");
}

TEST_F(VerifyKernel, OperandsEndInTheirColumns) {
  k.packs[1].axes = {a.c, a.j};
  expect_wrong("does not end in c");
}

TEST_F(VerifyKernel, CombineIsOverBothOperands) {
  k.passes[0].contractions[0].combine = a.row("a") * a.row("r");
  expect_wrong("combine is over r");
}

TEST_F(VerifyKernel, PacksDependOnTheFirstGridAxesAlone) {
  k.pack_axes = 0;
  expect_wrong("pack keys: depends on grid axis h");
}

TEST_F(VerifyKernel, StatesHaveABodyOrAContraction) {
  k.passes[0].states[2].body = a.f("p", {a.i, a.j});
  expect_wrong("needs a body or a contraction");
}

TEST_F(VerifyKernel, ReferencesFollowAFinal) {
  k.passes[0].finals.erase(k.passes[0].finals.begin());
  expect_wrong("follows m");
}

TEST_F(VerifyKernel, RangesAreKnownBeforeTheLoop) {
  k.passes[0].live.hi = a.j;
  expect_wrong("uses axis j");
}

TEST_F(VerifyKernel, OutputsHaveTheirDtype) {
  k.outputs[0].dtype = DType::F64;
  expect_wrong("output out: type of the body");
}

}  // namespace
}  // namespace flashlight::tile
