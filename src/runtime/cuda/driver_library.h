// The CUDA driver's C functions, found at run time: we declare them ourselves.
#pragma once
#include <cstdint>

#include "runtime/cuda/library.h"

namespace flashlight::runtime::cuda {

struct DriverLibrary {
  Library library;
  int version = 0;  // 13000 is CUDA 13.0

  using Context = void*;
  using Module = void*;
  using Function = void*;
  using Stream = void*;

  int (*init)(unsigned) = nullptr;
  int (*driver_version)(int*) = nullptr;
  int (*error_name)(int, const char**) = nullptr;
  int (*error_text)(int, const char**) = nullptr;
  int (*device_count)(int*) = nullptr;
  int (*device_name)(char*, int, int) = nullptr;
  int (*device_attribute)(int*, int attribute, int device) = nullptr;
  int (*context_current)(Context*) = nullptr;
  int (*context_set)(Context) = nullptr;
  int (*context_device)(int*) = nullptr;
  int (*primary_retain)(Context*, int device) = nullptr;
  int (*module_load)(Module*, const void* image) = nullptr;
  int (*module_function)(Function*, Module, const char* name) = nullptr;
  int (*function_attribute)(int*, int attribute, Function) = nullptr;
  int (*function_set)(Function, int attribute, int value) = nullptr;
  int (*launch)(Function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                unsigned bz, unsigned shared, Stream, void** params, void** extra) = nullptr;
  int (*capture_mode)(int*) = nullptr;
  /** Null where the driver is older than CUDA 12. */
  int (*encode_tiled)(void* map, int type, unsigned rank, void* address, const uint64_t* sizes,
                      const uint64_t* strides, const uint32_t* box, const uint32_t* steps,
                      int interleave, int swizzle, int promotion, int fill) = nullptr;
  /** Null where the driver lacks them: see scratch.h, timer.h. */
  int (*memory_allocate)(unsigned long long* address, size_t bytes) = nullptr;
  int (*memory_set)(unsigned long long address, unsigned char value, size_t bytes) = nullptr;
  int (*memory_allocate_async)(unsigned long long* address, size_t bytes, Stream) = nullptr;
  int (*memory_free_async)(unsigned long long address, Stream) = nullptr;
  int (*event_create)(void** event, unsigned flags) = nullptr;
  int (*event_destroy)(void* event) = nullptr;
  int (*event_record)(void* event, Stream) = nullptr;
  int (*event_wait)(void* event) = nullptr;
  int (*event_milliseconds)(float*, void* from, void* to) = nullptr;
  int (*stream_captures)(Stream, int* status) = nullptr;
  int (*parameter_info)(Function, size_t index, size_t* offset, size_t* size) = nullptr;
};

/** Initialised; the reference stays valid for ever. Throws CompileError that names what is missing
 *  or what the driver said; the next call tries again. */
const DriverLibrary& driver_library();

/** Throws CompileError "`what`: the driver's words" unless `status` is 0. */
void check(const DriverLibrary& driver, int status, const char* what);

/** The driver's name and words for an error. */
std::string describe(const DriverLibrary& driver, int status);

}  // namespace flashlight::runtime::cuda
