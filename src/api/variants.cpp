#include "api/variants.h"

#include <algorithm>

#include "tile/bind.h"

namespace flashlight::api {
namespace {

std::atomic<int64_t> made_count = 0;
std::atomic<int64_t> disk_count = 0;
constexpr int64_t kGranule = 16;  // bytes that a GPU moves at once

/// Dimension d and the next one are narrow, and one in memory.
bool joined(const std::vector<int64_t>& extents, const int64_t* strides, size_t d) {
  return d + 1 < extents.size() && extents[d] > 1 && extents[d + 1] > 1 &&
         strides[d] == extents[d + 1] * strides[d + 1];
}

tile::StrideClass class_of(const std::vector<int64_t>& extents, const int64_t* strides, size_t d,
                           bool gpu) {
  if (extents[d] == 1 || strides[d] == 0) return tile::StrideClass::Zero;
  if (strides[d] == 1) return tile::StrideClass::One;
  return gpu && joined(extents, strides, d) ? tile::StrideClass::Joined : tile::StrideClass::Any;
}

/// Bytes that base and strides are multiples of: a granule, or, but for joined dimensions where
/// there are any, half of one; else 0.
int64_t alignment(const std::vector<int64_t>& extents, const int64_t* strides, const void* data,
                  int64_t bytes) {
  bool whole = true, half = true, narrow = false;
  const auto meet = [&](uint64_t x, bool in_row) {
    whole = whole && x % kGranule == 0;
    half = half && (in_row || x % (kGranule / 2) == 0);
  };
  meet(reinterpret_cast<uintptr_t>(data), false);
  for (size_t d = 0; d < extents.size(); ++d) {
    if (extents[d] == 1 || strides[d] == 1) continue;
    const bool in_row = joined(extents, strides, d);
    narrow = narrow || in_row;
    meet(uint64_t(strides[d] * bytes), in_row);
  }
  return whole ? kGranule : half && narrow ? kGranule / 2 : 0;
}

}  // namespace

int64_t variants_made() { return made_count; }
int64_t variants_from_disk() { return disk_count; }

Variants::Variants(ir::Stream stream) : stream_(std::move(stream)) {
  for (const ir::Input& i : stream_.inputs) add(i.name, i.dtype, i.shape);
  for (const ir::Store& o : stream_.outputs) add(o.name, o.dtype, o.shape);
  const std::vector<std::string> inner = tile::inner_symbols(stream_);
  for (size_t i = 0; i < stream_.symbols.size(); ++i)
    if (std::count(inner.begin(), inner.end(), stream_.symbols[i].name)) fixed_.push_back(int(i));
}

void Variants::add(const std::string& name, ir::DType dtype, const std::vector<ir::Expr>& shape) {
  Tensor t{name, {}, ir::dtype_size(dtype)};
  for (ir::Expr e : shape) t.extents.push_back(ir::is_const(e) ? ir::int_const(e) : 0);
  has_f32_ = has_f32_ || dtype == ir::DType::F32;
  tensors_.push_back(std::move(t));
}

/// On a CPU: fixed symbols, classes of strides. On a GPU also, per tensor, how it is aligned;
/// then tf32, the device, and whether it is tuned.
std::vector<int64_t> Variants::key_of(const Arguments& a, const Where& where) const {
  std::vector<int64_t> key;
  key.reserve(fixed_.size() + 6 * tensors_.size() + 4);
  for (int i : fixed_) key.push_back(a.symbols[i]);
  for (size_t t = 0; t < tensors_.size(); ++t)
    for (size_t d = 0; d < tensors_[t].extents.size(); ++d)
      key.push_back(int64_t(class_of(tensors_[t].extents, a.strides[t], d, where.gpu != kCpu)));
  if (where.gpu == kCpu) return key;
  for (size_t t = 0; t < tensors_.size(); ++t)
    key.push_back(
        alignment(tensors_[t].extents, a.strides[t], a.data[t], tensors_[t].element_bytes));
  key.push_back(where.tf32 && has_f32_);
  key.push_back(where.gpu);
  key.push_back(where.tune);
  return key;
}

tile::Specialization Variants::specialization(const std::vector<int64_t>& key,
                                              const Where& where) const {
  tile::Specialization spec;
  auto next = key.begin();
  for (int i : fixed_) spec.fixed[stream_.symbols[size_t(i)].name] = *next++;
  for (const Tensor& t : tensors_) {
    std::vector<tile::StrideClass>& classes = spec.strides[t.name];
    for (size_t d = 0; d < t.extents.size(); ++d) classes.push_back(tile::StrideClass(*next++));
  }
  if (where.gpu == kCpu) return spec;
  for (const Tensor& t : tensors_) {
    if (*next == kGranule) spec.aligned.insert(t.name);
    if (*next++ == kGranule / 2) spec.half_aligned.insert(t.name);
  }
  spec.tf32 = *next++;
  return spec;
}

Variant Variants::make(const std::vector<int64_t>& key, const Arguments& arguments,
                       const Where& where) const {
  const tile::Specialization spec = specialization(key, where);
  if (where.gpu == kCpu) return make_cpu(stream_, spec);
  if (where.tune) return tune_cuda(stream_, spec, where.gpu, arguments);
  return make_cuda(stream_, spec, where.gpu);
}

Variants::Slot* Variants::find(const std::vector<int64_t>& key) const {
  for (const auto& slot : slots_)
    if (slot->key == key) return slot.get();
  return nullptr;
}

bool Variants::built_here(const std::vector<int64_t>& key) const {
  const std::shared_lock lock(mutex_);
  return built_.count(key) > 0;
}

Variants::Slot& Variants::slot_of(const std::vector<int64_t>& key) {
  {
    const std::shared_lock lock(mutex_);
    if (Slot* slot = find(key)) return *slot;
  }
  const std::unique_lock lock(mutex_);
  if (Slot* slot = find(key)) return *slot;
  slots_.push_back(std::make_unique<Slot>());
  slots_.back()->key = key;
  return *slots_.back();
}

const Variant& Variants::get(const Arguments& arguments, const Where& where) {
  Slot& slot = slot_of(key_of(arguments, where));
  if (where.tune && !slot.ready && is_recorded(arguments, where)) {
    Where untuned = where;  // nothing can be measured while a graph is captured
    untuned.tune = false;
    return get(arguments, untuned);
  }
  std::call_once(slot.once, [&] {
    slot.variant = std::make_unique<Variant>(make(slot.key, arguments, where));
    ++made_count;
    disk_count += slot.variant->from_disk && !built_here(slot.key);
    slot.ready = slot.variant.get();
  });
  return *slot.variant;
}

void Variants::build(const Arguments& arguments, const Where& where) {
  const std::vector<int64_t> key = key_of(arguments, where);
  {
    const std::unique_lock lock(mutex_);
    if (find(key)) return;
    built_.insert(key);
  }
  const tile::Specialization spec = specialization(key, where);
  const bool built =
      where.gpu == kCpu ? !make_cpu(stream_, spec).from_disk : build_cuda(stream_, spec, where.gpu);
  if (built) return;
  const std::unique_lock lock(mutex_);
  built_.erase(key);
}

std::vector<const Variant*> Variants::made() const {
  const std::shared_lock lock(mutex_);
  std::vector<const Variant*> out;
  for (const auto& slot : slots_)
    if (const Variant* v = slot->ready) out.push_back(v);
  return out;
}

}  // namespace flashlight::api
