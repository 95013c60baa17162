#include "support/emulate.h"

#include <algorithm>
#include <memory>

#include "codegen/cuda/device/emulate_abi.cuh"
#include "codegen/cuda/device_headers.h"
#include "runtime/cpu/compile.h"
#include "runtime/cpu/cpu_info.h"
#include "support/error.h"
#include "support/typed_memory.h"

namespace flashlight::test {
namespace {

using Entry = const char* (*)(const EmulatedLaunch*);

Entry compile(const codegen::cuda::Source& source) {
  // Kept between processes: every test of ctest is one. Leaked, as modules are.
  static auto* cache = new runtime::Cache(runtime::Cache::default_root() / "emulated");
  const std::string text = "#define FLASHLIGHT_EMULATE 1\n#include \"types.cuh\"\n" + source.text +
                           "\nEMULATED_ENTRY(" + source.entry + ")\n";
  const auto module = runtime::cpu::compile(
      {text, codegen::cuda::device_headers(), runtime::cpu::host_isa()}, *cache);
  return reinterpret_cast<Entry>(module->symbol("flashlight_emulate"));
}

void require(bool condition, const std::string& what) {
  if (!condition) throw InternalError("tensor map: " + what);
}

/// With the demands of cuTensorMapEncodeTiled.
EmulatedMap encode(const codegen::cuda::TensorMap& map, const DeviceTensor& tensor) {
  EmulatedMap out{};
  const int bytes = ir::dtype_size(tensor.dtype);
  out.base = static_cast<unsigned char*>(tensor.data);
  out.rank = static_cast<unsigned>(map.dims.size());
  out.element_bytes = static_cast<unsigned>(bytes);
  out.swizzle = static_cast<unsigned>(map.swizzle);
  require(out.rank >= 1 && out.rank <= 5 && map.box.size() == out.rank, "rank");
  require(reinterpret_cast<uintptr_t>(tensor.data) % 16 == 0, "base is not aligned to 16 bytes");
  require(tensor.strides.at(map.dims[0]) == 1, "the first dimension has no unit stride");
  require(map.box[0] * bytes % 16 == 0, "the box's rows are no multiple of 16 bytes");
  require(map.swizzle == 0 || map.box[0] * bytes <= map.swizzle, "the box exceeds the swizzle");
  for (size_t d = 0; d < out.rank; d++) {
    require(map.box[d] >= 1 && map.box[d] <= 256, "a box is 1 to 256 elements in each dimension");
    out.size[d] = static_cast<unsigned>(tensor.shape.at(map.dims[d]));
    require(out.size[d] > 0, "a tensor without elements");
    out.box[d] = static_cast<unsigned>(map.box[d]);
    if (d == 0) continue;
    int64_t stride = tensor.strides.at(map.dims[d]) * bytes;
    if (out.size[d] == 1) stride = (stride + 15) / 16 * 16;  // means nothing, as in the runtime
    require(stride >= 0 && stride % 16 == 0, "a stride is no multiple of 16 bytes");
    out.stride[d - 1] = static_cast<unsigned long long>(stride);
  }
  return out;
}

/// The Params block of source.h, 64-byte aligned.
class Params {
 public:
  Params(const codegen::cuda::Source& source, const std::vector<DeviceTensor>& tensors,
         const std::vector<ir::SymbolInfo>& symbols, const void* workspace) {
    for (const auto& map : source.maps) append(encode(map, tensors.at(map.tensor)));
    for (const auto& t : tensors) append(reinterpret_cast<uint64_t>(t.data));
    for (const auto& t : tensors)
      for (int64_t stride : t.strides) append(stride);
    for (const auto& s : symbols) append(s.hint);
    if (source.counter) append(reinterpret_cast<uint64_t>(counter_));
    if (source.workspace_bytes > 0) append(reinterpret_cast<uint64_t>(workspace));
  }
  /// Whether the kernel left its counter as it must be before the next launch.
  bool counter_is_zero() const { return counter_[0] == 0 && counter_[1] == 0; }
  const void* data() {
    blocks_.resize(bytes_.size() / sizeof(Block) + 1);
    std::memcpy(blocks_.data(), bytes_.data(), bytes_.size());
    return blocks_.data();
  }

