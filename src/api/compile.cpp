#include "api/compile.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include "api/generalize.h"
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

/// Memory between two kernels, for given sizes: one block, a part for each tensor.
struct Room {
  struct Part {
    size_t offset;
    std::vector<int64_t> strides;
  };
  std::vector<Part> parts;
  size_t bytes = 0;
};

constexpr size_t kAlignment = 256;  // of each part
constexpr size_t kMostRooms = 1024;

Room make_room(const std::vector<ir::Store>& temporaries, const ir::Bindings& sizes) {
  Room room;
  for (const ir::Store& store : temporaries) {
    Room::Part part{room.bytes, std::vector<int64_t>(store.shape.size())};
    int64_t elements = 1;
    for (size_t i = part.strides.size(); i-- > 0;) {
      const size_t d = store.order.empty() ? i : size_t(store.order[i]);
      part.strides[d] = elements;
      elements *= ir::evaluate(store.shape[d], sizes);
    }
    const size_t bytes = size_t(elements) * size_t(ir::dtype_size(store.dtype));
    room.bytes += (bytes / kAlignment + 1) * kAlignment;
    room.parts.push_back(std::move(part));
  }
  return room;
}

/// Memory of the CPU for the time of one call.
class HostBlock {
 public:
  explicit HostBlock(size_t bytes)
      : data_(bytes ? std::aligned_alloc(kAlignment, bytes) : nullptr) {
    if (bytes && !data_)
      throw CompileError("no memory for " + std::to_string(bytes) + " bytes between two kernels");
  }
  void* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> data_;
};

}  // namespace

struct Family {
  ir::Program program;
  std::vector<Step> steps;
  std::vector<ir::Store> temporaries;
  std::mutex mutex;  // guards rooms
  std::map<std::vector<int64_t>, std::shared_ptr<const Room>> rooms;

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

  std::shared_ptr<const Room> room_of(const std::vector<int64_t>& values);
};

namespace {

ir::Bindings bind_symbols(const ir::Program& program, const std::vector<int64_t>& values) {
  FLASHLIGHT_CHECK(values.size() == program.symbols.size(), "one value per symbol");
  ir::Bindings out;
  for (size_t i = 0; i < values.size(); ++i) out[program.symbols[i].name] = values[i];
  return out;
}

}  // namespace

/// Null where no memory is needed. Expressions are evaluated once for each set of sizes.
std::shared_ptr<const Room> Family::room_of(const std::vector<int64_t>& values) {
  if (temporaries.empty()) return nullptr;
  const std::lock_guard lock(mutex);
  if (rooms.size() == kMostRooms) rooms.clear();
  std::shared_ptr<const Room>& room = rooms[values];
  if (!room) room = std::make_shared<Room>(make_room(temporaries, bind_symbols(program, values)));
  return room;
}

namespace {

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

int64_t Compiled::workspace_bytes(const std::vector<int64_t>& symbols) const {
  const std::shared_ptr<const Room> room = family_->room_of(values_of(symbols));
  return room ? int64_t(room->bytes) : 0;
}

template <class Use>
void Compiled::each(const std::vector<View>& inputs, const std::vector<View>& outputs,
                    const std::vector<int64_t>& values, char* memory, void* stream,
                    const Use& use) const {
  if (inputs.size() != program_.inputs.size() || outputs.size() != program_.outputs.size())
    throw Refused("call", "wrong number of tensors");
  const std::shared_ptr<const Room> room = family_->room_of(values);
  const auto temporary = [&](size_t i) {
    const Room::Part& part = room->parts[i];
    return View{memory + part.offset, part.strides.data()};
  };
  std::vector<void*> data;
  std::vector<const int64_t*> strides;
  std::vector<int64_t> own;
  for (const Step& step : family_->steps) {
    data.clear(), strides.clear(), own.clear();
    for (const Place& p : step.places) {
      const View view = p.kind == Place::kInput    ? inputs[inputs_[p.index]]
                        : p.kind == Place::kOutput ? outputs[p.index]
                                                   : temporary(p.index);
      data.push_back(view.data), strides.push_back(view.strides);
    }
    for (int i : step.symbols) own.push_back(values[size_t(i)]);
    use(*step.variants, Arguments{data.data(), strides.data(), own.data(), stream});
  }
}

void Compiled::call(const std::vector<View>& inputs, const std::vector<View>& outputs,
                    const std::vector<int64_t>& symbols, const Where& where) const {
  const std::vector<int64_t> values = values_of(symbols);
  const std::shared_ptr<const Room> room = family_->room_of(values);
  const HostBlock own_room(room && where.gpu == kCpu ? room->bytes : 0);
  char* const memory = static_cast<char*>(where.gpu == kCpu ? own_room.data() : where.workspace);
  if (room && memory == nullptr) throw Refused("call", "needs a workspace");
  each(inputs, outputs, values, memory, where.stream,
       [&](Variants& v, const Arguments& a) { v.get(a, where).executable->run(a); });
}

void Compiled::build(const std::vector<View>& inputs, const std::vector<View>& outputs,
                     const std::vector<int64_t>& symbols, const Where& where) const {
  each(inputs, outputs, values_of(symbols), nullptr, nullptr,
       [&](Variants& v, const Arguments& a) { v.build(a, where); });
}

}  // namespace flashlight::api
