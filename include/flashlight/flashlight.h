// Flashlight without Python: a program in index notation, compiled for this machine, called on
// pointers and strides. The only header that is installed; it needs the standard library alone.
//
//   flashlight::Kernel attention(text);
//   attention.call({{q, q_strides}, {k, k_strides}, {v, v_strides}}, {{out, out_strides}}, {S});
//
// The text is what FLASHLIGHT_DEBUG=passes prints; docs/architecture.md describes it.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#if defined(__GNUC__)
#define FLASHLIGHT_API __attribute__((visibility("default")))
#else
#define FLASHLIGHT_API
#endif

namespace flashlight {

/// Memory of one tensor. Strides in elements, one per dimension; 0 repeats an element.
struct Tensor {
  void* data;
  std::vector<int64_t> strides;
};

/// A compiled program. Cheap to copy; any thread may call it.
class FLASHLIGHT_API Kernel {
 public:
  /// Throws a std::runtime_error (flashlight::Refused) that names what is wrong with the text.
  explicit Kernel(const std::string& text);

  /// Names, in the order in which call() takes them.
  std::vector<std::string> inputs() const;
  std::vector<std::string> outputs() const;
  std::vector<std::string> symbols() const;
  /// Of an input or output, for values of the symbols.
  std::vector<int64_t> shape(const std::string& name, const std::vector<int64_t>& symbols) const;

  /// Machine code is made for the first call and for each new kind of strides, then kept, in memory
  /// and on disk. Throws a std::runtime_error (flashlight::CompileError) that carries the
  /// compiler's log when it cannot be made.
  void call(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
            const std::vector<int64_t>& symbols = {}) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

FLASHLIGHT_API const char* version();

}  // namespace flashlight
