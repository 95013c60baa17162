// One program to be tried: its kernels under a random schedule, layouts and specialization, and the
// calls to make. All follows from the seed.
#pragma once
#include <map>
#include <set>
#include <sstream>

#include "api/generalize.h"
#include "fuzz/guarded_tensor.h"
#include "fuzz/random_program.h"
#include "ir/rewrite.h"
#include "runtime/cpu/cpu_info.h"
#include "support/error.h"
#include "tile/bind.h"
#include "tile/lower.h"
#include "transform/canonicalize.h"
#include "transform/discover.h"
#include "transform/stream.h"

namespace flashlight::fuzz {

struct Call {
  ir::Bindings symbols;
  std::vector<ir::Array> inputs;
  std::vector<ir::Array> expected;  // fp64
};

struct Trial {
  uint64_t seed = 0;
  std::string summary;
  ir::Program program;
  std::vector<tile::Kernel> kernels;
  std::map<std::string, Layout> layouts;
  std::vector<Call> calls;  // the second one has other sizes
};

/// The same program in double precision.
inline RandomProgram doubled(RandomProgram r) {
  const auto wide = [](ir::Expr e) {
    return ir::transform(e, [](ir::Expr n) {
      if (n->type != ir::Type::F32) return n;
      if (n->op == ir::Op::Const) return ir::constant(ir::const_value(n), ir::Type::F64);
      if (n->op == ir::Op::Load) return ir::load(n->name(), n->args, ir::Type::F64);
      if (n->op == ir::Op::Cast) return ir::cast(n->args[0], ir::Type::F64);
      return ir::with_args(n, n->args);
    });
  };
  const auto widen = [](ir::DType& d) {
    if (ir::compute_type(d) == ir::Type::F32) d = ir::DType::F64;
  };
  for (ir::Input& i : r.program.inputs) widen(i.dtype);
  for (ir::Computation& c : r.program.computations) widen(c.dtype), c.body = wide(c.body);
  ir::verify(r.program);
  r.summary += ", in double precision";
  return r;
}

inline double stored(double x, ir::DType dtype) {
  char bytes[8];
  test::put(bytes, dtype, x);
  return test::get(bytes, dtype);
}

/// Values like the generator's for an input of other sizes.
inline ir::Array random_input(Random& rng, const ir::Input& input, const ir::Bindings& symbols) {
  std::vector<int64_t> shape;
  for (ir::Expr e : input.shape) shape.push_back(ir::evaluate(e, symbols));
  ir::Array out = ir::make_array(shape);
  for (double& x : out.data) {
    if (input.dtype == ir::DType::Bool)
      x = chance(rng, 0.6);
    else if (input.dtype == ir::DType::I64)
      x = static_cast<double>(pick(rng, 3));
    else
      x = static_cast<double>(pick(rng, 257) - 128) / 128;
  }
  return out;
}

inline tile::Target target_of(const std::string& isa) {
  tile::Target target;
  target.name = isa;
  const runtime::cpu::VectorUnit unit = runtime::cpu::vector_unit(isa);
  target.vector_bytes = unit.bytes, target.vector_registers = unit.registers;
  return target;
}

class TrialMaker {
 public:
  TrialMaker(uint64_t seed, std::string isa)
      : rng_(seed * 0x9e3779b97f4a7c15u + 1), isa_(std::move(isa)) {
    trial_.seed = seed;
  }

  /// Trials of one seed: the program, or its regions where it is not one kernel. None: refused.
  std::vector<Trial> run() {
    RandomProgram r = random_program(trial_.seed);
    if (chance(rng_, 0.08)) r = doubled(r);
    trial_.summary = r.summary;
    try {
      return {make(r.program, r.inputs, r.symbols)};
    } catch (const Refused&) {
      return regions(r);
    }
  }

 private:
  std::vector<Trial> regions(const RandomProgram& r) {
    std::vector<Trial> out;
    const transform::Discovery found = transform::discover(r.program);
    for (const transform::Region& region : found.regions) {
      std::vector<ir::Array> inputs;
      for (const ir::Input& i : region.program.inputs) inputs.push_back(value_of(r, i));
      out.push_back(make(region.program, inputs, r.symbols));
    }
    if (!out.empty()) return out;
    for (const ir::Output& o : r.program.outputs) {  // too small to be worth a kernel: no matter
      ir::Program p = r.program;
      p.outputs = {o};
      out.push_back(make(p, r.inputs, r.symbols));
    }
    return out;
  }

  /// An input of a region: an input of the program or one of its values.
  static ir::Array value_of(const RandomProgram& r, const ir::Input& input) {
    for (size_t k = 0; k < r.program.inputs.size(); ++k)
      if (r.program.inputs[k].name == input.name) return r.inputs[k];
    ir::Program p = r.program;
    p.outputs = {{input.name, {}}};
    ir::Array a = ir::interpret(p, r.inputs, r.symbols)[0];
    for (double& x : a.data) x = stored(x, input.dtype);
    return a;
  }

