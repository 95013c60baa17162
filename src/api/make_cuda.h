// The steps from a stream to a kernel on one GPU: what choosing and tuning share.
#pragma once
#include <vector>

#include "api/candidates.h"
#include "api/executable.h"
#include "api/launch_cuda.h"
#include "runtime/cuda/driver.h"

namespace flashlight::api {

class CudaMaker {
 public:
  /// Throws CompileError where kernels cannot run on this device. Keeps references.
  CudaMaker(const ir::Stream& stream, const tile::Specialization& spec, int gpu);

  /// The best first, by the resource model.
  std::vector<tile::Schedule> schedules() const;
  Making making() const;
  std::shared_ptr<const CudaExecutable> load(const Candidate& candidate) const;
  Variant finish(Candidate candidate, std::shared_ptr<const CudaExecutable> executable,
                 std::vector<std::string> passed_over) const;
  const runtime::cuda::Device& device() const { return *device_; }

 private:
  Candidate emit(const tile::Schedule& schedule) const;
  void compile(Candidate& candidate) const;

  const ir::Stream& stream_;
  const tile::Specialization& spec_;
  int gpu_;
  const runtime::cuda::Device* device_;
  tile::Target target_;
};

}  // namespace flashlight::api
