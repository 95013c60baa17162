// Program text -> something that can be called: the only place where code generation meets the
// runtime. parse -> canonicalize -> generalize -> stream once; lower -> emit -> compile -> load
// once for each specialization that a call needs. Read tests/unit/api/compile_test.cpp.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/variants.h"
#include "ir/program.h"

namespace flashlight::api {

/// Memory of a tensor; strides in elements, one per dimension.
struct View {
  void* data;
  const int64_t* strides;
};

/// Streams in order of execution, and the memory between them.
struct Family;

class Compiled {
 public:
  /// Throws Refused where the text is no program that becomes kernels.
  explicit Compiled(const std::string& text);

  const ir::Program& program() const { return program_; }

  /// Runs on views of the program's inputs and outputs (shapes as the program says at `symbols`).
  /// Thread-safe. Throws Refused or CompileError when a kernel cannot be made. On a GPU: returns
  /// when all kernels are in the stream, and takes no memory of the device.
  void call(const std::vector<View>& inputs, const std::vector<View>& outputs,
            const std::vector<int64_t>& symbols, const Where& where = {}) const;

  /// Builds what such a call needs into the disk cache, and runs nothing: of `data` only the
  /// alignment counts. Thread-safe. Throws as call() does.
  void build(const std::vector<View>& inputs, const std::vector<View>& outputs,
             const std::vector<int64_t>& symbols, const Where& where = {}) const;

  /// Memory that a call on a GPU needs between its kernels, for the time until they have run.
  int64_t workspace_bytes(const std::vector<int64_t>& symbols) const;

  /// For explain: the kernels, and values of the general program's symbols.
  std::vector<const Variants*> kernels() const;
  const ir::Program& general() const;
  ir::Bindings bindings(const std::vector<int64_t>& symbols) const;

 private:
  std::vector<int64_t> values_of(const std::vector<int64_t>& symbols) const;
  /// use(variants, arguments) for each kernel in order; temporaries lie in `memory`.
  template <class Use>
  void each(const std::vector<View>& inputs, const std::vector<View>& outputs,
            const std::vector<int64_t>& values, char* memory, void* stream, const Use& use) const;

  ir::Program program_;
  std::vector<int64_t> lengths_;  // values of symbols that generalize() added
  std::vector<size_t> inputs_;    // of the family's inputs: which of the program's
  std::shared_ptr<Family> family_;
};

}  // namespace flashlight::api
