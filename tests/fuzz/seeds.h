// Which seeds a fuzzer tries.
#pragma once
#include <cstdint>
#include <cstdlib>

namespace flashlight::fuzz {

inline uint64_t seed_number(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace flashlight::fuzz
