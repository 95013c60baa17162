#include "runtime/cuda/driver.h"

#include <map>
#include <mutex>

#include "runtime/cuda/driver_library.h"
#include "support/error.h"

namespace flashlight::runtime::cuda {
namespace {

// Numbers of the driver's ABI.
constexpr int kMultiprocessors = 16, kMajor = 75, kMinor = 76, kSharedOptIn = 97;

Device read_device(const DriverLibrary& driver, int ordinal) {
  int count = 0;
  check(driver, driver.device_count(&count), "the GPUs cannot be counted");
  if (ordinal < 0 || ordinal >= count)
    throw CompileError("there is no GPU " + std::to_string(ordinal) + ": the driver sees " +
                       std::to_string(count));
  Device out;
  out.ordinal = ordinal;
  char name[256] = "";
  check(driver, driver.device_name(name, sizeof name, ordinal), "a GPU has no name");
  out.name = name;
  const auto ask = [&](int* value, int attribute) {
    check(driver, driver.device_attribute(value, attribute, ordinal), "a GPU cannot be asked");
  };
  ask(&out.major, kMajor), ask(&out.minor, kMinor);
  ask(&out.multiprocessors, kMultiprocessors), ask(&out.shared_bytes, kSharedOptIn);
  return out;
}

/** Retained once a process and never released: PyTorch keeps it too. */
void* primary_context(const DriverLibrary& driver, int ordinal) {
  static std::mutex mutex;
  static auto* const all = new std::map<int, void*>;
  const std::lock_guard lock(mutex);
  void*& context = (*all)[ordinal];
  if (context == nullptr)
    check(driver, driver.primary_retain(&context, ordinal), "the GPU's context cannot be made");
  return context;
}

}  // namespace

std::string Device::arch() const {
  // Instructions of Hopper (wgmma) are not in plain sm_90.
  return "sm_" + std::to_string(capability()) + (capability() == 90 ? "a" : "");
}

const Device& device(int ordinal) {
  static std::mutex mutex;
  static auto* const all = new std::map<int, Device>;  // leaked, see module.h
  const DriverLibrary& driver = driver_library();
  const std::lock_guard lock(mutex);
  const auto found = all->find(ordinal);
  if (found != all->end()) return found->second;
  return all->emplace(ordinal, read_device(driver, ordinal)).first->second;
}

std::string device_problem(int ordinal) {
  try {
    const Device& d = device(ordinal);
    if (d.capability() >= kLeastCapability) return "";
    return d.name + " has compute capability " + std::to_string(d.major) + "." +
           std::to_string(d.minor) + "; kernels need 8.0";
  } catch (const CompileError& error) {
    return error.message();
  }
}

ContextGuard::ContextGuard(int ordinal) {
  const DriverLibrary& driver = driver_library();
  int current = -1;
  check(driver, driver.context_current(&before_), "the current context is not known");
  if (before_ != nullptr && driver.context_device(&current) == 0 && current == ordinal) return;
  void* context = primary_context(driver, ordinal);
  check(driver, driver.context_set(context), "the GPU's context cannot be used");
  changed_ = true;
}

ContextGuard::~ContextGuard() {
  // Where there was none, the primary one may stay: that is what the first CUDA call does too.
  if (changed_ && before_ != nullptr) driver_library().context_set(before_);
}

bool is_captured(void* stream) {
  const DriverLibrary& driver = driver_library();
  int status = 0;
  return driver.stream_captures && driver.stream_captures(stream, &status) == 0 && status != 0;
}

}  // namespace flashlight::runtime::cuda
