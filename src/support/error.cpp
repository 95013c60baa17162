#include "support/error.h"

#include <string_view>
#include <utility>

namespace flashlight {
namespace {

// Build folders differ between machines; messages should not.
std::string_view below_src(std::string_view file) {
  const size_t at = file.rfind("src/");
  return at == std::string_view::npos ? file : file.substr(at + 4);
}

}  // namespace

Refused::Refused(std::string node, std::string reason)
    : Error(node + ": " + reason), node_(std::move(node)), reason_(std::move(reason)) {}

CompileError::CompileError(std::string message, std::string log)
    : Error(log.empty() ? message : message + "\n" + log),
      message_(std::move(message)),
      log_(std::move(log)) {}

void fail_check(const char* file, int line, const char* condition, const std::string& message) {
  throw InternalError(std::string(below_src(file)) + ":" + std::to_string(line) +
                      ": internal error: " + message + " (" + condition + ")");
}

}  // namespace flashlight
