#pragma once
#include "codegen/cuda/source.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

/// The general path: CUDA C++ without tensor cores for any kernel that tile::lower makes. A CTA
/// runs a unit of work on arrays in shared memory (where they do not fit, in a workspace in global
/// memory: Source::workspace_bytes). kernel.schedule's row_tile and loop_tile are upper bounds; the
/// tiles are what shared memory of kernel.target has room for. Throws Refused where the extents of
/// whole axes are not known. Read tests/unit/codegen/cuda/simt_test.cpp.
Source emit_simt(const tile::Kernel& kernel);

/// Dynamic shared memory that a CTA may have on this architecture ("sm_80", "sm_90a" ...), bytes.
int shared_limit(const std::string& arch);

struct SimtOptions {
  int shared_bytes = 0;  // at most so many; 0: what the target has
};
Source emit_simt(const tile::Kernel& kernel, const SimtOptions& options);

}  // namespace flashlight::codegen::cuda
