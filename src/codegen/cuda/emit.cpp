#include "codegen/cuda/emit.h"

#include "codegen/cuda/hopper.h"
#include "codegen/cuda/simt.h"
#include "codegen/cuda/tensor_core.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

Source emit(const tile::Kernel& kernel, const tile::Target& target) {
  Source source;
  if (kernel.schedule.path == "tensor_core")
    source = emit_tensor_core(kernel, target.shared_bytes);
  else if (kernel.schedule.path == "hopper")
    source = emit_hopper(kernel, target.shared_bytes);
  else if (kernel.schedule.path == "simt") {
    source = emit_simt(kernel);
    source.notes = {"roles: all threads load, multiply and add; values lie in shared memory",
                    "no lazy, no speculate, no overlap: the general path has none of them"};
  } else
    throw Refused("schedule", "no path " + kernel.schedule.path);
  source.arch = target.name;
  return source;
}

}  // namespace flashlight::codegen::cuda
