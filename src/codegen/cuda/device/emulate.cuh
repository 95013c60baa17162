// CUDA on the CPU: the same kernel text, compiled by a host C++ compiler with FLASHLIGHT_EMULATE.
// One fiber per CUDA thread; warps run as far as they get before another one does, and whatever
// is asynchronous happens as late as it may, so that a missing wait shows as NaN (memory under way
// is poisoned). Errors and deadlocks end the launch with a text. Not modelled: time, cache
// operators, memory fences. State is global: one launch at a time in a process.
#pragma once
#include "emulate_core.cuh"
#include "emulate_cuda.cuh"
#include "emulate_launch.cuh"
#include "emulate_mma.cuh"
