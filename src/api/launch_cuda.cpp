#include "api/launch_cuda.h"

#include <algorithm>
#include <cstring>

#include "runtime/cuda/driver.h"
#include "runtime/cuda/scratch.h"
#include "runtime/cuda/tensor_map.h"
#include "support/error.h"

namespace flashlight::api {
namespace {

namespace cuda = runtime::cuda;

constexpr size_t kMostParams = 4096;  // bytes that every driver takes
constexpr size_t kAlignment = 64;     // of a tensor map, hence of all parameters
constexpr size_t kMostKnown = 1024;   // sizes that are remembered

using Word = unsigned long long;

}  // namespace

CudaExecutable::CudaExecutable(const tile::Kernel& kernel, codegen::cuda::Source source,
                               const cuda::Cubin& cubin, int gpu)
    : source_(std::move(source)),
      gpu_(gpu),
      multiprocessors_(cuda::device(gpu).multiprocessors),
      loaded_(cubin, source_.entry, gpu, source_.threads, source_.shared_bytes) {
  for (const ir::SymbolInfo& s : kernel.symbols) symbols_.push_back(s.name);
  for (const ir::Input& i : kernel.inputs)
    tensors_.push_back({i.shape, int(ir::dtype_size(i.dtype))});
  for (const ir::Store& o : kernel.outputs)
    tensors_.push_back({o.shape, int(ir::dtype_size(o.dtype))});
  size_t words = tensors_.size() + symbols_.size();
  for (const Tensor& t : tensors_) words += t.shape.size();
  words += source_.counter + (source_.workspace_bytes > 0);
  if (source_.counter) cuda::reserve_counters(gpu);
  const size_t bytes = source_.maps.size() * sizeof(cuda::TensorMap) + words * sizeof(Word);
  param_bytes_ = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (param_bytes_ > kMostParams) throw Refused(kernel.name, "has too many tensors for one launch");
}

CudaExecutable::Sizes CudaExecutable::evaluate(const std::vector<int64_t>& symbols) const {
  ir::Bindings values;
  for (size_t i = 0; i < symbols_.size(); ++i) values[symbols_[i]] = symbols[i];
  Sizes out;
  out.ctas = ir::evaluate(source_.units, values);
  if (source_.ctas_per_sm > 0)
    out.ctas = std::min<int64_t>(out.ctas, int64_t(source_.ctas_per_sm) * multiprocessors_);
  for (const codegen::cuda::TensorMap& map : source_.maps) {
    std::vector<int64_t>& sizes = out.maps.emplace_back();
    for (int d : map.dims)
      sizes.push_back(ir::evaluate(tensors_[size_t(map.tensor)].shape[size_t(d)], values));
  }
  return out;
}

std::shared_ptr<const CudaExecutable::Sizes> CudaExecutable::sizes_of(
    const int64_t* symbols) const {
  const std::vector<int64_t> key(symbols, symbols + symbols_.size());
  const std::lock_guard lock(mutex_);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  if (known_.size() == kMostKnown) known_.clear();
  return known_[key] = std::make_shared<const Sizes>(evaluate(key));
}

void CudaExecutable::write_map(size_t m, const Sizes& sizes, const Arguments& a, void* out) const {
  const codegen::cuda::TensorMap& map = source_.maps[m];
  cuda::MapLayout layout;
  layout.address = a.data[map.tensor];
  layout.element_bytes = tensors_[size_t(map.tensor)].element_bytes;
  layout.rank = int(map.dims.size());
  layout.swizzle = map.swizzle;
  FLASHLIGHT_CHECK(layout.rank <= cuda::kMapRank && map.box.size() == map.dims.size(),
                   "a tensor map has one box length for each of at most five dimensions");
  for (size_t d = 0; d < map.dims.size(); ++d) {
    layout.sizes[d] = sizes.maps[m][d];
    layout.strides[d] = a.strides[map.tensor][map.dims[d]];
    layout.box[d] = map.box[d];
    if (layout.sizes[d] == 0) return;  // nothing of it is ever read
  }
  cuda::TensorMap encoded;
  cuda::encode(layout, encoded);
  std::memcpy(out, &encoded, sizeof encoded);
}

void CudaExecutable::run(const Arguments& a) const {
  const std::shared_ptr<const Sizes> sizes = sizes_of(a.symbols);
  if (sizes->ctas <= 0) return;
  alignas(kAlignment) unsigned char params[kMostParams];
  std::memset(params, 0, param_bytes_);
  unsigned char* at = params;
  for (size_t m = 0; m < source_.maps.size(); ++m, at += sizeof(cuda::TensorMap))
    write_map(m, *sizes, a, at);
  const auto put = [&](Word word) {
    std::memcpy(at, &word, sizeof word);
    at += sizeof word;
  };
  for (size_t t = 0; t < tensors_.size(); ++t) put(reinterpret_cast<uintptr_t>(a.data[t]));
  for (size_t t = 0; t < tensors_.size(); ++t)
    for (size_t d = 0; d < tensors_[t].shape.size(); ++d) put(Word(a.strides[t][d]));
  for (size_t s = 0; s < symbols_.size(); ++s) put(Word(a.symbols[s]));
  const cuda::ContextGuard guard(gpu_);
  if (source_.counter) put(reinterpret_cast<uintptr_t>(cuda::launch_counter(gpu_, a.stream)));
  const cuda::StreamMemory workspace(size_t(source_.workspace_bytes * sizes->ctas), a.stream);
  if (workspace.data()) put(reinterpret_cast<uintptr_t>(workspace.data()));
  loaded_.launch({sizes->ctas, a.stream, params, param_bytes_});
}

}  // namespace flashlight::api
