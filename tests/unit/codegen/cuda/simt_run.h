// Runs a program through the middle of the compiler, the general CUDA path and the emulator.
#pragma once
#include "codegen/cuda/simt.h"
#include "support/emulate.h"
#include "support/run_kernels.h"

namespace flashlight::test {

struct SimtRun {
  ir::Bindings sizes;
  tile::Schedule schedule = small_tiles();
  std::string target = "sm_80";
  bool generic_strides = false;
  codegen::cuda::SimtOptions options;
  EmulateOptions emulate = {};
  std::vector<codegen::cuda::Source> sources = {};  // what ran

  std::vector<ir::Array> operator()(const ir::Program& p, const std::vector<ir::Array>& inputs) {
    std::map<std::string, ir::Array> memory;
    for (size_t k = 0; k < inputs.size(); ++k) memory[p.inputs[k].name] = inputs[k];
    for (tile::Kernel& kernel : kernels_of(p, sizes, schedule)) {
      kernel.target = target;
      complete(kernel);
      sources.push_back(codegen::cuda::emit_simt(kernel, options));
      std::vector<ir::Array> args;
      for (const ir::Input& i : kernel.inputs) args.push_back(memory.at(i.name));
      const auto results = test::emulate(sources.back(), kernel, args, sizes, emulate);
      for (size_t o = 0; o < results.size(); ++o) memory[kernel.outputs[o].name] = results[o];
    }
    std::vector<ir::Array> out;
    for (const ir::Output& o : p.outputs) out.push_back(memory.at(o.name));
    return out;
  }

 private:
  /// Stride classes that fit the layouts of `emulate`.
  void complete(tile::Kernel& kernel) const {
    const auto set = [&](const std::string& name, size_t rank) {
      auto& classes = kernel.specialization.strides[name];
      classes.assign(rank, tile::StrideClass::Any);
      const auto order = emulate.order.find(name);
      if (rank > 0 && !generic_strides)
        classes[order == emulate.order.end() ? rank - 1 : order->second.back()] =
            tile::StrideClass::One;
    };
    for (const ir::Input& i : kernel.inputs) set(i.name, i.shape.size());
    for (const ir::Store& o : kernel.outputs) {
      set(o.name, o.shape.size());
      if (!emulate.order.count(o.name) && !o.order.empty() && !generic_strides)
        for (size_t d = 0; d < o.shape.size(); ++d)
          kernel.specialization.strides[o.name][d] = static_cast<int>(d) == o.order.back()
                                                         ? tile::StrideClass::One
                                                         : tile::StrideClass::Any;
    }
  }
};

}  // namespace flashlight::test
