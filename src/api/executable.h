// A kernel that can be called, whatever it runs on.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tile/kernel.h"

namespace flashlight::api {

constexpr int kCpu = -1;

/// Where a call runs, and what it may use there.
struct Where {
  int gpu = kCpu;             // the number of a CUDA device
  void* stream = nullptr;     // of that device
  void* workspace = nullptr;  // Compiled::workspace_bytes of its memory; the CPU takes its own
  bool tf32 = false;          // products of float32 may round their operands to tf32 (GPU)
  bool tune = false;          // a first call may take seconds to measure schedules (GPU)
};

/// Of one kernel.
struct Arguments {
  void* const* data;  // inputs, then outputs
  const int64_t* const* strides;
  const int64_t* symbols;  // the stream's, in order
  void* stream = nullptr;
};

class Executable {
 public:
  virtual ~Executable() = default;
  /// Any thread may call it. On a GPU it returns when the kernel is in the stream.
  virtual void run(const Arguments& arguments) const = 0;
};

/// A kernel for one specialization.
struct Variant {
  tile::Kernel kernel;
  std::string text;                      // its source
  std::string resources;                 // GPU: what it takes of a multiprocessor
  std::vector<std::string> notes;        // GPU: roles, shortcuts that apply, why others do not
  std::vector<std::string> passed_over;  // GPU: schedules that were not taken, and why
  std::shared_ptr<const Executable> executable;
  bool from_disk = false;
};

/// The machine that we run on, and a CUDA device.
tile::Target host_target();
tile::Target gpu_target(int gpu);

/// lower -> emit -> compile -> load. Throw Refused or CompileError.
Variant make_cpu(const ir::Stream& stream, const tile::Specialization& spec);
Variant make_cuda(const ir::Stream& stream, const tile::Specialization& spec, int gpu);
/// The same but for loading: leaves in the disk cache what make_cuda will ask for. False: it was
/// there.
bool build_cuda(const ir::Stream& stream, const tile::Specialization& spec, int gpu);
/// As make_cuda, but measures several schedules on tensors of a call, unless the disk cache knows
/// the best for this device. The outputs of the call are written. Waits for the GPU.
Variant tune_cuda(const ir::Stream& stream, const tile::Specialization& spec, int gpu,
                  const Arguments& arguments);

/// Whether a graph is captured from this call.
bool is_recorded(const Arguments& arguments, const Where& where);

/// Why kernels cannot be made for this CUDA device, or cannot run there: no driver, a card that is
/// too old, no NVRTC. Empty if they can.
std::string gpu_problem(int gpu);
/// The path and version of NVRTC. Throws CompileError that says where it was looked for.
std::string nvrtc_text();
/// Where NVRTC may lie beside the places where it usually does.
void set_nvrtc_folders(const std::vector<std::string>& folders);

}  // namespace flashlight::api
