// Every device header stands alone and compiles without a warning, for every instruction set and
// with every compiler at hand: kernels are built on machines that we do not see.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

fs::path device_folder() { return fs::path(FLASHLIGHT_TEST_SOURCES) / "codegen/cpu/device"; }

bool succeeds(const std::string& command) {
  return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
}

std::vector<std::string> compilers() {
  std::vector<std::string> found;
  for (const char* name : {"g++", "clang++", "clang++-16"})
    if (succeeds(std::string(name) + " --version")) found.push_back(name);
  return found;
}

std::vector<std::string> isa_flags() {
#if defined(__x86_64__)
  return {
      "", "-mavx2 -mfma -mf16c",
      "-mavx2 -mfma -mf16c -mavx512f -mavx512vl -mavx512bw -mavx512dq -mprefer-vector-width=512"};
#else
  return {""};
#endif
}

TEST(DeviceHeaders, EachCompilesAloneForEveryIsaWithEveryCompiler) {
  const auto found = compilers();
  if (found.empty()) GTEST_SKIP() << "no compiler";
  for (const std::string& compiler : found) {
    for (const std::string& isa : isa_flags()) {
      for (const auto& item : fs::directory_iterator(device_folder())) {
        const std::string command = compiler + " -std=c++20 -fsyntax-only -Wall -Wextra -Werror " +
                                    isa + " -include " + item.path().string() + " -x c++ /dev/null";
        EXPECT_TRUE(succeeds(command)) << command;
      }
    }
  }
}

// No standard or vendor header: they would double the time to compile a kernel.
TEST(DeviceHeaders, IncludeOnlyEachOther) {
  EXPECT_TRUE(succeeds("test -f " + (device_folder() / "types.h").string()));
  EXPECT_FALSE(succeeds("grep -h '^#include <' " + device_folder().string() + "/*.h"));
}

}  // namespace
