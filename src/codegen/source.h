#pragma once
#include <string>

namespace flashlight::codegen {

/// A translation unit and the extern "C" function in it that runs the kernel. CPU: see
/// codegen/cpu/device/abi.h for its argument.
struct Source {
  std::string entry;
  std::string text;
};

}  // namespace flashlight::codegen
