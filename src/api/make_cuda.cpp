#include <cctype>
#include <cstdlib>

#include "api/candidates.h"
#include "api/executable.h"
#include "api/launch_cuda.h"
#include "codegen/cuda/device_headers.h"
#include "codegen/cuda/emit.h"
#include "runtime/cuda/driver.h"
#include "support/env.h"
#include "support/error.h"
#include "tile/lower.h"

namespace flashlight::api {
namespace {

namespace cuda = runtime::cuda;

/// The binary that runs on `device`: text for an older generation is valid for a newer one, its
/// binary is not. What is made for one machine alone ("sm_90a") is left as it is.
std::string binary_arch(const std::string& wanted, const cuda::Device& device) {
  const bool exact = !wanted.empty() && std::isalpha(static_cast<unsigned char>(wanted.back()));
  if (exact) {
    if (wanted != device.arch()) throw Refused(wanted, "is not the architecture of " + device.name);
    return wanted;
  }
  const int capability = std::atoi(wanted.substr(wanted.find('_') + 1).c_str());
  FLASHLIGHT_CHECK(capability >= cuda::kLeastCapability, "no architecture " + wanted);
  if (capability > device.capability()) throw Refused(wanted, "is newer than " + device.name);
  return "sm_" + std::to_string(device.capability());
}

Candidate make(const ir::Stream& stream, const tile::Schedule& schedule,
               const tile::Specialization& spec, const tile::Target& target,
               const cuda::Device& device) {
  Candidate out;
  out.kernel = tile::lower(stream, schedule, spec, target);
  if (debug_wants("passes")) debug_print("passes", "lowered\n" + tile::print(out.kernel));
  out.source = codegen::cuda::emit(out.kernel, target);
  if (out.source.shared_bytes > device.shared_bytes)
    throw Refused(out.kernel.name, "needs more shared memory than " + device.name + " has");
  bool built = false;
  out.cubin = cuda::compile(
      {out.source.text, codegen::cuda::device_headers(), binary_arch(out.source.arch, device), {}},
      runtime::default_cache(), {.built = &built});
  out.from_disk = !built;
  if (debug_wants("passes")) debug_print("passes", "ptxas: " + print(out.cubin.resources));
  return out;
}

}  // namespace

std::string gpu_problem(int gpu) {
  if (std::string problem = cuda::device_problem(gpu); !problem.empty()) return problem;
  try {
    cuda::find_nvrtc();
  } catch (const CompileError& error) {
    return error.message();
  }
  return "";
}

std::string nvrtc_text() {
  const cuda::NvrtcFacts facts = cuda::find_nvrtc();
  return facts.path + " " + std::to_string(facts.major) + "." + std::to_string(facts.minor);
}

void set_nvrtc_folders(const std::vector<std::string>& folders) {
  cuda::set_nvrtc_folders(folders);
}

tile::Target gpu_target(int gpu) {
  const cuda::Device& device = cuda::device(gpu);
  tile::Target target;
  target.name = device.arch();
  target.shared_bytes = device.shared_bytes;
  target.multiprocessors = device.multiprocessors;
  return target;
}

Variant make_cuda(const ir::Stream& stream, const tile::Specialization& spec, int gpu) {
  if (const std::string problem = gpu_problem(gpu); !problem.empty())
    throw CompileError("GPU " + std::to_string(gpu) + ": " + problem);
  const cuda::Device& device = cuda::device(gpu);
  const tile::Target target = gpu_target(gpu);
  Candidate chosen = choose(
      tile::candidates(stream, spec, target),
      [&](const tile::Schedule& schedule) { return make(stream, schedule, spec, target, device); });
  Variant out;
  out.text = chosen.source.text;
  out.resources = chosen.source.arch + ": " + print(chosen.cubin.resources) + ", " +
                  std::to_string(chosen.source.shared_bytes) + " bytes of shared memory";
  out.executable =
      std::make_shared<CudaExecutable>(chosen.kernel, chosen.source, chosen.cubin, gpu);
  out.kernel = std::move(chosen.kernel);
  out.from_disk = chosen.from_disk;
  return out;
}

}  // namespace flashlight::api
