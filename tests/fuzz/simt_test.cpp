// Random programs on the general CUDA path, run on the emulator, agree with the IR interpreter.
//   FLASHLIGHT_FUZZ_FIRST, FLASHLIGHT_FUZZ_COUNT   the seeds
#include <gtest/gtest.h>

#include "codegen/cuda/simt.h"
#include "fuzz/differential.h"
#include "fuzz/seeds.h"
#include "support/emulate.h"

namespace flashlight::fuzz {
namespace {

using Memory = std::map<std::string, std::unique_ptr<GuardedTensor>>;

void launch(const Trial& t, const tile::Kernel& k, const codegen::cuda::Source& source,
            const Call& call, const Memory& memory) {
  std::vector<test::DeviceTensor> tensors;
  const auto add = [&](const std::string& name, ir::DType dtype, const auto& extents) {
    const auto shape = sizes_of(extents, call.symbols);
    tensors.push_back({memory.at(name)->data(), shape, t.layouts.at(name).strides(shape), dtype});
  };
  for (const ir::Input& i : k.inputs) add(i.name, i.dtype, i.shape);
  for (const ir::Store& o : k.outputs) add(o.name, o.dtype, o.shape);
  std::vector<ir::SymbolInfo> symbols = k.symbols;
  for (ir::SymbolInfo& s : symbols) s.hint = call.symbols.at(s.name);
  test::emulate(source, tensors, symbols, {});
}

void run(const Trial& t) {
  std::vector<codegen::cuda::Source> sources;
  for (tile::Kernel k : t.kernels) {
    codegen::cuda::SimtOptions options;
    if (t.seed % 8 == 7) options.shared_bytes = 512;  // most arrays go to the workspace
    sources.push_back(codegen::cuda::emit_simt(k, options));
  }
  for (const Call& call : t.calls) {
    Memory memory;
    const auto make = [&](const std::string& name, ir::DType dtype, const auto& shape) {
      memory[name] = std::make_unique<GuardedTensor>(name, dtype, sizes_of(shape, call.symbols),
                                                     t.layouts.at(name));
    };
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      const ir::Input& input = t.program.inputs[i];
      make(input.name, input.dtype, input.shape);
      memory[input.name]->write(call.inputs[i]);
    }
    std::map<std::string, ir::Array> got;
    for (size_t k = 0; k < t.kernels.size(); ++k) {
      for (const ir::Store& o : t.kernels[k].outputs) make(o.name, o.dtype, o.shape);
      launch(t, t.kernels[k], sources[k], call, memory);
      for (const ir::Store& o : t.kernels[k].outputs) {
        GuardedTensor& out = *memory.at(o.name);
        got[o.name] = out.read();
        out.check();
        out.write(got[o.name]);
      }
      for (const auto& [name, tensor] : memory) tensor->check();
    }
    compare(t, call, got, [&](ir::DType d, double y) { return tolerance(t, call, d, y); });
  }
}

TEST(Simt, RandomProgramsAgreeWithTheDefinition) {
  const uint64_t first = seed_number("FLASHLIGHT_FUZZ_FIRST", 0);
  const uint64_t count = seed_number("FLASHLIGHT_FUZZ_COUNT", 24);
  uint64_t ran = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    std::vector<Trial> trials;
    try {
      trials = TrialMaker(seed, "generic").run();
    } catch (const Refused&) {
      continue;
    }
    for (const Trial& t : trials) {
      std::string kernels;
      for (const tile::Kernel& k : t.kernels) kernels += tile::print(k);
      try {
        run(t);
        ++ran;
      } catch (const std::exception& e) {
        std::printf("WRONG seed %ju: %s\n  %s\n", uintmax_t(seed), t.summary.c_str(), e.what());
        std::fflush(stdout);
        ADD_FAILURE() << "seed " << seed << ": " << t.summary << "\n"
                      << e.what() << "\n"
                      << ir::print(t.program) << kernels;
      }
    }
  }
  EXPECT_GE(ran * 2, count);
}

}  // namespace
}  // namespace flashlight::fuzz
