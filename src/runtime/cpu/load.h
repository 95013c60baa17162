#pragma once

#include <memory>
#include <string>

#include "runtime/module.h"

namespace flashlight::runtime::cpu {

/** Loads a shared object so that its symbols stay its own (RTLD_LOCAL). Kernels leave the OpenMP
 * entry points undefined: the runtime that the process already has (PyTorch's) is made visible to
 * them first, so that they join its pool; else the system's libgomp, libomp or libiomp5 is loaded.
 *  Throws CompileError. */
std::shared_ptr<const Module> load(const std::string& path);

/** The OpenMP runtime that kernels are bound to, found or loaded at the first call; empty if none.
 */
const std::string& openmp_runtime();

}  // namespace flashlight::runtime::cpu
