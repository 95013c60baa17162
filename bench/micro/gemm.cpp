// How near the register-blocked micro-kernel comes to this core's FMA peak, per block shape, with
// the operands of attention (panels of keys at depth 64 and 128; a key tile times values).
//   g++ -std=c++20 -O2 -mavx2 -mfma -mf16c -Isrc bench/micro/gemm.cpp -o gemm -lgomp && chrt -f 10
//   ./gemm
#include <chrono>
#include <cstdio>
#include <vector>

#include "codegen/cpu/device/gemm.h"

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
/** Best of many runs, in GF/s. */
template <class F>
double rate(double flops, F body) {
  double best = 1e9;
  for (int i = 0; i < 200; i++) {
    const double start = now();
    body();
    best = std::min(best, now() - start);
  }
  return flops / best / 1e9;
}

__attribute__((noinline)) float fma_chains(int steps) {
  fl::vf c[12], x = fl::splat(0.5f), y = fl::splat(1e-9f);
  FL_UNROLL for (int i = 0; i < 12; i++) c[i] = fl::splat(1.0f);
  for (int k = 0; k < steps; k++)
    FL_UNROLL for (int i = 0; i < 12;
                   i++) asm("vfmadd231ps %2, %1, %0" : "+v"(c[i]) : "v"(x), "v"(y));
  FL_UNROLL for (int i = 1; i < 12; i++) c[0] += c[i];
  return fl::hsum(c[0]);
}
double fma_peak() {
  constexpr int kSteps = 100000;
  volatile float keep;
  return rate(2.0 * 12 * fl::kLanes<float> * kSteps, [&] { keep = fma_chains(kSteps); });
}

template <int MR, int NV>
void measure(double peak) {
  constexpr int NR = NV * fl::kLanes<float>;
  const long m = 192 / MR * MR, n = 128 / NR * NR;
  std::vector<float> q(192 * 128, 0.5f), k(256 * 128, 0.25f), s(192 * 256, 0.0f),
      o(192 * 128, 0.0f), alpha(192, 1.0f);
  const auto qk = [&](long depth) {
    return rate(2.0 * m * n * depth, [&] {
      fl::gemm_block<float, MR, NV, fl::Start::Zero, 0>(m, n, depth, {q.data(), depth, 1},
                                                        {k.data(), NR, depth * NR}, {s.data(), n});
    });
  };
  const auto pv = [&](long depth, bool packed) {
    const long columns = depth / NR * NR;
    return rate(2.0 * m * columns * 64, [&] {
      fl::gemm_block<float, MR, NV, fl::Start::Scale, 0>(
          m, columns, 64, {s.data(), n, 1}, {k.data(), packed ? NR : depth, packed ? NR * 64 : NR},
          {o.data(), depth}, alpha.data());
    });
  };
  const double rates[] = {qk(64), qk(128), pv(64, false), pv(128, false), pv(128, true)};
  std::printf("%2d x %d  ", MR, NV);
  for (const double each : rates) std::printf("%7.1f (%3.0f%%)", each, 100 * each / peak);
  std::printf("\n");
}

}  // namespace

int main() {
  const double peak = fma_peak();
  std::printf(
      "FMA peak %.1f GF/s\nblock   QK D64          QK D128        PV D64         PV D128        PV "
      "D128 packed\n",
      peak);
  measure<4, 2>(peak);
  measure<6, 2>(peak);
  measure<4, 3>(peak);
  measure<3, 4>(peak);
  measure<2, 4>(peak);
  measure<8, 1>(peak);
#if defined(__AVX512F__)
  measure<6, 4>(peak);
  measure<8, 3>(peak);
  measure<12, 2>(peak);
  measure<14, 1>(peak);
#endif
}
