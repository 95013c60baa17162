#include "runtime/cuda/driver_library.h"

#include <memory>
#include <mutex>

#include "support/error.h"

namespace flashlight::runtime::cuda {
namespace {

constexpr const char* kName = "libcuda.so.1";
constexpr int kOldest = 12000;  // CUDA 12.0

std::unique_ptr<DriverLibrary> load() {
  auto out = std::make_unique<DriverLibrary>();
  out->library = open_library(kName);
  const Library& from = out->library;
  if (!from)
    throw CompileError(std::string("no NVIDIA driver on this machine (") + kName +
                       " cannot be loaded)");
  // The names are those of CUDA 12's ABI; a newer driver keeps them.
  const bool complete = from.get("cuInit", out->init) &&
                        from.get("cuDriverGetVersion", out->driver_version) &&
                        from.get("cuGetErrorName", out->error_name) &&
                        from.get("cuGetErrorString", out->error_text) &&
                        from.get("cuDeviceGetCount", out->device_count) &&
                        from.get("cuDeviceGetName", out->device_name) &&
                        from.get("cuDeviceGetAttribute", out->device_attribute) &&
                        from.get("cuCtxGetCurrent", out->context_current) &&
                        from.get("cuCtxSetCurrent", out->context_set) &&
                        from.get("cuCtxGetDevice", out->context_device) &&
                        from.get("cuDevicePrimaryCtxRetain", out->primary_retain) &&
                        from.get("cuModuleLoadData", out->module_load) &&
                        from.get("cuModuleGetFunction", out->module_function) &&
                        from.get("cuFuncGetAttribute", out->function_attribute) &&
                        from.get("cuFuncSetAttribute", out->function_set) &&
                        from.get("cuLaunchKernel", out->launch) &&
                        from.get("cuThreadExchangeStreamCaptureMode", out->capture_mode);
  if (!complete) throw CompileError("the NVIDIA driver " + from.path + " lacks functions we need");
  from.get("cuTensorMapEncodeTiled", out->encode_tiled);
  from.get("cuMemAlloc_v2", out->memory_allocate);
  from.get("cuMemsetD8_v2", out->memory_set);
  from.get("cuMemAllocAsync", out->memory_allocate_async);
  from.get("cuMemFreeAsync", out->memory_free_async);
  from.get("cuEventCreate", out->event_create);
  from.get("cuEventDestroy_v2", out->event_destroy);
  from.get("cuEventRecord", out->event_record);
  from.get("cuEventSynchronize", out->event_wait);
  from.get("cuEventElapsedTime", out->event_milliseconds);
  from.get("cuStreamIsCapturing", out->stream_captures);
  from.get("cuFuncGetParamInfo", out->parameter_info);
  check(*out, out->init(0), "the NVIDIA driver cannot be used");
  check(*out, out->driver_version(&out->version), "the NVIDIA driver does not tell its version");
  if (out->version < kOldest)
    throw CompileError("the NVIDIA driver is too old: it knows CUDA " +
                       std::to_string(out->version / 1000) + "." +
                       std::to_string(out->version % 1000 / 10) + ", we need 12.0");
  return out;
}

}  // namespace

std::string describe(const DriverLibrary& driver, int status) {
  const char *name = nullptr, *text = nullptr;
  driver.error_name(status, &name);
  driver.error_text(status, &text);
  return std::string(name ? name : "error") + " (" + std::to_string(status) +
         (text ? ", " + std::string(text) : "") + ")";
}

void check(const DriverLibrary& driver, int status, const char* what) {
  if (status != 0) throw CompileError(std::string(what) + ": " + describe(driver, status));
}

const DriverLibrary& driver_library() {
  static std::mutex mutex;
  static DriverLibrary* found = nullptr;  // leaked, see module.h
  const std::lock_guard lock(mutex);
  if (found == nullptr) found = load().release();
  return *found;
}

}  // namespace flashlight::runtime::cuda
