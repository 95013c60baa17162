// An emitted CUDA kernel as something that can be called: fills its parameters, launches it.
#pragma once
#include <map>
#include <mutex>
#include <vector>

#include "api/executable.h"
#include "codegen/cuda/source.h"
#include "runtime/cuda/module.h"

namespace flashlight::api {

/// See codegen/cuda/source.h for the parameters. Read tests/unit/api/cuda_test.cpp.
class CudaExecutable : public Executable {
 public:
  /// Loads the cubin on the device. `kernel` says shapes and symbols.
  CudaExecutable(const tile::Kernel& kernel, codegen::cuda::Source source,
                 const runtime::cuda::Cubin& cubin, int gpu);

  void run(const Arguments& arguments) const override;

 private:
  /// What follows from the symbols alone.
  struct Sizes {
    int64_t ctas = 0;
    std::vector<std::vector<int64_t>> maps;  // of the tensor of each map, per dimension of the map
  };
  struct Tensor {
    std::vector<ir::Expr> shape;
    int element_bytes = 0;
  };

  std::shared_ptr<const Sizes> sizes_of(const int64_t* symbols) const;
  Sizes evaluate(const std::vector<int64_t>& symbols) const;
  void write_map(size_t map, const Sizes& sizes, const Arguments& arguments, void* out) const;

  codegen::cuda::Source source_;
  std::vector<std::string> symbols_;
  std::vector<Tensor> tensors_;
  size_t param_bytes_ = 0;
  int gpu_ = 0, multiprocessors_ = 0;
  runtime::cuda::LoadedKernel loaded_;
  mutable std::mutex mutex_;  // guards known_
  mutable std::map<std::vector<int64_t>, std::shared_ptr<const Sizes>> known_;
};

}  // namespace flashlight::api
