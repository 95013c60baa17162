#include "api/make_cuda.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "codegen/cuda/device_headers.h"
#include "codegen/cuda/emit.h"
#include "support/env.h"
#include "support/error.h"
#include "tile/lower.h"

namespace flashlight::api {
namespace {

namespace cuda = runtime::cuda;

/// For FLASHLIGHT_DEBUG=time.
class Stopwatch {
 public:
  void print(const char* step, const std::string& what) const {
    if (!debug_wants("time")) return;
    const std::chrono::duration<double, std::milli> passed = Clock::now() - begin_;
    debug_print("time", std::to_string(passed.count()) + " ms " + step + ": " + what);
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

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

bool is_recorded(const Arguments& arguments, const Where& where) {
  return where.gpu != kCpu && cuda::is_captured(arguments.stream);
}

tile::Target gpu_target(int gpu) {
  const cuda::Device& device = cuda::device(gpu);
  tile::Target target;
  target.name = device.arch();
  target.shared_bytes = device.shared_bytes;
  target.multiprocessors = device.multiprocessors;
  return target;
}

CudaMaker::CudaMaker(const ir::Stream& stream, const tile::Specialization& spec, int gpu)
    : stream_(stream), spec_(spec), gpu_(gpu) {
  if (const std::string problem = gpu_problem(gpu); !problem.empty())
    throw CompileError("GPU " + std::to_string(gpu) + ": " + problem);
  device_ = &cuda::device(gpu);
  target_ = gpu_target(gpu);
}

std::vector<tile::Schedule> CudaMaker::schedules() const {
  return tile::candidates(stream_, spec_, target_);
}

Making CudaMaker::making() const {
  return {[this](const tile::Schedule& s) { return emit(s); },
          [this](Candidate& c) { compile(c); }};
}

Candidate CudaMaker::emit(const tile::Schedule& schedule) const {
  Candidate out;
  const Stopwatch watch;
  out.kernel = tile::lower(stream_, schedule, spec_, target_);
  if (debug_wants("passes")) debug_print("passes", "lowered\n" + tile::print(out.kernel));
  out.source = codegen::cuda::emit(out.kernel, target_);
  if (out.source.shared_bytes > device_->shared_bytes)
    throw Refused(out.kernel.name, "needs more shared memory than " + device_->name + " has");
  watch.print("lower and emit", describe(schedule));
  return out;
}

void CudaMaker::compile(Candidate& c) const {
  const Stopwatch watch;
  bool built = false;
  c.cubin = cuda::compile(
      {c.source.text, codegen::cuda::device_headers(), binary_arch(c.source.arch, *device_), {}},
      runtime::default_cache(), {.built = &built});
  c.from_disk = !built;
  watch.print(built ? "NVRTC" : "from disk",
              describe(c.kernel.schedule) + ": " + print(c.cubin.resources));
}

std::shared_ptr<const CudaExecutable> CudaMaker::load(const Candidate& c) const {
  const Stopwatch watch;
  auto out = std::make_shared<CudaExecutable>(c.kernel, c.source, c.cubin, gpu_);
  watch.print("load", describe(c.kernel.schedule));
  return out;
}

Variant CudaMaker::finish(Candidate c, std::shared_ptr<const CudaExecutable> executable,
                          std::vector<std::string> passed_over) const {
  Variant out;
  out.text = c.source.text;
  out.resources = c.source.arch + ": " + print(c.cubin.resources) + ", " +
                  std::to_string(c.source.shared_bytes) + " bytes of shared memory";
  out.notes = c.source.notes;
  out.passed_over = std::move(passed_over);
  out.executable = std::move(executable);
  out.kernel = std::move(c.kernel);
  out.from_disk = c.from_disk;
  return out;
}

namespace {

Made choose(const CudaMaker& maker) {
  const size_t half = std::thread::hardware_concurrency() / 2;  // others compile too
  return choose(maker.schedules(), maker.making(), std::clamp<size_t>(half, 1, 4));
}

}  // namespace

bool build_cuda(const ir::Stream& stream, const tile::Specialization& spec, int gpu) {
  return !choose(CudaMaker(stream, spec, gpu)).candidates.front().from_disk;
}

Variant make_cuda(const ir::Stream& stream, const tile::Specialization& spec, int gpu) {
  const CudaMaker maker(stream, spec, gpu);
  Made made = choose(maker);
  Candidate& candidate = made.candidates.front();
  auto executable = maker.load(candidate);
  return maker.finish(std::move(candidate), std::move(executable), std::move(made.passed_over));
}

}  // namespace flashlight::api
