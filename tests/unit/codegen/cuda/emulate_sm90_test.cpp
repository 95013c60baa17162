// The sm_90a half of the emulator: warpgroup products fed by the copy engine, and what it must
// notice.
#include "unit/codegen/cuda/emulated.h"
#include "unit/codegen/cuda/wgmma_kernels.h"

namespace flashlight::test {
namespace {

using ir::DType;

struct Gemm {
  DType dtype = DType::BF16;
  int swizzle = 128, n_tile = 64;
  bool b_rows = false;
  int64_t m = 128, n = 64, k = 256;

  int depth() const { return swizzle / ir::dtype_size(dtype); }
  std::string text() const {
    const bool tf32 = dtype == DType::F32, bf16 = dtype == DType::BF16;
    std::string out = kWgmmaGemm;
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"M_SIZE", std::to_string(m)},
             {"N_SIZE", std::to_string(n)},
             {"K_SIZE", std::to_string(k)},
             {"B_ROWS", b_rows ? "1" : "0"},
             {"FORM", b_rows ? "template ss_tn" : "template ss"},
             {"TYPE", tf32   ? "Tf32"
                      : bf16 ? "Bf16"
                             : "F16"},
             {"SWIZZLE", std::to_string(swizzle)},
             {"BK", std::to_string(depth())}})
      out = mutate(out, from, to);
    return "#include \"hopper.cuh\"\nconstexpr int N = " + std::to_string(n_tile) + ";\n" + out;
  }
  codegen::cuda::Source source(const std::string& text) const {
    const int stage = 128 * swizzle + n_tile * swizzle;
    auto out = kernel_of(text, 384, 2 * stage + 32, (m + 127) / 128 * ((n + n_tile - 1) / n_tile));
    out.maps = {{0, {1, 0}, {depth(), 128}, swizzle},
                {1, {1, 0}, {depth(), b_rows ? depth() : n_tile}, swizzle}};
    return out;
  }
};

std::pair<double, std::string> error_of(const Gemm& g, const std::string& text,
                                        EmulateOptions options = {}) {
  HostTensor a = HostTensor::random({g.m, g.k}, g.dtype, 1);
  HostTensor b =
      HostTensor::random(g.b_rows ? std::vector{g.k, g.n} : std::vector{g.n, g.k}, g.dtype, 2);
  HostTensor c({g.m, g.n}, DType::F32);
  const std::string said = complaint(g.source(text), {a.device(), b.device(), c.device()}, options);
  return {product_error(a, b, c, g.b_rows), said};
}

TEST(EmulateSm90, MultipliesInEveryTypeLayoutAndSwizzle) {
  for (const Gemm& g : std::vector<Gemm>{{DType::BF16, 128, 64, false, 200, 72, 200},
                                         {DType::F16, 64, 96, false, 128, 96, 96},
                                         {DType::F16, 32, 8, false, 128, 8, 64},
                                         {DType::BF16, 128, 128, true, 136, 200, 136},
                                         {DType::BF16, 64, 64, true, 128, 64, 64},
                                         {DType::F32, 128, 32, false, 128, 40, 80}}) {
    const auto [error, said] = error_of(g, g.text());
    EXPECT_EQ(said, "");
    EXPECT_LT(error, g.dtype == DType::F32 ? 5e-2 : 1e-3)
        << ir::dtype_text(g.dtype) << " " << g.swizzle << " " << g.b_rows;
  }
}

TEST(EmulateSm90, TheOrderOfEventsDoesNotMatter) {
  const Gemm g;
  for (uint32_t seed : {1u, 2u, 3u}) {
    const auto [error, said] = error_of(g, g.text(), {seed, 3, {}});
    EXPECT_EQ(said, "");
    EXPECT_LT(error, 1e-3) << seed;
  }
}

struct Mutation {
  const char *name, *from, *to;
  const char* says;  // "": nothing, but the result is wrong
};

class EmulateSm90Notices : public testing::TestWithParam<Mutation> {};

TEST_P(EmulateSm90Notices, TheMutation) {
  const Mutation& mutation = GetParam();
  const Gemm g;
  const auto [error, said] = error_of(g, mutate(g.text(), mutation.from, mutation.to));
  if (*mutation.says)
    EXPECT_NE(said.find(mutation.says), std::string::npos) << "it said: " << said;
  else
    EXPECT_FALSE(error < 1e-1) << "it said: " << said;
}

