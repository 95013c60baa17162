// Runs a program through the whole chain down to machine code: canonicalize, stream, lower, emit,
// compile, call. Inputs and outputs as ir::Array.
#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>

#include "codegen/cpu/device/abi.h"
#include "codegen/cpu/device_headers.h"
#include "codegen/cpu/emit.h"
#include "ir/interpret.h"
#include "runtime/cpu/compile.h"
#include "runtime/cpu/cpu_info.h"
#include "support/programs.h"
#include "support/typed_memory.h"
#include "tile/bind.h"
#include "tile/lower.h"
#include "transform/canonicalize.h"
#include "transform/stream.h"
#include "unit/runtime/scratch_folder.h"

namespace flashlight::test {

/// How kernels are made and called in one test.
struct KernelSetup {
  ir::Bindings sizes;
  std::function<void(tile::Schedule&)> schedule = [](tile::Schedule&) {};
  std::map<std::string, std::vector<int>> order;  // tensor -> dimensions from outer to inner
  std::string isa = runtime::cpu::host_isa();
  bool generic_strides = false;  // nothing is known of strides when the kernel is made
};

class KernelRun {
 public:
  explicit KernelRun(KernelSetup setup) : setup_(std::move(setup)) {}

  std::vector<ir::Array> operator()(const ir::Program& program,
                                    const std::vector<ir::Array>& inputs) {
    std::map<std::string, ir::Array> arrays;
    for (size_t i = 0; i < inputs.size(); i++) arrays[program.inputs[i].name] = inputs[i];
    const auto streams = transform::stream(transform::canonicalize(program));
    for (const ir::Stream& s : streams) run(s, arrays);
    std::vector<ir::Array> out;
    for (const ir::Output& o : program.outputs) out.push_back(arrays.at(o.name));
    return out;
  }

  tile::Kernel lower(const ir::Stream& s) const {
    tile::Specialization spec;
    for (const std::string& n : tile::inner_symbols(s)) spec.fixed[n] = setup_.sizes.at(n);
    const auto add = [&](const std::string& name, size_t rank) {
      std::vector<tile::StrideClass> classes(rank, tile::StrideClass::Any);
      if (rank > 0 && !setup_.generic_strides)
        classes[order(name, rank).back()] = tile::StrideClass::One;
      spec.strides[name] = classes;
    };
    for (const ir::Input& i : s.inputs) add(i.name, i.shape.size());
    for (const ir::Store& o : s.outputs) add(o.name, o.shape.size());
    tile::Target target;
    const auto unit = runtime::cpu::vector_unit(setup_.isa);
    target.name = setup_.isa;
    target.vector_bytes = unit.bytes, target.vector_registers = unit.registers;
    tile::Schedule schedule = tile::choose_schedule(s, spec, target);
    setup_.schedule(schedule);
    return tile::lower(s, schedule, spec, target);
  }

  std::string text(const ir::Stream& s) const { return codegen::cpu::emit(lower(s)).text; }

 private:
  std::vector<int> order(const std::string& name, size_t rank) const {
    const auto it = setup_.order.find(name);
    std::vector<int> out(rank);
    for (size_t d = 0; d < rank; d++) out[d] = it == setup_.order.end() ? int(d) : it->second[d];
    return out;
  }

  Memory make(const std::string& name, const std::vector<int64_t>& shape, ir::DType type) const {
    std::vector<int64_t> strides(shape.size());
    int64_t next = 1;
    const auto dims = order(name, shape.size());
    for (size_t d = shape.size(); d-- > 0;) strides[dims[d]] = next, next *= shape[dims[d]];
    return Memory(strides, static_cast<size_t>(next * ir::dtype_size(type)));
  }

  template <class F>
  static void each(const std::vector<int64_t>& shape, const F& f) {
    std::vector<int64_t> at(shape.size(), 0);
    int64_t n = 1;
    for (int64_t s : shape) n *= s;
    for (int64_t e = 0; e < n; e++) {
      f(at, e);
      for (size_t d = shape.size(); d-- > 0 && ++at[d] == shape[d];) at[d] = 0;
    }
  }

  static char* element(Memory& m, const std::vector<int64_t>& at, ir::DType type) {
    int64_t offset = 0;
    for (size_t d = 0; d < at.size(); d++) offset += at[d] * m.strides[d];
    return m.data + offset * ir::dtype_size(type);
  }

  void run(const ir::Stream& s, std::map<std::string, ir::Array>& arrays) {
    const tile::Kernel kernel = lower(s);
    const codegen::Source source = codegen::cpu::emit(kernel);
    static const ScratchFolder folder;
    static runtime::Cache cache(folder.path);
    const auto module =
        runtime::cpu::compile({source.text, codegen::cpu::device_headers(), setup_.isa}, cache);
    std::vector<Memory> memory;
    for (const ir::Input& i : s.inputs) {
      const ir::Array& a = arrays.at(i.name);
      memory.push_back(make(i.name, a.shape, i.dtype));
      each(a.shape, [&](const auto& at, int64_t e) {
        put(element(memory.back(), at, i.dtype), i.dtype, a.data[static_cast<size_t>(e)]);
      });
    }
    std::vector<std::vector<int64_t>> shapes;
    for (const ir::Store& o : s.outputs) {
      shapes.emplace_back();
      for (ir::Expr e : o.shape) shapes.back().push_back(ir::evaluate(e, setup_.sizes));
      memory.push_back(make(o.name, shapes.back(), o.dtype));
    }
    call(kernel, *module, memory);
    for (size_t k = 0; k < s.outputs.size(); k++) {
      const ir::Store& o = s.outputs[k];
      ir::Array out = ir::make_array(shapes[k]);
      Memory& m = memory[s.inputs.size() + k];
      each(shapes[k], [&](const auto& at, int64_t e) {
        out.data[static_cast<size_t>(e)] = get(element(m, at, o.dtype), o.dtype);
      });
      if (!m.marked_before()) throw std::runtime_error("written before the start of " + o.name);
      arrays[o.name] = out;
    }
  }

  void call(const tile::Kernel& kernel, const runtime::Module& module,
            const std::vector<Memory>& memory) {
    std::vector<void*> data;
    std::vector<const int64_t*> strides;
    for (const Memory& m : memory) data.push_back(m.data), strides.push_back(m.strides.data());
    std::vector<int64_t> symbols;
    for (const ir::SymbolInfo& i : kernel.symbols) {
      const auto it = setup_.sizes.find(i.name);
      symbols.push_back(it == setup_.sizes.end() ? i.hint : it->second);
    }
    fl_fault fault{};
    const fl_args args{data.data(), strides.data(), symbols.data(), &fault};
    const auto entry = reinterpret_cast<int (*)(const fl_args*)>(module.symbol(kernel.name));
    if (entry(&args) != 0)
      throw std::runtime_error(fault.taken ? "an index is out of range" : "out of memory");
  }

  KernelSetup setup_;
};

}  // namespace flashlight::test
