#include "runtime/cuda/module.h"

#include "runtime/cuda/driver.h"
#include "runtime/cuda/driver_library.h"
#include "support/error.h"

namespace flashlight::runtime::cuda {
namespace {

// Numbers of the driver's ABI.
constexpr int kStaticShared = 1, kMaxDynamicShared = 8;
constexpr int kOutOfMemory = 2, kInvalidImage = 200, kNoBinary = 209, kUnsupportedPtx = 222;
constexpr int kInvalidSource = 300, kNotFound = 500;
constexpr int kRelaxed = 2;

/** Loading allocates, which a capture in progress forbids to its thread unless told otherwise. */
class RelaxedCapture {
 public:
  explicit RelaxedCapture(const DriverLibrary& driver) : driver_(driver) {
    driver_.capture_mode(&mode_);
  }
  ~RelaxedCapture() { driver_.capture_mode(&mode_); }

 private:
  const DriverLibrary& driver_;
  int mode_ = kRelaxed;
};

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

void* load(const DriverLibrary& driver, const Cubin& cubin, const Device& device) {
  void* module = nullptr;
  const int status = driver.module_load(&module, cubin.image.data());
  if (status == 0) return module;
  std::string text = cubin.path + " cannot be loaded on " + device.name;
  if (status == kOutOfMemory) text += ": the GPU's memory is full";
  if (status == kInvalidImage || status == kNoBinary || status == kUnsupportedPtx ||
      status == kInvalidSource)
    text += ": it was made for another GPU, or by an NVRTC that is newer than the driver (CUDA " +
            version_text(driver.version) + "). Update the driver, or set FLASHLIGHT_NVRTC";
  throw CompileError(text, describe(driver, status));
}

}  // namespace

LoadedKernel::LoadedKernel(const Cubin& cubin, const std::string& entry, int device, int threads,
                           int shared_bytes)
    : device_(device), threads_(threads), shared_bytes_(shared_bytes) {
  const DriverLibrary& driver = driver_library();
  const Device& facts = cuda::device(device);
  const ContextGuard guard(device);
  const RelaxedCapture relaxed(driver);
  void* module = load(driver, cubin, facts);
  const int status = driver.module_function(&function_, module, entry.c_str());
  if (status == kNotFound) throw CompileError(cubin.path + " does not define " + entry);
  check(driver, status, "a kernel cannot be loaded");
  int own = 0;
  check(driver, driver.function_attribute(&own, kStaticShared, function_),
        "a kernel cannot be asked");
  if (own + shared_bytes > facts.shared_bytes)
    throw CompileError("a kernel needs " + std::to_string(own + shared_bytes) +
                       " bytes of shared memory; " + facts.name + " has " +
                       std::to_string(facts.shared_bytes));
  check(driver, driver.function_set(function_, kMaxDynamicShared, shared_bytes),
        "a kernel does not get its shared memory");
  size_t offset = 0;
  if (driver.parameter_info != nullptr &&
      driver.parameter_info(function_, 0, &offset, &param_bytes_) != 0)
    param_bytes_ = 0;
}

void LoadedKernel::launch(const Launch& l) const {
  if (l.ctas <= 0) return;
  if (l.ctas > largest_grid())
    throw CompileError("a launch of " + std::to_string(l.ctas) + " CTAs is larger than a grid");
  FLASHLIGHT_CHECK(l.param_bytes >= param_bytes_, "the kernel takes more parameters than it gets");
  const DriverLibrary& driver = driver_library();
  void* params[] = {const_cast<void*>(l.params)};
  const int status = driver.launch(function_, unsigned(l.ctas), 1, 1, unsigned(threads_), 1, 1,
                                   unsigned(shared_bytes_), l.stream, params, nullptr);
  check(driver, status, "a kernel cannot be started");
}

}  // namespace flashlight::runtime::cuda
