#include "support/env.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace flashlight {
namespace {

/** Sets a variable for one test and puts the old value back. */
class ScopedEnv {
 public:
  ScopedEnv(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, had_ = true;
    setenv(name, value, /*overwrite=*/1);
  }
  ~ScopedEnv() { had_ ? setenv(name_, old_.c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

std::string printed(std::string_view topic, std::string_view text) {
  testing::internal::CaptureStderr();
  debug_print(topic, text);
  return testing::internal::GetCapturedStderr();
}

TEST(Env, ReadsTheValueOfNow) {
  const ScopedEnv first("FLASHLIGHT_CXX", "one");
  EXPECT_EQ(read_env().cxx, "one");
  const ScopedEnv second("FLASHLIGHT_CXX", "two");
  EXPECT_EQ(read_env().cxx, "two");
}

TEST(Env, EveryRowIsNamedOnceAndExplained) {
  std::set<std::string> names;
  for (const EnvRow& row : env_rows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(std::string(row.name).rfind("FLASHLIGHT_", 0), 0u) << row.name;
    EXPECT_FALSE(std::string(row.help).empty()) << row.name;
  }
  EXPECT_TRUE(names.contains("FLASHLIGHT_DEBUG"));
}

TEST(Debug, PrintsNothingUnlessAsked) {
  const ScopedEnv env("FLASHLIGHT_DEBUG", "");
  EXPECT_EQ(printed("passes", "text"), "");
}

TEST(Debug, PrintsTheTopicsAskedFor) {
  const ScopedEnv env("FLASHLIGHT_DEBUG", "passes,cache");
  EXPECT_EQ(printed("passes", "text"), "[flashlight] passes\ntext\n");
  EXPECT_EQ(printed("cache", "line\n"), "[flashlight] cache\nline\n");
  EXPECT_EQ(printed("source", "text"), "");
  EXPECT_EQ(printed("pass", "text"), "");
}

TEST(Debug, AllMeansEveryTopic) {
  const ScopedEnv env("FLASHLIGHT_DEBUG", "all");
  EXPECT_TRUE(debug_wants("source"));
}

}  // namespace
}  // namespace flashlight
