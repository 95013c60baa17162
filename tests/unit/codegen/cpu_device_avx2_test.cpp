// The device headers with AVX2, or with whatever wider set this file is compiled for.
#if !defined(__AVX2__) && !defined(__clang__) && defined(__x86_64__)
#pragma GCC target("avx2,fma,f16c")
#endif
#define DEVICE_ISA Wide
#include "unit/codegen/device_cases/gemm_cases.h"
#include "unit/codegen/device_cases/math_cases.h"
#include "unit/codegen/device_cases/memory_cases.h"
#include "unit/codegen/device_cases/reduce_cases.h"
#include "unit/codegen/device_cases/simd_cases.h"
