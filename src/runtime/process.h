#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace flashlight::runtime {

struct ProcessResult {
  bool started = false;    // false: `output` says why
  bool timed_out = false;  // it and all it started were killed
  int status = -1;         // exit status; -1 when it was killed
  std::string output;      // stdout and stderr, in order

  bool ok() const { return started && !timed_out && status == 0; }
};

/** Runs a program by its path, without a shell, in its own process group, and waits for it. */
ProcessResult run_process(const std::vector<std::string>& arguments,
                          std::chrono::milliseconds timeout);

/** The path of `program` as execvp would find it: itself if it has a slash, else along $PATH.
 *  Empty if there is none that may be run. */
std::string find_program(const std::string& program);

}  // namespace flashlight::runtime
