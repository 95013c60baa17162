#include "unit/runtime/cuda/fake_driver.h"

#include <cstring>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

flashlight::test::FakeDriver state;
thread_local void* current = nullptr;
int contexts[2];
constexpr int kInvalidValue = 1, kInvalidContext = 201, kNotFound = 500;

}  // namespace

EXPORT flashlight::test::FakeDriver* fake_driver() { return &state; }

EXPORT int cuInit(unsigned) { return 0; }
// NVRTC asks a driver that it finds for this.
EXPORT int cuGetExportTable(const void** table, const void*) { return *table = nullptr, kNotFound; }
EXPORT int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
EXPORT int cuGetErrorName(int, const char** text) { return *text = "CUDA_ERROR_FAKE", 0; }
EXPORT int cuGetErrorString(int, const char** text) { return *text = "a fake error", 0; }
EXPORT int cuDeviceGetCount(int* count) { return *count = 2, 0; }
EXPORT int cuDeviceGetName(char* name, int, int device) {
  return std::strcpy(name, device == 0 ? "Fake H200" : "Fake T4"), 0;
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int device) {
  switch (attribute) {
    case 16:
      return *value = 132, 0;
    case 75:
      return *value = device == 0 ? 9 : 7, 0;
    case 76:
      return *value = device == 0 ? 0 : 5, 0;
    case 97:
      return *value = 232448, 0;
    default:
      return kInvalidValue;
  }
}
EXPORT int cuCtxGetCurrent(void** context) { return *context = current, 0; }
EXPORT int cuCtxSetCurrent(void* context) { return current = context, 0; }
EXPORT int cuCtxGetDevice(int* device) {
  if (current == nullptr) return kInvalidContext;
  return *device = int(static_cast<int*>(current) - contexts), 0;
}
EXPORT int cuDevicePrimaryCtxRetain(void** context, int device) {
  return *context = contexts + device, 0;
}
EXPORT int cuModuleLoadData(void** module, const void*) {
  if (state.load_status != 0) return state.load_status;
  return state.loads++, *module = &state, 0;
}
EXPORT int cuModuleGetFunction(void** function, void*, const char* name) {
  if (std::string(name) == "missing") return kNotFound;
  return *function = &state, 0;
}
EXPORT int cuFuncGetAttribute(int* value, int, void*) { return *value = 0, 0; }
EXPORT int cuFuncSetAttribute(void*, int, int) { return 0; }
EXPORT int cuFuncGetParamInfo(void*, size_t, size_t* offset, size_t* size) {
  return *offset = 0, *size = state.param_bytes, 0;
}
EXPORT int cuThreadExchangeStreamCaptureMode(int* mode) { return *mode = 0, 0; }
EXPORT int cuLaunchKernel(void*, unsigned gx, unsigned, unsigned, unsigned bx, unsigned, unsigned,
                          unsigned shared, void* stream, void** params, void**) {
  state.launches++;
  if (state.cost_ms) state.clock_ms += state.cost_ms(bx, shared);
  state.grid = gx, state.threads = bx, state.shared = shared, state.stream = stream;
  std::memcpy(state.params, params[0], state.param_bytes);
  return current == nullptr ? kInvalidContext : 0;
}
EXPORT int cuStreamIsCapturing(void*, int* status) { return *status = state.capturing, 0; }
EXPORT int cuMemAlloc_v2(unsigned long long* address, size_t) { return *address = 1 << 30, 0; }
EXPORT int cuMemsetD8_v2(unsigned long long, unsigned char, size_t) { return 0; }
EXPORT int cuMemAllocAsync(unsigned long long* address, size_t, void*) {
  return *address = 1 << 29, 0;
}
EXPORT int cuMemFreeAsync(unsigned long long, void*) { return 0; }
EXPORT int cuEventCreate(void** event, unsigned) { return *event = new double(0), 0; }
EXPORT int cuEventDestroy_v2(void* event) { return delete static_cast<double*>(event), 0; }
EXPORT int cuEventRecord(void* event, void*) {
  return *static_cast<double*>(event) = state.clock_ms, 0;
}
EXPORT int cuEventSynchronize(void*) { return 0; }
EXPORT int cuEventElapsedTime(float* ms, void* from, void* to) {
  return *ms = float(*static_cast<double*>(to) - *static_cast<double*>(from)), 0;
}
EXPORT int cuTensorMapEncodeTiled(void* map, int type, unsigned rank, void* address,
                                  const uint64_t* sizes, const uint64_t* strides,
                                  const uint32_t* box, const uint32_t*, int, int swizzle, int,
                                  int) {
  state.encodes++;
  state.rank = rank, state.type = type, state.swizzle = swizzle;
  for (unsigned d = 0; d < rank; ++d) {
    state.sizes[d] = sizes[d], state.box[d] = box[d];
    if (d > 0) state.strides[d - 1] = strides[d - 1];
  }
  std::memset(map, 0, 128);
  std::memcpy(map, &address, sizeof address);
  return 0;
}
