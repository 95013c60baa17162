// Facts about one kernel, for explain.
#pragma once
#include "api/compile.h"

namespace flashlight::api {

KernelInfo report(const ir::Stream& stream, const tile::Kernel& kernel, const std::string& source,
                  const ir::Bindings& sizes);

}  // namespace flashlight::api
