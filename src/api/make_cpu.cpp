#include <filesystem>

#include "api/executable.h"
#include "codegen/cpu/device/abi.h"
#include "codegen/cpu/device_headers.h"
#include "codegen/cpu/emit.h"
#include "runtime/cpu/compile.h"
#include "runtime/cpu/cpu_info.h"
#include "support/env.h"
#include "support/error.h"
#include "tile/lower.h"

namespace flashlight::api {
namespace {

/// Beside float a lane holds 32 bits: what is far out of range was cut to half of that.
std::string index_text(int64_t index) {
  const bool cut = index == 1 << 30 || index == -(1 << 30);
  return std::to_string(index) + (cut ? " (or beyond)" : "");
}

class CpuExecutable : public Executable {
 public:
  CpuExecutable(std::shared_ptr<const runtime::Module> module, const std::string& entry,
                const tile::Kernel& kernel)
      : module_(std::move(module)),
        entry_(reinterpret_cast<int (*)(const fl_args*)>(module_->symbol(entry))),
        name_(kernel.name),
        inputs_(kernel.inputs),
        symbols_(kernel.symbols) {}

  void run(const Arguments& a) const override {
    fl_fault fault = {};
    const fl_args args{a.data, a.strides, a.symbols, &fault};
    const int status = entry_(&args);
    if (status == 0) return;
    if (status == 2) throw OutOfRange(message(fault, a.symbols));
    throw CompileError("memory ran out in kernel " + name_);
  }

 private:
  std::string message(const fl_fault& fault, const int64_t* values) const {
    ir::Bindings sizes;
    for (size_t i = 0; i < symbols_.size(); i++) sizes[symbols_[i].name] = values[i];
    size_t dim = static_cast<size_t>(fault.dimension);
    for (const ir::Input& i : inputs_) {
      if (dim < i.shape.size())
        return "index " + index_text(fault.index) + " is out of bounds for dimension " +
               std::to_string(dim) + " of " + i.name + " with size " +
               std::to_string(ir::evaluate(i.shape[dim], sizes)) + " (kernel " + name_ + ")";
      dim -= i.shape.size();
    }
    return "an index is out of bounds in kernel " + name_;
  }

  std::shared_ptr<const runtime::Module> module_;
  int (*entry_)(const fl_args*);
  std::string name_;
  std::vector<ir::Input> inputs_;
  std::vector<ir::SymbolInfo> symbols_;
};

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

Variant make_cpu(const ir::Stream& stream, const tile::Specialization& spec) {
  const tile::Target target = host_target();
  Variant out;
  out.kernel = tile::lower(stream, tile::choose_schedule(stream, spec, target), spec, target);
  if (debug_wants("passes")) debug_print("passes", "lowered\n" + tile::print(out.kernel));
  const codegen::Source source = codegen::cpu::emit(out.kernel);
  debug_print("source", source.text);
  bool built = false;
  auto module = runtime::cpu::compile({source.text, codegen::cpu::device_headers(), target.name},
                                      runtime::default_cache(), {.built = &built});
  out.executable = std::make_shared<CpuExecutable>(module, source.entry, out.kernel);
  out.text = source.text;
  out.from_disk = !built;
  return out;
}

}  // namespace flashlight::api
