#include "runtime/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "unit/runtime/scratch_folder.h"

namespace flashlight::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Process, GivesStatusAndBothOutputs) {
  const auto result = run_process({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, seconds(20));
  EXPECT_TRUE(result.started);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.output, "out\nerr\n");
}

TEST(Process, ArgumentsMeetNoShell) {
  const auto result = run_process({"/bin/echo", "a b", "$HOME", ";", "'"}, seconds(20));
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.output, "a b $HOME ; '\n");
}

TEST(Process, ALongOutputDoesNotBlock) {
  const auto result = run_process({"/bin/sh", "-c", "head -c 1000000 /dev/zero"}, seconds(20));
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.output.size(), 1000000u);
}

TEST(Process, AHangIsEndedWithItsChildren) {
  ScratchFolder scratch;
  const std::string pid_file = (scratch.path / "pid").string();
  const auto result = run_process(
      {"/bin/sh", "-c", "sleep 1000 & echo $! > " + pid_file + "; wait"}, milliseconds(300));
  EXPECT_TRUE(result.timed_out);
  EXPECT_FALSE(result.ok());
  const int child = std::stoi(read_text(pid_file));
  for (int i = 0; i < 200 && kill(child, 0) == 0; i++) {
    // An orphan that nobody reaps stays as a zombie, which is dead too.
    if (read_text("/proc/" + std::to_string(child) + "/stat").find(" Z ") != std::string::npos)
      break;
    ASSERT_LT(i, 199) << "the child still runs";
    usleep(10'000);
  }
}

TEST(Process, AHangWithClosedOutputIsEnded) {
  const auto result =
      run_process({"/bin/sh", "-c", "exec >&- 2>&-; exec sleep 1000"}, milliseconds(300));
  EXPECT_TRUE(result.timed_out);
}

TEST(Process, AMissingProgramIsReported) {
  const auto result = run_process({"/nonexistent/program"}, seconds(20));
  EXPECT_FALSE(result.ok());
  EXPECT_NE(result.output.find("/nonexistent/program"), std::string::npos);
}

TEST(Process, FindsProgramsAlongThePath) {
  ScratchFolder scratch;
  write_text(scratch.path / "tool", "#!/bin/sh\n");
  const ScopedEnv path("PATH", "/nonexistent:" + scratch.path.string());
  EXPECT_EQ(find_program("tool"), "") << "not executable yet";
  std::filesystem::permissions(scratch.path / "tool", std::filesystem::perms::owner_all);
  EXPECT_EQ(find_program("tool"), scratch.path / "tool");
  EXPECT_EQ(find_program("no_such_tool"), "");
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
}

}  // namespace
}  // namespace flashlight::runtime
