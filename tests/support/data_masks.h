// Attention whose mask depends on data: what the tile interpreter and the CPU kernels are asked.
#pragma once
#include <string>
#include <vector>

#include "support/programs.h"

namespace flashlight::test {

/// Predicates over i and j, and inputs id (documents), mixed (documents in no order), first (where
/// a row begins to look) and mask (with dead blocks, and rows that see nothing).
inline const std::vector<std::string>& data_masks() {
  static const std::vector<std::string> all = {
      "id[i] == id[j]",
      "mixed[i] == mixed[j]",
      "not(id[i] != id[j])",
      "and(id[i] == id[j], j <= i)",
      "id[j] < id[i]",
      "id[j] + 1 >= id[i]",
      "or(id[i] == id[j], j < 3)",
      "first[i] <= j",
      "and(first[i] <= j, mask[i,j])",
      "mask[i,j]",
      "and(mask[i,j], j <= i)",
      "not(mask[i,j])",
      "mask[i, (j + 7) % S]",
      "keep[j]",
      "keep[i]",
      "(i // 16 + j // 16) % 3 == 0",
  };
  return all;
}

/// `fill`: "-inf", or what is selected where the predicate is false; added: joined by a sum.
inline std::string masked_attention(const std::string& predicate, const std::string& fill,
                                    bool added = false, const std::string& type = "f32") {
  const std::string score = added ? "s[h,i,j] + where(" + predicate + ", 0.0, " + fill + ")"
                                  : "where(" + predicate + ", s[h,i,j], " + fill + ")";
  return "symbol S = 45\n"
         "input q : " +
         type + "[2, S, 8]\ninput k : " + type +
         "[2, S, 8]\n"
         "input v : " +
         type +
         "[2, S, 5]\n"
         "input id : i64[S]\ninput mixed : i32[S]\ninput first : i64[S]\n"
         "input mask : bool[S, S]\ninput keep : bool[S]\n"
         "compute s[h:2, i:S, j:S] : " +
         type +
         " = sum[d:8] q[h,i,d]*k[h,j,d]\n"
         "compute x[h:2, i:S, j:S] : " +
         type + " = " + score +
         "\n"
         "compute m[h:2, i:S] : " +
         type +
         " = max[j:S] x[h,i,j]\n"
         "compute e[h:2, i:S, j:S] : " +
         type +
         " = exp(x[h,i,j] - m[h,i])\n"
         "compute l[h:2, i:S] : " +
         type +
         " = sum[j:S] e[h,i,j]\n"
         "compute o[h:2, i:S, c:5] : " +
         type +
         " = sum[j:S] e[h,i,j] / l[h,i] * v[h,j,c]\n"
         "output o\n";
}

inline ir::Array& input_of(const ir::Program& p, std::vector<ir::Array>& inputs,
                           const std::string& name) {
  size_t k = 0;
  while (p.inputs.at(k).name != name) k++;
  return inputs.at(k);
}

/// Inputs of masked_attention with documents and blocks of this length.
inline std::vector<ir::Array> masked_inputs(const ir::Program& p, int64_t length, int64_t block) {
  std::vector<ir::Array> inputs = random_inputs(p, {{"S", length}});
  const auto fill = [&](const char* name, auto value) {
    auto& data = input_of(p, inputs, name).data;
    for (size_t e = 0; e < data.size(); e++)
      data[e] = static_cast<double>(value(static_cast<int64_t>(e)));
  };
  fill("id", [&](int64_t e) { return e / block; });
  fill("mixed", [&](int64_t e) { return e * 7919 / block % 3; });
  fill("first", [&](int64_t e) { return e / block * block; });
  fill("keep", [&](int64_t e) { return e / block % 2 == 0; });
  fill("mask", [&](int64_t e) {
    const int64_t i = e / length, j = e % length;
    return i % (block + 3) != 1 && (i / block * 5 + j / block * 3) % 4 == 0 && (i + j) % 5 != 0;
  });
  return inputs;
}

}  // namespace flashlight::test
