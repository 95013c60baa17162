// How the copy engine (TMA) of a Hopper GPU or later finds a tile of a tensor: CUtensorMap.
#pragma once
#include <array>
#include <cstdint>
#include <string>

namespace flashlight::runtime::cuda {

/** 128 bytes that only the driver can write. */
struct alignas(64) TensorMap {
  std::array<unsigned char, 128> bytes;
};

constexpr int kMapRank = 5;

/** A tensor and a box in it; dimensions from the innermost, in elements. Entries from `rank` on
 *  are 0. */
struct MapLayout {
  const void* address = nullptr;
  int element_bytes = 2;
  int rank = 0;
  int swizzle = 128;  // bytes: 128, 64, 32, or 0 for none
  std::array<int64_t, kMapRank> sizes{}, strides{};
  std::array<int, kMapRank> box{};
  friend bool operator==(const MapLayout&, const MapLayout&) = default;
};

/** Why the copy engine cannot read it; empty if it can. Cheap, and needs no driver. */
std::string map_problem(const MapLayout& layout);

/** Writes the map, from a cache of recent ones. Throws CompileError: map_problem, or the driver's
 *  words. Any thread may call it. */
void encode(const MapLayout& layout, TensorMap& out);

}  // namespace flashlight::runtime::cuda
