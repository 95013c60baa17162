#include "api/variants.h"

#include <algorithm>
#include <filesystem>

#include "codegen/cpu/device/abi.h"
#include "codegen/cpu/device_headers.h"
#include "codegen/cpu/emit.h"
#include "runtime/cpu/compile.h"
#include "runtime/cpu/cpu_info.h"
#include "support/env.h"
#include "tile/bind.h"
#include "tile/lower.h"

namespace flashlight::api {
namespace {

std::atomic<int64_t> made_count = 0;
std::atomic<int64_t> disk_count = 0;

tile::StrideClass class_of(int64_t stride, bool single) {
  if (single || stride == 0) return tile::StrideClass::Zero;
  return stride == 1 ? tile::StrideClass::One : tile::StrideClass::Any;
}

std::vector<bool> singles(const std::vector<ir::Expr>& shape) {
  std::vector<bool> out;
  for (ir::Expr e : shape) out.push_back(ir::is_const(e, 1));
  return out;
}

}  // namespace

tile::Target host_target() {
  tile::Target target;
  target.name = runtime::cpu::host_isa();
  const runtime::cpu::VectorUnit unit = runtime::cpu::vector_unit(target.name);
  const runtime::cpu::CacheSizes caches = runtime::cpu::cache_sizes();
  target.vector_bytes = unit.bytes;
  target.vector_registers = unit.registers;
  target.l1_bytes = caches.l1;
  target.l2_bytes = caches.l2;
  return target;
}

int64_t variants_made() { return made_count; }
int64_t variants_from_disk() { return disk_count; }

Variants::Variants(ir::Stream stream) : stream_(std::move(stream)) {
  for (const ir::Input& i : stream_.inputs)
    names_.push_back(i.name), single_.push_back(singles(i.shape));
  for (const ir::Store& o : stream_.outputs)
    names_.push_back(o.name), single_.push_back(singles(o.shape));
  const std::vector<std::string> inner = tile::inner_symbols(stream_);
  for (size_t i = 0; i < stream_.symbols.size(); ++i)
    if (std::count(inner.begin(), inner.end(), stream_.symbols[i].name)) fixed_.push_back(int(i));
}

std::vector<int64_t> Variants::key_of(const int64_t* symbols, const int64_t* const* strides) const {
  std::vector<int64_t> key;
  key.reserve(fixed_.size() + 4 * single_.size());
  for (int i : fixed_) key.push_back(symbols[i]);
  for (size_t t = 0; t < single_.size(); ++t)
    for (size_t d = 0; d < single_[t].size(); ++d)
      key.push_back(int64_t(class_of(strides[t][d], single_[t][d])));
  return key;
}

tile::Specialization Variants::specialization(const std::vector<int64_t>& key) const {
  tile::Specialization spec;
  auto next = key.begin();
  for (int i : fixed_) spec.fixed[stream_.symbols[i].name] = *next++;
  for (size_t t = 0; t < names_.size(); ++t) {
    std::vector<tile::StrideClass>& classes = spec.strides[names_[t]];
    for (size_t d = 0; d < single_[t].size(); ++d) classes.push_back(tile::StrideClass(*next++));
  }
  return spec;
}

std::unique_ptr<Variant> Variants::make(const std::vector<int64_t>& key) const {
  const tile::Specialization spec = specialization(key);
  const tile::Target target = host_target();
  auto out = std::make_unique<Variant>();
  out->kernel = tile::lower(stream_, tile::choose_schedule(stream_, spec, target), spec, target);
  if (debug_wants("passes")) debug_print("passes", "lowered\n" + tile::print(out->kernel));
  out->source = codegen::cpu::emit(out->kernel);
  debug_print("source", out->source.text);
  const auto start = std::filesystem::file_time_type::clock::now();
  out->module = runtime::cpu::compile(
      {out->source.text, codegen::cpu::device_headers(), target.name}, runtime::default_cache());
  out->entry = reinterpret_cast<int (*)(const fl_args*)>(out->module->symbol(out->source.entry));
  ++made_count;
  if (std::filesystem::last_write_time(out->module->path()) < start) ++disk_count;
  return out;
}

Variants::Slot* Variants::find(const std::vector<int64_t>& key) const {
  for (const auto& slot : slots_)
    if (slot->key == key) return slot.get();
  return nullptr;
}

const Variant& Variants::get(const int64_t* symbols, const int64_t* const* strides) {
  const std::vector<int64_t> key = key_of(symbols, strides);
  Slot* slot = nullptr;
  {
    const std::shared_lock lock(mutex_);
    slot = find(key);
  }
  if (slot == nullptr) {
    const std::unique_lock lock(mutex_);
    slot = find(key);
    if (slot == nullptr) {
      slots_.push_back(std::make_unique<Slot>());
      slot = slots_.back().get();
      slot->key = key;
    }
  }
  std::call_once(slot->once, [&] {
    slot->variant = make(key);
    slot->ready = slot->variant.get();
  });
  return *slot->variant;
}

std::vector<const Variant*> Variants::made() const {
  const std::shared_lock lock(mutex_);
  std::vector<const Variant*> out;
  for (const auto& slot : slots_)
    if (const Variant* v = slot->ready) out.push_back(v);
  return out;
}

}  // namespace flashlight::api
