#include "support/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace flashlight {
namespace {

// A cache on disk outlives the process: a changed hash silently throws it all away.
TEST(Hash, IsTheSameInEveryRun) {
  EXPECT_EQ(hash_bytes("").hex(), "3564b439cd1e1f1642620880190a8e33");
  EXPECT_EQ(hash_bytes("flashlight").hex(), "f9278a09ab45a3030c2cb88bd615f4db");
}

TEST(Hash, HexHasLeadingZeros) {
  EXPECT_EQ((Hash128{0x1, 0xab}).hex(), "000000000000000100000000000000ab");
}

TEST(Hash, TellsLengthsAndOrdersApart) {
  using namespace std::string_view_literals;
  std::set<Hash128> seen;
  for (std::string_view text : {""sv, "\0"sv, "\0\0"sv, "a"sv, "a\0"sv, "ab"sv, "ba"sv,
                                "12345678"sv, "123456781"sv, "1234567812345678"sv})
    EXPECT_TRUE(seen.insert(hash_bytes(text)).second) << text;
  const Hash128 a = hash_bytes("a"), b = hash_bytes("b");
  EXPECT_NE(combine(a, b), combine(b, a));
  EXPECT_NE(combine(a, 1), combine(a, 2));
  EXPECT_EQ(combine(a, "b"), combine(a, b));
}

TEST(Hash, EveryInputBitMovesAboutHalfOfTheOutput) {
  const std::string text(24, 'x');
  const Hash128 base = hash_bytes(text);
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    const Hash128 other = hash_bytes(changed);
    const int moved = std::popcount(base.hi ^ other.hi) + std::popcount(base.lo ^ other.lo);
    EXPECT_GT(moved, 32) << bit;
    EXPECT_LT(moved, 96) << bit;
  }
}

}  // namespace
}  // namespace flashlight
