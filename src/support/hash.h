#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace flashlight {

/** A 128-bit content hash: the same on every machine and in every run, so it may name files.
 *  Not cryptographic: it guards against accidents, not against an attacker. */
struct Hash128 {
  uint64_t hi = 0;
  uint64_t lo = 0;

  /** 32 lower-case hex digits. */
  std::string hex() const;

  auto operator<=>(const Hash128&) const = default;
};

Hash128 hash_bytes(std::string_view bytes);

/** Order matters: combine(a, b) differs from combine(b, a). */
Hash128 combine(Hash128 seed, Hash128 next);
Hash128 combine(Hash128 seed, std::string_view next);
Hash128 combine(Hash128 seed, uint64_t next);

}  // namespace flashlight

template <>
struct std::hash<flashlight::Hash128> {
  size_t operator()(const flashlight::Hash128& value) const noexcept {
    return static_cast<size_t>(value.lo ^ value.hi);
  }
};
