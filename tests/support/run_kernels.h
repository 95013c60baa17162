// Runs a program through the whole middle of the compiler on the tile interpreter.
#pragma once
#include <map>

#include "support/programs.h"
#include "tile/bind.h"
#include "tile/interpret.h"
#include "tile/lower.h"
#include "transform/canonicalize.h"
#include "transform/stream.h"

namespace flashlight::test {

/// Dimensions d and d + 1 are constants: in dense memory their strides are known (Joined).
inline bool joined(const std::vector<ir::Expr>& shape, size_t d) {
  const auto narrow = [](ir::Expr e) { return ir::is_const(e) && !ir::is_const(e, 1); };
  return d + 1 < shape.size() && narrow(shape[d]) && narrow(shape[d + 1]);
}

inline tile::Specialization specialization(const ir::Stream& s, const ir::Bindings& sizes) {
  tile::Specialization spec;
  for (const std::string& n : tile::inner_symbols(s)) spec.fixed[n] = sizes.at(n);
  for (const ir::Input& i : s.inputs) {
    auto& classes = spec.strides[i.name];
    classes.assign(i.shape.size(), tile::StrideClass::Any);
    if (!classes.empty()) classes.back() = tile::StrideClass::One;
  }
  return spec;
}

/// Kernels in order, with small tiles so that small inputs have several of them.
inline std::vector<tile::Kernel> kernels_of(const ir::Program& p, const ir::Bindings& sizes,
                                            tile::Schedule schedule = {}) {
  std::vector<tile::Kernel> out;
  for (const ir::Stream& s : transform::stream(transform::canonicalize(p))) {
    tile::Specialization spec = specialization(s, sizes);
    schedule.whole_rows = tile::choose_schedule(s, spec, {}).whole_rows;
    out.push_back(tile::lower(s, schedule, spec, {}));
  }
  return out;
}

inline tile::Schedule small_tiles() {
  tile::Schedule s;
  s.row_tile = 4, s.loop_tile = 8, s.panel = 4, s.value_step = 4;
  return s;
}

inline std::vector<ir::Array> interpret_kernels(const ir::Program& p,
                                                const std::vector<ir::Array>& inputs,
                                                const ir::Bindings& sizes) {
  std::map<std::string, ir::Array> memory;
  for (size_t k = 0; k < inputs.size(); ++k) memory[p.inputs[k].name] = inputs[k];
  for (const tile::Kernel& k : kernels_of(p, sizes, small_tiles())) {
    std::vector<ir::Array> args;
    for (const ir::Input& i : k.inputs) args.push_back(memory.at(i.name));
    std::vector<ir::Array> results = tile::interpret(k, args, sizes);
    for (size_t o = 0; o < results.size(); ++o) memory[k.outputs[o].name] = results[o];
  }
  std::vector<ir::Array> out;
  for (const ir::Output& o : p.outputs) out.push_back(memory.at(o.name));
  return out;
}

}  // namespace flashlight::test
