#include "runtime/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

extern char** environ;

namespace flashlight::runtime {
namespace {

using Clock = std::chrono::steady_clock;

/** Starts the program with both outputs on `out`; 0 or an errno. */
int spawn(pid_t& pid, const std::vector<std::string>& arguments, int out) {
  std::vector<char*> argv;
  for (const std::string& each : arguments) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, out, 2);
  // A group of its own: a compiler driver starts children, which a timeout must end too.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  const int error = posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

/** Reads until the last writer closes or time is up; false when it is. */
bool read_until(int fd, Clock::time_point deadline, std::string& text) {
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd item{fd, POLLIN, 0};
    const int ready = poll(&item, 1, static_cast<int>(std::min<int64_t>(left.count(), 1 << 30)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return false;
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    text.append(buffer, static_cast<size_t>(n));
  }
}

/** The exit status. Its output is closed, so it is about to end; but it may also have closed its
 *  output and hang, hence the deadline. */
int wait_until(pid_t pid, Clock::time_point deadline, bool& timed_out) {
  for (;;) {
    int status = 0;
    const pid_t done = waitpid(pid, &status, WNOHANG);
    if (done == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    // A host that ignores SIGCHLD has reaped it: judge by what it made, not by its status.
    if (done < 0 && errno == ECHILD) return 0;
    if (Clock::now() >= deadline) {
      timed_out = true;
      kill(-pid, SIGKILL);
      deadline = Clock::time_point::max();
    }
    usleep(200);
  }
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments,
                          std::chrono::milliseconds timeout) {
  ProcessResult result;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    result.output = std::strerror(errno);
    return result;
  }
  pid_t pid = 0;
  const int error = spawn(pid, arguments, ends[1]);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    result.output = arguments[0] + ": " + std::strerror(error);
    return result;
  }
  result.started = true;
  const auto deadline = Clock::now() + timeout;
  result.timed_out = !read_until(ends[0], deadline, result.output);
  if (result.timed_out) kill(-pid, SIGKILL);
  close(ends[0]);
  result.status = wait_until(pid, deadline, result.timed_out);
  return result;
}

std::string find_program(const std::string& program) {
  const auto runnable = [](const std::string& path) {
    struct stat facts;
    return access(path.c_str(), X_OK) == 0 && stat(path.c_str(), &facts) == 0 &&
           S_ISREG(facts.st_mode);
  };
  if (program.find('/') != std::string::npos) return runnable(program) ? program : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + program;
    if (runnable(candidate)) return candidate;
  }
  return "";
}

}  // namespace flashlight::runtime
