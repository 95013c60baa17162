// The kernels of one stream: one for each specialization that a call needed.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "api/executable.h"
#include "ir/stream.h"

namespace flashlight::api {

/// How many variants this process has made (compiled, or loaded from the disk cache).
int64_t variants_made();
/// How many of them were on disk.
int64_t variants_from_disk();

class Variants {
 public:
  explicit Variants(ir::Stream stream);

  const ir::Stream& stream() const { return stream_; }

  /// The kernel for a call with these arguments. Made at the first call; threads that need the same
  /// one wait for it. Throws what the making throws; the next call tries again.
  const Variant& get(const Arguments& arguments, const Where& where);

  /// Builds that kernel into the disk cache, where get() will find it. Loads nothing on a GPU:
  /// another thread may be capturing a graph.
  void build(const Arguments& arguments, const Where& where);

  std::vector<const Variant*> made() const;

 private:
  struct Slot {
    std::vector<int64_t> key;
    std::once_flag once;
    std::unique_ptr<Variant> variant;
    std::atomic<const Variant*> ready = nullptr;
  };
  struct Tensor {
    std::string name;
    std::vector<int64_t> extents;  // per dimension; 0: it is no constant
    int64_t element_bytes;
  };

  void add(const std::string& name, ir::DType dtype, const std::vector<ir::Expr>& shape);
  std::vector<int64_t> key_of(const Arguments& arguments, const Where& where) const;
  tile::Specialization specialization(const std::vector<int64_t>& key, const Where& where) const;
  Variant make(const std::vector<int64_t>& key, const Arguments& arguments,
               const Where& where) const;
  Slot* find(const std::vector<int64_t>& key) const;
  Slot& slot_of(const std::vector<int64_t>& key);
  bool built_here(const std::vector<int64_t>& key) const;

  ir::Stream stream_;
  std::vector<int> fixed_;           // indices of symbols that a kernel knows the value of
  std::vector<Tensor> tensors_;      // inputs, then outputs
  bool has_f32_ = false;             // tf32 makes a difference
  mutable std::shared_mutex mutex_;  // guards built_, slots_ (its elements stay where they are)
  std::vector<std::unique_ptr<Slot>> slots_;
  std::set<std::vector<int64_t>> built_;  // by this process, ahead of calls
};

}  // namespace flashlight::api
