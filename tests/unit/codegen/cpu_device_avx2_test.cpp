// The device headers with AVX2 (tests/CMakeLists.txt gives the flags), or with whatever wider set
// this file is compiled for.
#define DEVICE_ISA Wide
#include "unit/codegen/device_cases/gemm_cases.h"
#include "unit/codegen/device_cases/math_cases.h"
#include "unit/codegen/device_cases/memory_cases.h"
#include "unit/codegen/device_cases/reduce_cases.h"
#include "unit/codegen/device_cases/simd_cases.h"
