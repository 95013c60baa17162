// Runs a program on one of the paths that compute in fragments, on the emulator, and compares with
// the definition in fp64.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>

#include "codegen/cuda/emit.h"
#include "support/emulate.h"
#include "support/error.h"
#include "support/run_kernels.h"
#include "support/typed_memory.h"
#include "unit/codegen/cuda/fragment_programs.h"

namespace flashlight::test {

struct FragmentRun {
  std::string path = "tensor_core", type = "bf16";
  int warps = 4, stages = 2, teams = 1;
  int held = 2;  // rows of a lane, on the tensor-core path
  int64_t loop_tile = 64;
  bool aligned = true, tf32 = false;
  bool unit_strides = true;  // else nothing is known of any stride
  EmulateOptions options = {};
  std::vector<codegen::cuda::Source> sources = {};  // of the kernels, made once
  std::vector<std::string> refused = {};            // why kernels are not on the path

  std::optional<ir::Program> definition = {};  // of the result, where it is another program

  using Edit = std::function<void(std::vector<ir::Array>&)>;

  static FragmentRun tensor_core(const std::string& type = "bf16", int64_t loop_tile = 64,
                                 bool tf32 = false) {
    FragmentRun r;
    r.type = type, r.loop_tile = loop_tile, r.tf32 = tf32;
    return r;
  }
  static FragmentRun hopper(const std::string& type = "bf16", int groups = 2) {
    FragmentRun r;
    r.path = "hopper", r.type = type, r.warps = 4 * groups;
    return r;
  }

  /// Operands are exact; weights and the result are rounded once each to the type, and special
  /// functions are approximate to half of that. Sums in float32 lose by the root of their length.
  double tolerance(int64_t length) const {
    const double unit = type == "bf16" ? 0x1p-8 : type == "f16" ? 0x1p-11 : tf32 ? 0x1p-10 : 0;
    return 1.5 * unit + 0x1p-22 * std::sqrt(static_cast<double>(std::max<int64_t>(length, 16)));
  }

  /// Kernels of the program, and their text. What the Hopper path refuses goes to the tensor-core
  /// path, what that refuses throws Refused.
  void make(const ir::Program& p) {
    kernels_.clear(), sources.clear(), refused.clear();
    for (const ir::Stream& s : transform::stream(transform::canonicalize(p))) {
      const tile::Specialization spec = specialize(s, ir::hints(p));
      if (path == "hopper") try {
          add(s, "hopper", warps, spec, {.name = "sm_90a", .shared_bytes = 232448});
          continue;
        } catch (const Refused& why) {
          refused.push_back(why.what());
        }
      add(s, "tensor_core", path == "hopper" ? 4 : warps, spec,
          {.name = "sm_80", .shared_bytes = 166912});
    }
  }

  /// Largest error of any output, relative to its largest element; infinite where one is NaN or
  /// infinite and the other is not.
  double error(const ir::Program& p, const ir::Bindings& sizes, const Edit& edit = {}) {
    if (kernels_.empty()) make(p);
    std::vector<ir::Array> inputs = random_inputs(p, sizes);
    for (size_t k = 0; k < inputs.size(); ++k)
      if (ir::compute_type(p.inputs[k].dtype) == ir::Type::Int)
        for (size_t e = 0; e < inputs[k].data.size(); ++e)
          inputs[k].data[e] = static_cast<double>(e / 23);
    if (edit) edit(inputs);
    std::map<std::string, ir::Array> memory;
    for (size_t k = 0; k < inputs.size(); ++k) {
      for (double& x : inputs[k].data) x = rounded(x, p.inputs[k].dtype);
      memory[p.inputs[k].name] = inputs[k];
    }
    for (size_t n = 0; n < kernels_.size(); ++n) {
      std::vector<ir::Array> args;
      for (const ir::Input& i : kernels_[n].inputs) args.push_back(memory.at(i.name));
      const auto out = emulate(sources[n], kernels_[n], args, sizes, options);
      for (size_t o = 0; o < out.size(); ++o) memory[kernels_[n].outputs[o].name] = out[o];
    }
    const std::vector<ir::Array> want = ir::interpret(definition.value_or(p), inputs, sizes);
    double worst = 0;
    for (size_t o = 0; o < want.size(); ++o)
      worst = std::max(worst, distance(memory.at(p.outputs[o].name), want[o]));
    return worst;
  }

