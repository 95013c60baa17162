#pragma once

#include <string>

namespace flashlight::runtime {

/** A loaded kernel of any back end. Its code stays mapped until the process ends, on purpose:
 * worker threads and thread-local destructors may still run it after the last handle is gone. */
class Module {
 public:
  virtual ~Module() = default;

  /** The address of an exported symbol. Throws CompileError when there is none. */
  virtual void* symbol(const std::string& name) const = 0;

  /** Where the binary lies, for explain and error texts. */
  virtual const std::string& path() const = 0;
};

}  // namespace flashlight::runtime
