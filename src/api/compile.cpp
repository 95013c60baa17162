#include "api/compile.h"

#include <map>

#include "api/generalize.h"
#include "codegen/cpu/device/abi.h"
#include "support/env.h"
#include "support/error.h"
#include "transform/canonicalize.h"
#include "transform/rename.h"
#include "transform/stream.h"

namespace flashlight::api {
namespace {

/// A tensor of a family: an input or output of the program, or memory between two streams.
struct Place {
  enum Kind { kInput, kOutput, kTemporary } kind;
  size_t index;
};

struct Step {
  std::unique_ptr<Variants> variants;
  std::vector<Place> places;  // inputs, then outputs
  std::vector<int> symbols;   // indices of the family's
};

constexpr size_t kAlignment = 64;

/// Memory of one tensor for the time of one call.
class Temporary {
 public:
  Temporary(const ir::Store& store, const ir::Bindings& symbols) : strides_(store.shape.size()) {
    int64_t elements = 1;
    for (size_t i = strides_.size(); i-- > 0;) {
      const size_t d = store.order.empty() ? i : size_t(store.order[i]);
      strides_[d] = elements;
      elements *= ir::evaluate(store.shape[d], symbols);
    }
    const size_t bytes = size_t(elements) * size_t(ir::dtype_size(store.dtype));
    data_.reset(std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment));
    if (!data_) throw CompileError("no memory for " + store.name + " between two kernels");
  }

  View view() const { return {data_.get(), strides_.data()}; }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::vector<int64_t> strides_;
  std::unique_ptr<void, Free> data_;
};

}  // namespace

struct Family {
  ir::Program program;
  std::vector<Step> steps;
  std::vector<ir::Store> temporaries;

  explicit Family(ir::Program general) : program(std::move(general)) {
    std::map<std::string, Place> places;
    for (size_t i = 0; i < program.inputs.size(); ++i)
      places[program.inputs[i].name] = {Place::kInput, i};
    for (size_t i = 0; i < program.outputs.size(); ++i)
      places[program.outputs[i].name] = {Place::kOutput, i};
    for (ir::Stream& stream : transform::stream(program)) {
      debug_print("passes", "stream\n" + ir::print(stream));
      add(std::move(stream), places);
    }
  }

  void add(ir::Stream stream, std::map<std::string, Place>& places) {
    for (const ir::Store& o : stream.outputs)
      if (places.try_emplace(o.name, Place{Place::kTemporary, temporaries.size()}).second)
        temporaries.push_back(o);
    Step step;
    for (const ir::Input& i : stream.inputs) step.places.push_back(places.at(i.name));
    for (const ir::Store& o : stream.outputs) step.places.push_back(places.at(o.name));
    for (const ir::SymbolInfo& s : stream.symbols)
      for (size_t i = 0; i < program.symbols.size(); ++i)
        if (program.symbols[i].name == s.name) step.symbols.push_back(int(i));
    step.variants = std::make_unique<Variants>(std::move(stream));
    steps.push_back(std::move(step));
  }
};

namespace {

ir::Bindings bind_symbols(const ir::Program& program, const std::vector<int64_t>& values) {
  FLASHLIGHT_CHECK(values.size() == program.symbols.size(), "one value per symbol");
  ir::Bindings out;
  for (size_t i = 0; i < values.size(); ++i) out[program.symbols[i].name] = values[i];
  return out;
}

/// Programs that are equal but for hints share their kernels. Never destroyed: kernels may run in
/// other threads until the process is gone.
std::shared_ptr<Family> family_of(const ir::Program& general) {
  static auto* const mutex = new std::mutex;
  static auto* const families = new std::map<std::string, std::shared_ptr<Family>>;
  ir::Program key = general;
  for (ir::SymbolInfo& s : key.symbols) s.hint = 0;
  const std::lock_guard lock(*mutex);
  std::shared_ptr<Family>& family = (*families)[ir::print(key)];
  if (!family) family = std::make_shared<Family>(general);
  return family;
}

/// The name that the caller knows a value by.
std::string original(const std::string& name, const transform::Renamed& by) {
  const auto it = by.original.find(name);
  return it == by.original.end() ? name : it->second;
}

}  // namespace

Compiled::Compiled(const std::string& text) : program_(ir::parse(text)) {
  // Twice: the order of operands follows names, so they have to be equal from the start; then
  // canonicalize leaves gaps that depend on how the computation was spelled.
  const transform::Renamed first = transform::rename(program_);
  General general = generalize(transform::canonicalize(first.program));
  const transform::Renamed second = transform::rename(general.program);
  if (debug_wants("passes")) debug_print("passes", "canonical\n" + ir::print(second.program));
  lengths_ = std::move(general.values);
  for (const ir::Input& i : second.program.inputs) {
    const std::string name = original(original(i.name, second), first);
    inputs_.push_back(size_t(program_.input(name) - program_.inputs.data()));
  }
  try {
    family_ = family_of(second.program);
  } catch (const Refused& e) {
    throw Refused(original(original(e.node(), second), first), e.reason());
  }
}

const ir::Program& Compiled::general() const { return family_->program; }

std::vector<int64_t> Compiled::values_of(const std::vector<int64_t>& symbols) const {
  if (symbols.size() != program_.symbols.size()) throw Refused("call", "wrong number of symbols");
  std::vector<int64_t> values = symbols;
  values.insert(values.end(), lengths_.begin(), lengths_.end());
  return values;
}

ir::Bindings Compiled::bindings(const std::vector<int64_t>& symbols) const {
  return bind_symbols(family_->program, values_of(symbols));
}

std::vector<const Variants*> Compiled::kernels() const {
  std::vector<const Variants*> out;
  for (const Step& step : family_->steps) out.push_back(step.variants.get());
  return out;
}

void Compiled::call(const std::vector<View>& inputs, const std::vector<View>& outputs,
                    const std::vector<int64_t>& symbols) const {
  if (inputs.size() != program_.inputs.size() || outputs.size() != program_.outputs.size())
    throw Refused("call", "wrong number of tensors");
  const std::vector<int64_t> values = values_of(symbols);
  std::vector<Temporary> temporaries;
  if (!family_->temporaries.empty()) {
    const ir::Bindings sizes = bind_symbols(family_->program, values);
    for (const ir::Store& t : family_->temporaries) temporaries.emplace_back(t, sizes);
  }
  std::vector<void*> data;
  std::vector<const int64_t*> strides;
  std::vector<int64_t> own;
  for (const Step& step : family_->steps) {
    data.clear(), strides.clear(), own.clear();
    for (const Place& p : step.places) {
      const View view = p.kind == Place::kInput    ? inputs[inputs_[p.index]]
                        : p.kind == Place::kOutput ? outputs[p.index]
                                                   : temporaries[p.index].view();
      data.push_back(view.data), strides.push_back(view.strides);
    }
    for (int i : step.symbols) own.push_back(values[size_t(i)]);
    const Variant& variant = step.variants->get(own.data(), strides.data());
    const fl_args args{data.data(), strides.data(), own.data()};
    if (variant.entry(&args) != 0)
      throw CompileError("memory ran out in kernel " + variant.kernel.name);
  }
}

}  // namespace flashlight::api