 private:
  static double rounded(double x, ir::DType dtype) {
    char bytes[8];
    put(bytes, dtype, x);
    return get(bytes, dtype);
  }
  static double distance(const ir::Array& got, const ir::Array& want) {
    double largest = 1e-30, worst = 0;
    for (double x : want.data)
      if (std::isfinite(x)) largest = std::max(largest, std::fabs(x));
    for (size_t e = 0; e < want.data.size(); ++e) {
      const double a = got.data[e], b = want.data[e];
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      if (!std::isfinite(a) || !std::isfinite(b)) return INFINITY;
      worst = std::max(worst, std::fabs(a - b) / largest);
    }
    return worst;
  }
  void add(const ir::Stream& stream, const std::string& on, int rows,
           const tile::Specialization& spec, const tile::Target& target) {
    tile::Schedule s;
    s.path = on, s.warps = rows, s.stages = on == path ? stages : 2;
    s.teams = on == "hopper" ? teams : 1;
    s.row_tile = (on == "tensor_core" ? 8 * held : 16) * rows, s.loop_tile = s.panel = loop_tile;
    tile::Kernel kernel = tile::lower(stream, s, spec, target);
    sources.push_back(codegen::cuda::emit(kernel, target));
    kernels_.push_back(std::move(kernel));
  }
  tile::Specialization specialize(const ir::Stream& s, const ir::Bindings& sizes) const {
    tile::Specialization spec = specialization(s, sizes);
    spec.tf32 = tf32;
    const auto set = [&](const std::string& name, const std::vector<ir::Expr>& shape,
                         ir::DType dtype, const std::vector<int>& order) {
      const size_t rank = shape.size();
      auto& classes = spec.strides[name];
      classes.assign(rank, tile::StrideClass::Any);
      const auto known = options.order.find(name);
      const std::vector<int>& by = known == options.order.end() ? order : known->second;
      if (rank > 0 && unit_strides)
        classes[by.empty() ? rank - 1 : static_cast<size_t>(by.back())] = tile::StrideClass::One;
      for (size_t d = 0; d < rank && by.empty() && unit_strides; ++d)
        if (joined(shape, d)) classes[d] = tile::StrideClass::Joined;
      bool multiples = aligned;  // of 16 bytes, as a call of this size finds them
      int64_t stride = ir::dtype_size(dtype);
      for (size_t d = rank; d-- > 0;) {
        const int64_t extent =
            ir::evaluate(shape[by.empty() ? d : static_cast<size_t>(by[d])], sizes);
        multiples = multiples && (d + 1 == rank || extent == 1 || stride % 16 == 0);
        stride *= extent;
      }
      if (multiples) spec.aligned.insert(name);
    };
    for (const ir::Input& i : s.inputs) set(i.name, i.shape, i.dtype, {});
    for (const auto& o : s.outputs) set(o.name, o.shape, o.dtype, o.order);
    return spec;
  }

  std::vector<tile::Kernel> kernels_;
};

/// Scores of the first `keys` keys are `above` those of the others, which are about 0.
inline FragmentRun::Edit early_keys_above(double above, int64_t keys = 3) {
  return [=](std::vector<ir::Array>& inputs) {
    for (double& x : inputs[0].data) x = 1;
    ir::Array& k = inputs[1];
    const int64_t length = k.shape[1], dim = k.shape[2];
    for (size_t e = 0; e < k.data.size(); ++e) {
      const auto j = static_cast<int64_t>(e) / dim % length;
      k.data[e] = k.data[e] * 0.125 + (j < keys ? above / 8 : 0);
    }
  };
}

}  // namespace flashlight::test
