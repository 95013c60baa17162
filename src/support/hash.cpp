#include "support/hash.h"

namespace flashlight {
namespace {

// The fractional bits of sqrt(2) and sqrt(3): any two odd constants without structure will do.
constexpr uint64_t kSeedHi = 0x6a09e667f3bcc909u;
constexpr uint64_t kSeedLo = 0xbb67ae8584caa73bu;

// A bijection in which every input bit moves about half of the output bits (Stafford's variant 13).
uint64_t scramble(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Two chains that see every word differently, so that a collision of one is not one of the other.
Hash128 absorb(Hash128 state, uint64_t word) {
  return {scramble(state.hi + word * kSeedHi), scramble(state.lo ^ word) + kSeedLo};
}

// Little-endian by construction, so that the hash does not depend on the host.
uint64_t load_word(std::string_view bytes) {
  uint64_t word = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    word |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return word;
}

}  // namespace

std::string Hash128::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out(32, '0');
  for (int i = 0; i < 16; ++i) {
    out[15 - i] = kDigits[(hi >> (4 * i)) & 15];
    out[31 - i] = kDigits[(lo >> (4 * i)) & 15];
  }
  return out;
}

Hash128 hash_bytes(std::string_view bytes) {
  // The length first: "a" and "a\0" have the same words.
  Hash128 state = absorb({kSeedHi, kSeedLo}, bytes.size());
  for (size_t at = 0; at < bytes.size(); at += 8)
    state = absorb(state, load_word(bytes.substr(at, 8)));
  return state;
}

Hash128 combine(Hash128 seed, Hash128 next) { return absorb(absorb(seed, next.hi), next.lo); }

Hash128 combine(Hash128 seed, std::string_view next) { return combine(seed, hash_bytes(next)); }

Hash128 combine(Hash128 seed, uint64_t next) { return absorb(seed, next); }

}  // namespace flashlight