INSTANTIATE_TEST_SUITE_P(
    Mutations, EmulateSm90Notices,
    testing::Values(
        Mutation{"FullNotWaitedFor", "mbar_wait(full + 8 * s, step / 2 & 1);", "", ""},
        Mutation{"EmptyNotWaitedFor", "mbar_wait(empty + 8 * s, (step / 2 & 1) ^ 1);", "", ""},
        Mutation{"ProductNotWaitedFor", "wgmma_wait<0>();", "wgmma_wait<1>();", ""},
        Mutation{"WrongSwizzle", "8 * 128, 128);", "8 * 128, 64);", ""},
        Mutation{"NotFenced", "wgmma_fence();", "", "no wgmma_fence"},
        Mutation{"NeverReleased", "mbar_arrive(empty + 8 * s);", ";", "deadlock"},
        Mutation{"AnnouncedTwice", "mbar_arrive_expect(bar, kStage);",
                 "mbar_arrive_expect(bar, kStage); mbar_arrive(bar);", "more arrivals"},
        Mutation{"TooFewBytesAnnounced", "mbar_arrive_expect(bar, kStage)",
                 "mbar_arrive_expect(bar, kStage + 16)", "deadlock"},
        Mutation{"OutOfRange", "const u32 base = smem_addr(smem)",
                 "const u32 base = smem_addr(smem) + 1024", "the CTA has"},
        Mutation{"Misaligned", "tma_load_2d(stage,", "tma_load_2d(stage + 16,", "no multiple"},
        Mutation{"RegistersThatNobodyHas", "regs_grow<240>();", "regs_grow<248>();", "regs_grow"},
        Mutation{"NoBarrierMade", "mbar_init(full + 8 * s, 1);", "", "no mbarrier"}),
    [](const auto& info) { return std::string(info.param.name); });

struct Chain {
  int64_t m = 100, n = 180;

  std::string text() const {
    std::string out = kWgmmaChain;
    out = mutate(out, "M_SIZE", std::to_string(m));
    out = mutate(out, "N_SIZE", std::to_string(n));
    out = mutate(out, "TYPE", "Bf16");
    return "#include \"hopper.cuh\"\n" + out;
  }
  /// Largest error relative to the largest element.
  std::pair<double, std::string> run(const std::string& text) const {
    HostTensor q = HostTensor::random({m, 64}, DType::BF16, 1);
    HostTensor k = HostTensor::random({n, 64}, DType::BF16, 2);
    HostTensor v = HostTensor::random({n, 64}, DType::BF16, 3);
    HostTensor o({m, 64}, DType::F32), scores({m, n}, DType::F64), want({m, 64}, DType::F64);
    auto source = kernel_of(text, 256, 5 * 8192 + 72, (m + 63) / 64);
    for (int t = 0; t < 3; t++) source.maps.push_back({t, {1, 0}, {64, 64}, 128});
    const std::string said = complaint(source, {q.device(), k.device(), v.device(), o.device()});
    scores.fill([&](int64_t i, int64_t j) { return dot(q, k, false, i, j); });
    double largest = 0;
    want.fill([&](int64_t i, int64_t j) { return dot(scores, v, true, i, j); });
    for (int64_t e = 0; e < m * 64; e++) largest = std::max(largest, std::fabs(want.value(e)));
    return {product_error(scores, v, o, true) / largest, said};
  }
};

TEST(EmulateSm90, ChainsProductsThroughRegisters) {
  const Chain c;
  const auto [error, said] = c.run(c.text());
  EXPECT_EQ(said, "");
  EXPECT_LT(error, 1e-2);
}

TEST(EmulateSm90, NoticesThatRegistersAreReusedTooEarly) {
  const Chain c;  // the weights of the next step are written while the product still reads them
  const auto [error, said] = c.run(mutate(c.text(), "wgmma_wait<0>();", ""));
  EXPECT_FALSE(error < 1e-2) << said;
}

TEST(EmulateSm90, NoticesAValueTileThatIsNotWaitedFor) {
  const Chain c;
  const auto [error, said] =
      c.run(mutate(c.text(), "mbar_wait(v_full + 8 * before, (step - 1) / 2 & 1);", ""));
  EXPECT_FALSE(error < 1e-2) << said;
}

}  // namespace
}  // namespace flashlight::test
