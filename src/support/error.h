#pragma once

#include <stdexcept>
#include <string>

namespace flashlight {

/** Everything this library throws. Who is at fault is the type: see those below. */
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/** The program asks for something that we do not do. Names the node that stopped us and the
 *  reason, so that a caller can fall back loudly and a user can act. */
class Refused : public Error {
 public:
  Refused(std::string node, std::string reason);

  const std::string& node() const { return node_; }
  const std::string& reason() const { return reason_; }

 private:
  std::string node_;
  std::string reason_;
};

/** The toolchain (a compiler, a loader, a disk) failed; carries what it printed. */
class CompileError : public Error {
 public:
  explicit CompileError(std::string message, std::string log = "");

  const std::string& message() const { return message_; }
  const std::string& log() const { return log_; }

 private:
  std::string message_;
  std::string log_;
};

/** A value that the caller passed does not fit the program: an index out of range. */
class OutOfRange : public Error {
 public:
  using Error::Error;
};

/** A broken promise inside the compiler: our bug, whatever the program was. */
class InternalError : public Error {
 public:
  using Error::Error;
};

/** Throws InternalError; the slow path of FLASHLIGHT_CHECK. */
[[noreturn]] void fail_check(const char* file, int line, const char* condition,
                             const std::string& message);

}  // namespace flashlight

/** Always on, also in release builds: a wrong kernel costs more than a comparison.
 *  The message is only built when the condition fails. */
#define FLASHLIGHT_CHECK(condition, message)                               \
  do {                                                                     \
    if (!(condition)) [[unlikely]]                                         \
      ::flashlight::fail_check(__FILE__, __LINE__, #condition, (message)); \
  } while (false)
