// The kernels of one stream: one for each specialization that a call needed.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "codegen/source.h"
#include "ir/stream.h"
#include "runtime/module.h"
#include "tile/kernel.h"

struct fl_args;

namespace flashlight::api {

/// The machine that we run on.
tile::Target host_target();

/// A kernel that can be called.
struct Variant {
  tile::Kernel kernel;
  codegen::Source source;
  std::shared_ptr<const runtime::Module> module;
  int (*entry)(const fl_args*) = nullptr;
};

/// How many variants this process has made (compiled, or loaded from the disk cache).
int64_t variants_made();
/// How many of them were on disk.
int64_t variants_from_disk();

class Variants {
 public:
  explicit Variants(ir::Stream stream);

  const ir::Stream& stream() const { return stream_; }

  /// The kernel for these symbols (the stream's, in order) and strides (of inputs, then outputs).
  /// Made at the first call; threads that need the same one wait for it. Throws what the making
  /// throws; the next call tries again.
  const Variant& get(const int64_t* symbols, const int64_t* const* strides);

  std::vector<const Variant*> made() const;

 private:
  struct Slot {
    std::vector<int64_t> key;
    std::once_flag once;
    std::unique_ptr<Variant> variant;
    std::atomic<const Variant*> ready = nullptr;
  };

  std::vector<int64_t> key_of(const int64_t* symbols, const int64_t* const* strides) const;
  tile::Specialization specialization(const std::vector<int64_t>& key) const;
  std::unique_ptr<Variant> make(const std::vector<int64_t>& key) const;
  Slot* find(const std::vector<int64_t>& key) const;

  ir::Stream stream_;
  std::vector<int> fixed_;                 // indices of symbols that a kernel knows the value of
  std::vector<std::vector<bool>> single_;  // per tensor and dimension: the extent is 1
  std::vector<std::string> names_;         // of tensors: inputs, then outputs
  mutable std::shared_mutex mutex_;        // guards slots_ (its elements stay where they are)
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace flashlight::api
