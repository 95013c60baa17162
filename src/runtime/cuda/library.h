// Shared objects that are looked for when they are first needed: a machine without them runs the
// same binary.
#pragma once
#include <string>
#include <vector>

namespace flashlight::runtime::cuda {

/** A loaded shared object, never closed. Empty handle: it could not be loaded. */
struct Library {
  void* handle = nullptr;
  std::string path;

  explicit operator bool() const { return handle != nullptr; }

  /** Fills a function pointer; null where there is no such symbol. */
  template <class Function>
  bool get(const char* name, Function*& out) const {
    out = reinterpret_cast<Function*>(address(name));
    return out != nullptr;
  }

 private:
  void* address(const char* name) const;
};

/** Loads a path, or a name along the loader's own search. */
Library open_library(const std::string& path);

/** Paths of shared objects of this process whose file name starts with `prefix`. */
std::vector<std::string> loaded_libraries(const std::string& prefix);

}  // namespace flashlight::runtime::cuda
