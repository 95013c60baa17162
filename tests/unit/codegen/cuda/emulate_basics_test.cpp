// CUDA itself on the emulator: shuffles, votes, barriers, atomics, conversions, and errors.
#include "unit/codegen/cuda/emulated.h"

namespace flashlight::test {
namespace {

using ir::DType;

/// A kernel over `float* out` and `const float* in`, one CTA of 64 threads, with this body.
std::string body(const std::string& text) {
  return R"(
#include "ptx.cuh"
struct Params {
  u64 words[4];
};
extern "C" __global__ void __launch_bounds__(64) kernel(const __grid_constant__ Params p) {
  SHARED_MEMORY(smem);
  const float* in = (const float*)p.words[0];
  float* out = (float*)p.words[1];
  const int thread = threadIdx.x, lane = thread % 32;
)" + text +
         "}\n";
}

struct Launched {
  HostTensor in = HostTensor::random({64}, DType::F32, 5), out = HostTensor({64}, DType::F32);
  std::string said;
  explicit Launched(const std::string& text, int64_t units = 1, EmulateOptions options = {}) {
    said = complaint(kernel_of(body(text), 64, 4096, units), {in.device(), out.device()}, options);
  }
};

TEST(EmulateBasics, ReducesOverAWarp) {
  Launched r(R"(
  float x = in[thread];
  for (int step = 16; step; step /= 2) x += __shfl_xor_sync(~0u, x, step);
  const u32 votes = __ballot_sync(~0u, in[thread] > 0.f);
  if (__any_sync(~0u, lane == 7) && !__all_sync(~0u, lane == 7)) out[thread] = x + __popc(votes);
)");
  ASSERT_EQ(r.said, "");
  for (int w = 0; w < 2; w++) {
    double want = 0;
    for (int l = 0; l < 32; l++) want += r.in.value(32 * w + l) + (r.in.value(32 * w + l) > 0);
    for (int l = 0; l < 32; l++) EXPECT_NEAR(r.out.value(32 * w + l), want, 1e-5);
  }
}

TEST(EmulateBasics, AddsAtomicallyFromAllCtas) {
  Launched r("if (blockIdx.x == 0) out[thread] = 0.f;\n  atomicAdd(&out[lane], in[lane]);\n", 3);
  ASSERT_EQ(r.said, "");
  for (int l = 0; l < 32; l++) EXPECT_NEAR(r.out.value(l), 6 * r.in.value(l), 1e-5);
}

TEST(EmulateBasics, ConvertsAndPacks) {
  Launched r(R"(
  const u32 b = pack<Bf16>(in[thread], 1.f), f = pack<F16>(3.f, in[thread]);
  out[thread] = low<Bf16>(b) - in[thread] + high<F16>(f) + low<F16>(f) + high<Bf16>(b);
)");
  ASSERT_EQ(r.said, "");
  for (int t = 0; t < 64; t++) EXPECT_NEAR(r.out.value(t), r.in.value(t) + 4, 0.03);
}

TEST(EmulateBasics, MultipliesInTf32) {
  // a[g][k] = in[8 g + k] for g < 8 (zero below), b = identity: d == a.
  Launched r(R"(
  const int g = lane / 4, t = lane % 4;
  const u32 a[4] = {to_tf32(in[8 * g + t]), 0, to_tf32(in[8 * g + t + 4]), 0};
  float d[4] = {0.f, 0.f, 0.f, 0.f};
  mma_tf32(d, a, to_tf32(t == g ? 1.f : 0.f), to_tf32(t + 4 == g ? 1.f : 0.f));
  out[8 * g + 2 * t] = d[0] + d[2];
  out[8 * g + 2 * t + 1] = d[1] + d[3];
)");
  ASSERT_EQ(r.said, "");
  for (int t = 0; t < 64; t++) EXPECT_NEAR(r.out.value(t), r.in.value(t), 2e-3);
}

TEST(EmulateBasics, SharedMemoryStartsAsNan) {
  Launched r("out[thread] = ((float*)smem)[thread];\n");
  ASSERT_EQ(r.said, "");
  EXPECT_TRUE(std::isnan(r.out.value(9)));
}

TEST(EmulateBasics, PersistentKernelsGetASmallMachine) {
  HostTensor in({1}, DType::F32), out({1}, DType::F32);
  auto source = kernel_of(body("if (thread == 0) out[0] = gridDim.x;\n"), 64, 0, 100);
  source.ctas_per_sm = 2;
  ASSERT_EQ(complaint(source, {in.device(), out.device()}), "");
  EXPECT_EQ(out.value(0), 6);
}

struct Mistake {
  const char *name, *text, *says;
};
class EmulateBasicsReports : public testing::TestWithParam<Mistake> {};

TEST_P(EmulateBasicsReports, TheMistake) {
  const std::string said = Launched(GetParam().text).said;
  EXPECT_NE(said.find(GetParam().says), std::string::npos) << "it said: " << said;
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, EmulateBasicsReports,
    testing::Values(
        Mistake{"Deadlock", "if (thread < 32) __syncthreads();\n", "deadlock"},
        Mistake{"DivergedWarp",
                "if (lane < 16) __syncwarp(); else out[0] = __shfl_sync(~0u, 1.f, 0);\n",
                "diverged"},
        Mistake{"PartOfAWarp", "out[0] = __shfl_sync(1u, 1.f, 0);\n", "part of a warp"},
        Mistake{"BarrierCounts", "named_sync(1, thread < 32 ? 32 : 64);\n  named_sync(1, 64);\n",
                "deadlock"},
        Mistake{"NoSuchBarrier", "named_sync(16, 64);\n", "no barrier 16"},
        Mistake{"OutOfSharedMemory", "sts32(smem_addr(smem) + 4096, 1);\n", "the CTA has"},
        Mistake{"Misaligned", "sts64(smem_addr(smem) + 4, Pair{1, 2});\n", "no multiple of 8"},
        Mistake{"MisalignedSource", "cp_async16(smem_addr(smem), in + 1);\n", "no multiple"},
        Mistake{"BehindSharedMemory", "if (thread == 0) smem[4096] = 0;\n", "wrote behind"},
        Mistake{"NullPointer", "if (thread == 40) *(float*)p.words[2] = 1.f;\n", "thread 40"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace flashlight::test
