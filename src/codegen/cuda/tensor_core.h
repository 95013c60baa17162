#pragma once
#include "codegen/cuda/source.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

/// The portable path, sm_80 and up: one CTA per unit of work, 16 or 32 rows per warp, operands by
/// cp.async into a ring in shared memory, products by mma.sync (or FMA for float32). Throws
/// Refused where the kernel has no such form or needs more shared memory than there is.
Source emit_tensor_core(const tile::Kernel& kernel, int64_t shared_limit);

}  // namespace flashlight::codegen::cuda
