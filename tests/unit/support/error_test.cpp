#include "support/error.h"

#include <gtest/gtest.h>

namespace flashlight {
namespace {

TEST(Error, RefusedNamesTheNodeAndTheReason) {
  const Refused refused("aten.cumsum", "a scan is not a reduction");
  EXPECT_EQ(refused.node(), "aten.cumsum");
  EXPECT_EQ(refused.reason(), "a scan is not a reduction");
  EXPECT_STREQ(refused.what(), "aten.cumsum: a scan is not a reduction");
}

TEST(Error, CompileErrorCarriesTheLog) {
  const CompileError error("c++ failed", "kernel.cpp:1: error");
  EXPECT_EQ(error.message(), "c++ failed");
  EXPECT_EQ(error.log(), "kernel.cpp:1: error");
  EXPECT_STREQ(error.what(), "c++ failed\nkernel.cpp:1: error");
  EXPECT_STREQ(CompileError("no compiler").what(), "no compiler");
}

TEST(Error, AFailedCheckSaysWhereAndWhat) {
  try {
    FLASHLIGHT_CHECK(1 == 2, "sums " + std::to_string(3));
    FAIL() << "did not throw";
  } catch (const InternalError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("error_test.cpp:"), std::string::npos) << what;
    EXPECT_NE(what.find("sums 3 (1 == 2)"), std::string::npos) << what;
  }
}

TEST(Error, APassedCheckDoesNotBuildItsMessage) {
  bool built = false;
  FLASHLIGHT_CHECK(true, (built = true, std::string()));
  EXPECT_FALSE(built);
}

}  // namespace
}  // namespace flashlight
