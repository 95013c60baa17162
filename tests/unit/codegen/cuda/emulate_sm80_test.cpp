// The sm_80 half of the emulator: products, copies, and what it must notice.
#include "unit/codegen/cuda/emulated.h"
#include "unit/codegen/cuda/mma_gemm.h"

namespace flashlight::test {
namespace {

using ir::DType;

struct Gemm {
  DType dtype = DType::BF16;
  bool b_rows = false;
  int64_t m = 64, n = 64, k = 64;

  std::string text() const {
    std::string out = kMmaGemm;
    out = mutate(out, "M_SIZE", std::to_string(m));
    out = mutate(out, "N_SIZE", std::to_string(n));
    out = mutate(out, "K_SIZE", std::to_string(k));
    out = mutate(out, "B_ROWS", b_rows ? "1" : "0");
    out = mutate(out, "TYPE", dtype == DType::BF16 ? "Bf16" : "F16");
    return mutate(out, "MMA", dtype == DType::BF16 ? "mma_bf16" : "mma_f16");
  }
  codegen::cuda::Source source(const std::string& text) const {
    return kernel_of(text, 128, 16384, ((m + 63) / 64) * ((n + 63) / 64));
  }
  HostTensor a() const { return HostTensor::random({m, k}, dtype, 1); }
  HostTensor b() const {
    return HostTensor::random(b_rows ? std::vector{k, n} : std::vector{n, k}, dtype, 2);
  }
};

/// Largest error of the kernel `text`, NaN where it left some; what the emulator said.
std::pair<double, std::string> error_of(const Gemm& g, const std::string& text) {
  HostTensor a = g.a(), b = g.b(), c({g.m, g.n}, DType::F32);
  const std::string said = complaint(g.source(text), {a.device(), b.device(), c.device()});
  return {product_error(a, b, c, g.b_rows), said};
}

TEST(EmulateSm80, MultipliesInBothTypesAndLayouts) {
  for (DType dtype : {DType::BF16, DType::F16})
    for (bool b_rows : {false, true}) {
      const Gemm g{dtype, b_rows, 100, 72, 88};
      const auto [error, said] = error_of(g, g.text());
      EXPECT_EQ(said, "");
      EXPECT_LT(error, 1e-3) << ir::dtype_text(dtype) << " " << b_rows;
    }
}

TEST(EmulateSm80, AMissingWaitShows) {
  const Gemm g;
  const auto [error, said] = error_of(g, mutate(g.text(), "cp_async_wait<1>", "cp_async_wait<2>"));
  EXPECT_TRUE(std::isnan(error)) << error << said;
}

TEST(EmulateSm80, AMissingBarrierShows) {
  const Gemm g;
  const auto [error, said] = error_of(g, mutate(g.text(), "__syncthreads();", ""));
  EXPECT_TRUE(std::isnan(error)) << error << said;
}

TEST(EmulateSm80, AMissingSwizzleShows) {
  const Gemm g;
  const auto [error, said] = error_of(
      g, mutate(g.text(), "ldmatrix4(x, piece(stage, warp * 16 + lane % 16, kk * 16 + lane / 16 * 8, 64))",
                "ldmatrix4(x, stage + (warp * 16 + lane % 16) * 64 + kk * 32 + lane / 16 * 16)"));
  EXPECT_GT(error, 1e-1) << said;
}

}  // namespace
}  // namespace flashlight::test
