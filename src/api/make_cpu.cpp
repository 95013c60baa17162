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

class CpuExecutable : public Executable {
 public:
  CpuExecutable(std::shared_ptr<const runtime::Module> module, const std::string& entry,
                std::string name)
      : module_(std::move(module)),
        entry_(reinterpret_cast<int (*)(const fl_args*)>(module_->symbol(entry))),
        name_(std::move(name)) {}

  void run(const Arguments& a) const override {
    const fl_args args{a.data, a.strides, a.symbols};
    if (entry_(&args) != 0) throw CompileError("memory ran out in kernel " + name_);
  }

 private:
  std::shared_ptr<const runtime::Module> module_;
  int (*entry_)(const fl_args*);
  std::string name_;
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
  out.executable = std::make_shared<CpuExecutable>(module, source.entry, out.kernel.name);
  out.text = source.text;
  out.from_disk = !built;
  return out;
}

}  // namespace flashlight::api