  Trial make(const ir::Program& program, std::vector<ir::Array> inputs, ir::Bindings symbols) {
    Trial t = trial_;
    t.program = transform::canonicalize(program);
    std::vector<ir::Array> used;  // canonical programs have no others
    for (size_t k = 0; k < inputs.size(); ++k)
      if (t.program.input(program.inputs[k].name)) used.push_back(std::move(inputs[k]));
    inputs = std::move(used);
    if (chance(rng_, 0.4)) {
      const size_t own = t.program.symbols.size();
      api::General general = api::generalize(t.program, 2 + pick(rng_, 8));
      t.program = general.program;
      for (size_t k = 0; k < general.values.size(); ++k)
        symbols[t.program.symbols[own + k].name] = general.values[k];
    }
    std::set<std::string> fixed;
    const std::vector<ir::Stream> streams = transform::stream(t.program);
    for (const ir::Input& i : t.program.inputs) lay_out(t, i.name, i.shape.size(), true);
    for (const ir::Stream& s : streams) {
      for (const ir::Store& o : s.outputs) lay_out(t, o.name, o.shape.size(), false);
    }
    for (ir::Stream s : streams) {
      s.name = "k" + std::to_string(t.seed) + "_" + std::to_string(made_++);
      t.kernels.push_back(lower(t, s, symbols));
      for (const auto& [name, value] : t.kernels.back().specialization.fixed) fixed.insert(name);
    }
    add_call(t, symbols, inputs);
    if (add_other_sizes(symbols, fixed)) {
      inputs.clear();
      for (const ir::Input& i : t.program.inputs) inputs.push_back(random_input(rng_, i, symbols));
      add_call(t, symbols, inputs);
    }
    return t;
  }

  void lay_out(Trial& t, const std::string& name, size_t rank, bool is_input) {
    if (!t.layouts.count(name)) t.layouts[name] = random_layout(rng_, rank, is_input);
  }

  static void add_call(Trial& t, const ir::Bindings& symbols, std::vector<ir::Array> inputs) {
    for (size_t k = 0; k < inputs.size(); ++k)
      repeat_broadcast(inputs[k], t.layouts.at(t.program.inputs[k].name));
    std::vector<ir::Array> expected = ir::interpret(t.program, inputs, symbols);
    t.calls.push_back({symbols, std::move(inputs), std::move(expected)});
  }

  bool add_other_sizes(ir::Bindings& symbols, const std::set<std::string>& fixed) {
    bool changed = false;
    for (auto& [name, value] : symbols) {
      if (fixed.count(name)) continue;
      const int64_t now = chance(rng_, 0.04) ? 0 : 1 + pick(rng_, value > 4 ? 70 : 4);
      changed = changed || now != value;
      value = now;
    }
    return changed;
  }

  tile::Kernel lower(const Trial& t, const ir::Stream& s, const ir::Bindings& symbols) {
    tile::Specialization spec;
    for (const std::string& n : tile::inner_symbols(s)) spec.fixed[n] = symbols.at(n);
    for (const ir::Input& i : s.inputs)
      spec.strides[i.name] = t.layouts.at(i.name).classes(i.shape);
    for (const ir::Store& o : s.outputs)
      spec.strides[o.name] = t.layouts.at(o.name).classes(o.shape);
    const tile::Target target = target_of(isa_);
    tile::Schedule schedule = tile::choose_schedule(s, spec, target);
    if (chance(rng_, 0.8)) vary(schedule, s, spec);
    return tile::lower(s, schedule, spec, target);
  }

  void vary(tile::Schedule& s, const ir::Stream& stream, const tile::Specialization& spec) {
    const int64_t lanes = s.panel / s.micro_vectors;
    s.micro_vectors = static_cast<int>(1 + pick(rng_, 3));
    s.panel = lanes * s.micro_vectors;
    s.micro_rows = static_cast<int>(1 + pick(rng_, 6));
    s.loop_tile = s.panel * (1 + pick(rng_, 4));
    const int64_t rows[] = {1, 3, 4, 6, 8, 12, 17, 24, 48};
    s.row_tile = rows[pick(rng_, std::size(rows))];
    const int64_t steps[] = {1, 7, 8, 24, 64};
    s.value_step = steps[pick(rng_, std::size(steps))];
    for (ir::Expr a : tile::bind(stream, spec.fixed).row_axes) {
      const bool small = ir::is_const(a->extent()) && ir::evaluate(a->extent(), {}) <= 4;
      if (small && chance(rng_, 0.1) &&
          !std::count(s.whole_rows.begin(), s.whole_rows.end(), a->name()))
        s.whole_rows.push_back(a->name());
    }
  }

  Random rng_;
  std::string isa_;
  Trial trial_;
  int made_ = 0;
};

}  // namespace flashlight::fuzz
