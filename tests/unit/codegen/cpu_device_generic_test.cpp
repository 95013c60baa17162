// The device headers with the vectors of the compiler's baseline: SSE2, NEON.
#define DEVICE_ISA Baseline
#include "unit/codegen/device_cases/gemm_cases.h"
#include "unit/codegen/device_cases/math_cases.h"
#include "unit/codegen/device_cases/memory_cases.h"
#include "unit/codegen/device_cases/reduce_cases.h"
#include "unit/codegen/device_cases/simd_cases.h"
