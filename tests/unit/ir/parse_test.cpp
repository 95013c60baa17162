#include <gtest/gtest.h>

#include "ir/program.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

std::string complaint(const std::string& text) {
  try {
    parse(text);
  } catch (const Refused& e) {
    return e.reason();
  }
  return "";
}

// A program whose one body is `body`.
std::string with_body(const std::string& body) {
  return "symbol S = 4\ninput x : f32[S]\ncompute y[i:S] : f32 = " + body + "\noutput y\n";
}

TEST(Parse, AcceptsFreeLayoutAndComments) {
  const Program p = parse(
      "# sizes\nsymbol S=4 input x:f32[S]\ncompute y[i:S]:f32=\n x[i]*-2.0 # twice\n"
      "output y");
  EXPECT_EQ(p, parse(with_body("x[i] * -2.0")));
}

TEST(Parse, PercentIsALetBeforeAnOperandAndModuloAfterOne) {
  const Program p = parse(with_body("%0 = i%2; %1 = %0 %3; f32(%1 + %0)"));
  const Expr i = p.computations[0].axes[0];
  const Expr m = binary(Op::Mod, i, constant(int64_t{2}));
  EXPECT_EQ(p.computations[0].body, cast(binary(Op::Mod, m, constant(int64_t{3})) + m, Type::F32));
}

TEST(Parse, AReductionIsNoLoadOfThatName) {
  const Program p = parse(
      "input max : f32[4]\ncompute y[i:4] : f32 = max[i] + 1.0\n"
      "compute z[] : f32 = max[i:4] max[i]\noutput z");
  EXPECT_EQ(p.computations[0].op, Reduce::None);
  EXPECT_EQ(p.computations[1].op, Reduce::Max);
}

TEST(Parse, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(complaint("input x : f33[4]"), "line 1, column 11: no dtype: f33");
  EXPECT_EQ(complaint("symbol S = 4\n  inputs x"),
            "line 2, column 3: expected symbol, input, compute or output, not inputs");
  EXPECT_EQ(complaint("symbol S = x"), "line 1, column 12: expected an integer");
  EXPECT_EQ(complaint("symbol S = 99999999999999999999"), "line 1, column 12: integer too large");
  EXPECT_EQ(complaint("input x $"), "line 1, column 9: unexpected '$'");
  EXPECT_EQ(complaint(with_body("x[i")), "line 4, column 1: expected ']'");
  EXPECT_EQ(complaint(with_body("z[i]")), "line 3, column 24: unknown tensor z");
  EXPECT_EQ(complaint(with_body("x[k]")), "line 3, column 26: unknown name k");
  EXPECT_EQ(complaint(with_body("foo(i)")), "line 3, column 24: unknown function foo");
  EXPECT_EQ(complaint(with_body("exp(i, i)")), "line 3, column 24: exp takes 1 arguments");
  EXPECT_EQ(complaint(with_body("%1 + 1.0")), "line 3, column 24: used before it is defined");
}

TEST(Parse, TypesAndStructureAreCheckedToo) {
  EXPECT_NE(complaint(with_body("x[i] + 1")).find("line 3, column 29"), std::string::npos);
  EXPECT_NE(complaint(with_body("x[i, i]")).find("rank of the load"), std::string::npos);
  EXPECT_NE(complaint(with_body("i")).find("not that of its dtype"), std::string::npos);
  EXPECT_NE(complaint("output y").find("is no computation"), std::string::npos);
  EXPECT_EQ(complaint(with_body("x[i] + 1.0")), "");
}

TEST(Parse, DeepNestingIsRefusedAndDoesNotOverflow) {
  const auto nested = [](int n) {
    return with_body(std::string(n, '(') + "x[i]" + std::string(n, ')'));
  };
  EXPECT_EQ(complaint(nested(400)), "");
  EXPECT_NE(complaint(nested(100000)).find("nested too deeply"), std::string::npos);
  EXPECT_NE(complaint(with_body(std::string(100000, '-') + "x[i]")).find("nested too deeply"),
            std::string::npos);
}

TEST(Parse, NoPrefixOfAProgramCrashes) {
  const std::string text = with_body("%0 = x[i // 2]; where(i % 2 < 1, %0 * %0, -inf)");
  for (size_t n = 0; n < text.size(); ++n) {
    try {
      parse(text.substr(0, n));
    } catch (const Refused&) {
    }
  }
  EXPECT_EQ(complaint(text), "");
}

}  // namespace
}  // namespace flashlight::ir