 private:
  struct alignas(64) Block {
    char bytes[64];
  };
  template <class T>
  void append(const T& value) {
    const auto* p = reinterpret_cast<const char*>(&value);
    bytes_.insert(bytes_.end(), p, p + sizeof value);
  }
  std::vector<char> bytes_;
  std::vector<Block> blocks_;
  int counter_[2] = {0, 0};
};

ir::Bindings bindings(const std::vector<ir::SymbolInfo>& symbols) {
  ir::Bindings out;
  for (const auto& s : symbols) out[s.name] = s.hint;
  return out;
}

std::vector<int64_t> shape_of(const std::vector<ir::Expr>& extents, const ir::Bindings& symbols) {
  std::vector<int64_t> out;
  for (ir::Expr e : extents) out.push_back(ir::evaluate(e, symbols));
  return out;
}

/// Offsets of the elements in row-major order.
std::vector<int64_t> offsets(const std::vector<int64_t>& shape,
                             const std::vector<int64_t>& strides) {
  std::vector<int64_t> out = {0};
  for (size_t d = 0; d < shape.size(); d++) {
    std::vector<int64_t> next;
    for (int64_t base : out)
      for (int64_t k = 0; k < shape[d]; k++) next.push_back(base + k * strides[d]);
    out = std::move(next);
  }
  return out;
}

/// Memory of one array for a launch.
struct Placed {
  std::unique_ptr<Memory> memory;
  DeviceTensor tensor;

  char* at(int64_t offset) const {
    return static_cast<char*>(tensor.data) + offset * ir::dtype_size(tensor.dtype);
  }
};

/// `order`: dimensions from the largest stride to the smallest, unless the options know better.
Placed place(const std::string& name, const std::vector<int64_t>& shape, ir::DType dtype,
             std::vector<int> order, const EmulateOptions& options) {
  if (const auto it = options.order.find(name); it != options.order.end()) order = it->second;
  std::vector<int64_t> strides(shape.size());
  int64_t elements = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    const size_t dim = order.empty() ? d : static_cast<size_t>(order[d]);
    strides[dim] = elements, elements *= shape[dim];
  }
  Placed out;
  out.memory = std::make_unique<Memory>(
      strides, static_cast<size_t>(elements) * static_cast<size_t>(ir::dtype_size(dtype)));
  char* data = out.memory->data;
  out.tensor = {data - reinterpret_cast<uintptr_t>(data) % 16, shape, strides, dtype};
  return out;
}

}  // namespace

void emulate(const codegen::cuda::Source& source, const std::vector<DeviceTensor>& tensors,
             const std::vector<ir::SymbolInfo>& symbols, const EmulateOptions& options) {
  const Entry entry = compile(source);
  int64_t units = ir::evaluate(source.units, bindings(symbols));
  if (source.ctas_per_sm > 0)
    units = std::min<int64_t>(units, int64_t{source.ctas_per_sm} * options.multiprocessors);
  if (units <= 0) return;
  const Memory workspace({},
                         static_cast<size_t>((source.workspace_bytes * units + 255) / 256 * 256));
  Params params(source, tensors, symbols, workspace.data);
  const EmulatedLaunch launch{params.data(),
                              {static_cast<unsigned>(units), 1, 1},
                              source.threads,
                              source.shared_bytes,
                              options.seed};
  if (const char* error = entry(&launch)) throw InternalError(source.entry + ": " + error);
  if (!params.counter_is_zero()) throw InternalError(source.entry + ": the counter is not zero");
}

std::vector<ir::Array> emulate(const codegen::cuda::Source& source, const tile::Kernel& kernel,
                               const std::vector<ir::Array>& inputs, const ir::Bindings& symbols,
                               const EmulateOptions& options) {
  std::vector<ir::SymbolInfo> values = kernel.symbols;
  for (auto& v : values)
    if (const auto it = symbols.find(v.name); it != symbols.end()) v.hint = it->second;
  std::vector<Placed> placed;
  for (size_t i = 0; i < inputs.size(); i++) {
    const ir::Input& input = kernel.inputs.at(i);
    placed.push_back(place(input.name, inputs[i].shape, input.dtype, {}, options));
    const auto where = offsets(inputs[i].shape, placed.back().tensor.strides);
    for (size_t e = 0; e < where.size(); e++)
      put(placed.back().at(where[e]), input.dtype, inputs[i].data[e]);
  }
  for (const ir::Store& o : kernel.outputs)
    placed.push_back(place(o.name, shape_of(o.shape, bindings(values)), o.dtype, o.order, options));
  std::vector<DeviceTensor> tensors;
  for (const Placed& p : placed) tensors.push_back(p.tensor);
  emulate(source, tensors, values, options);
  std::vector<ir::Array> out;
  for (size_t k = inputs.size(); k < placed.size(); k++) {
    const DeviceTensor& t = placed[k].tensor;
    ir::Array array = ir::make_array(t.shape);
    const auto where = offsets(t.shape, t.strides);
    for (size_t e = 0; e < where.size(); e++) array.data[e] = get(placed[k].at(where[e]), t.dtype);
    out.push_back(std::move(array));
  }
  return out;
}

}  // namespace flashlight::test
