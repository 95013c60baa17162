// Choosing a schedule for a GPU, and filling a launch: against NVRTC, and a driver that is a fake.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "api/candidates.h"
#include "api/compile.h"
#include "api/launch_cuda.h"
#include "ir/program.h"
#include "runtime/cuda/library.h"
#include "support/error.h"
#include "tile/lower.h"
#include "transform/canonicalize.h"
#include "transform/stream.h"
#include "unit/runtime/cuda/fake_driver.h"
#include "unit/runtime/scratch_folder.h"

namespace flashlight::api {
namespace {

using Word = unsigned long long;

// ---- choosing

Candidate candidate(int registers, int spills, bool serialized = false) {
  Candidate out;
  out.cubin.resources.registers = registers;
  out.cubin.resources.spill_stores = spills;
  if (serialized) out.cubin.resources.wgmma_losses = {"(C7510)"};
  return out;
}

/// Schedules are told apart by their row tile, the index of what becomes of them.
struct Choice {
  std::vector<std::function<Candidate()>> outcomes;
  std::atomic<int> made = 0;
  std::vector<std::string> passed_over = {};
  int registers(size_t at_once = 1) {
    std::vector<tile::Schedule> schedules(outcomes.size());
    for (size_t i = 0; i < schedules.size(); ++i) schedules[i].row_tile = int64_t(i);
    const Making making{[&](const tile::Schedule& s) {
                          if (!outcomes[size_t(s.row_tile)]) throw Refused("kernel0", "too large");
                          Candidate out;
                          out.kernel.schedule = s;
                          return out;
                        },
                        [&](Candidate& c) {
                          made++;
                          c.cubin = outcomes[size_t(c.kernel.schedule.row_tile)]().cubin;
                        }};
    Made found = choose(schedules, making, at_once);
    passed_over = found.passed_over;
    return found.candidates.at(0).cubin.resources.registers;
  }
};

const std::function<Candidate()> kRefused;

TEST(Choose, TheFirstThatLosesNothingEndsTheSearch) {
  Choice c{{kRefused, [] { return candidate(1, 8); }, [] { return candidate(2, 0); },
            [] { return candidate(3, 0); }}};
  EXPECT_EQ(c.registers(), 2);
  EXPECT_EQ(c.made, 2) << "what is refused is not compiled";
  ASSERT_EQ(c.passed_over.size(), 2u);
  EXPECT_NE(c.passed_over[0].find("too large"), std::string::npos) << c.passed_over[0];
  EXPECT_NE(c.passed_over[1].find("8 bytes spilled"), std::string::npos) << c.passed_over[1];
}

TEST(Choose, ElseTheOneThatLosesLeast) {
  Choice c{{[] { return candidate(1, 80); }, [] { return candidate(2, 0, true); },
            [] { return candidate(3, 16); }}};
  EXPECT_EQ(c.registers(), 3) << "serialised wgmma is worse than any spill";
}

TEST(Choose, SeveralAtOnceGiveTheSame) {
  Choice c{{[] { return candidate(1, 8); }, kRefused, [] { return candidate(2, 0); },
            [] { return candidate(3, 0); }, [] { return candidate(4, 0); }}};
  EXPECT_EQ(c.registers(2), 2);
  EXPECT_EQ(c.made, 3) << "the first alone, then two";
}

TEST(Choose, OneThatDoesNotCompileIsPassedOver) {
  Choice c{{[]() -> Candidate { throw CompileError("no"); }, [] { return candidate(2, 0); }}};
  EXPECT_EQ(c.registers(), 2);
  Choice none{{[]() -> Candidate { throw CompileError("no"); }, kRefused}};
  EXPECT_THROW(none.registers(), CompileError);
}

TEST(Choose, NoneIsTheLastRefusal) {
  Choice c{{kRefused, kRefused}};
  EXPECT_THROW(c.registers(), Refused);
  Choice nothing{{}};
  EXPECT_THROW(nothing.registers(), InternalError);
}

// ---- launching

const std::string kScores =
    "symbol S = 40\ninput q : bf16[2, S, 64]\ninput k : bf16[2, S, 64]\n"
    "compute s[b:2, i:S, j:S] : f32 = sum[d:64] q[b,i,d]*k[b,j,d]\n"
    "compute out[b:2, i:S] : f32 = max[j:S] s[b,i,j]\noutput out\n";

struct CudaLaunch : testing::Test {
  void SetUp() override {
    using namespace runtime::cuda;
    if (loaded_libraries("libcuda.so").empty()) dlopen(FLASHLIGHT_TEST_DRIVER, RTLD_NOW);
    const auto find = reinterpret_cast<test::FakeDriver* (*)()>(
        dlsym(open_library("libcuda.so.1").handle, "fake_driver"));
    if (find == nullptr) GTEST_SKIP() << "this machine has a driver of its own";
    fake = find();
    *fake = {};
    fake->param_bytes = 256;
    const ir::Stream stream = transform::stream(transform::canonicalize(ir::parse(kScores))).at(0);
    tile::Specialization spec;
    spec.fixed = {};
    kernel = tile::lower(stream, tile::candidates(stream, spec, {}).at(0), spec, {});
    source.entry = "f";
    source.threads = 384, source.shared_bytes = 1000, source.ctas_per_sm = 1;
    const ir::Expr S = ir::symbol("S", ir::Type::Int);
    source.units = ir::binary(ir::Op::Mul, ir::constant(int64_t(2)), S);
    source.maps = {{.tensor = 1, .dims = {2, 1, 0}, .box = {64, 128, 1}, .swizzle = 128}};
  }
  Word word(size_t i) const {
    Word out;
    std::memcpy(&out, fake->params + 128 + 8 * i, sizeof out);
    return out;
  }
  void run(const CudaExecutable& executable, int64_t S) {
    void* data[] = {at(4096), at(8192), at(16384)};
    const int64_t q[] = {64 * S, 64, 1}, out[] = {S, 1};
    const int64_t* strides[] = {q, q, out};
    executable.run({data, strides, &S, at(5)});
  }
  static void* at(uintptr_t address) { return reinterpret_cast<void*>(address); }

  test::FakeDriver* fake = nullptr;
  tile::Kernel kernel;
  codegen::cuda::Source source;
  runtime::cuda::Cubin cubin{"\177ELF", "/cache/kernel.cubin", "", {}};
};

TEST_F(CudaLaunch, MapsPointersStridesAndSymbolsStandInOrder) {
  const CudaExecutable executable(kernel, source, cubin, 0);
  run(executable, 40);
  EXPECT_EQ(fake->rank, 3u);
  EXPECT_EQ(fake->sizes[0], 64u);
  EXPECT_EQ(fake->sizes[1], 40u);
  EXPECT_EQ(fake->strides[1], 2u * 64 * 40);
  const std::vector<Word> expected = {4096, 8192, 16384, 64 * 40, 64, 1, 64 * 40, 64, 1, 40, 1, 40};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(word(i), expected[i]) << i;
  EXPECT_EQ(fake->grid, 80u);
  EXPECT_EQ(fake->threads, 384u);
  EXPECT_EQ(fake->shared, 1000u);
  EXPECT_EQ(fake->stream, at(5));
}

TEST_F(CudaLaunch, APersistentGridIsNoLargerThanTheGpu) {
  const CudaExecutable executable(kernel, source, cubin, 0);
  run(executable, 1000);
  EXPECT_EQ(fake->grid, 132u);
  source.ctas_per_sm = 0;
  const CudaExecutable one_each(kernel, source, cubin, 0);
  run(one_each, 1000);
  EXPECT_EQ(fake->grid, 2000u);
}

TEST_F(CudaLaunch, NothingToDoIsNoLaunch) {
  const CudaExecutable executable(kernel, source, cubin, 0);
  run(executable, 0);
  EXPECT_EQ(fake->launches, 0);
}

/// Attention over keys that are values too.
std::string attention(const std::string& dtype) {
  return "symbol S = 512\ninput q : " + dtype + "[2, S, 64]\ninput k : " + dtype +
         "[2, S, 64]\n"
         "compute s[b:2, i:S, j:S] : f32 = sum[d:64] q[b,i,d]*k[b,j,d]\n"
         "compute m[b:2, i:S] : f32 = max[j:S] s[b,i,j]\n"
         "compute e[b:2, i:S, j:S] : f32 = exp(s[b,i,j] - m[b,i])\n"
         "compute l[b:2, i:S] : f32 = sum[j:S] e[b,i,j]\n"
         "compute o[b:2, i:S, d:64] : " +
         dtype + " = sum[j:S] e[b,i,j] / l[b,i] * k[b,j,d]\noutput o\n";
}

/// From a program's text to a launch: all but what the GPU does.
struct CudaCall : CudaLaunch {
  void SetUp() override {
    CudaLaunch::SetUp();
    if (IsSkipped()) return;
    set_nvrtc_folders({FLASHLIGHT_TEST_NVRTC});
    if (!gpu_problem(0).empty()) GTEST_SKIP() << gpu_problem(0);
    fake->param_bytes = 8 * 14;  // three pointers, their strides, S and the head dimension
  }
  void call(const Compiled& compiled, int64_t S, uintptr_t address, bool tf32 = false) {
    const int64_t strides[] = {64 * S, 64, 1};
    compiled.call({{at(address), strides}, {at(1 << 20), strides}}, {{at(1 << 21), strides}}, {S},
                  {.gpu = 0, .stream = at(5), .tf32 = tf32});
  }
  ScratchFolder scratch;
  ScopedEnv cache{"FLASHLIGHT_CACHE_DIR", scratch.path.string()};
};

TEST_F(CudaCall, CompilesOnceForAKindOfTensors) {
  const Compiled compiled(attention("bf16"));
  const int64_t before = variants_made();
  call(compiled, 512, 4096), call(compiled, 300, 4096), call(compiled, 300, 4096, true);
  EXPECT_EQ(variants_made(), before + 1) << "tf32 says nothing to bf16";
  EXPECT_EQ(fake->launches, 3);
  EXPECT_EQ(fake->stream, at(5));
  EXPECT_GT(fake->grid, 0u);
  call(compiled, 512, 4098);
  EXPECT_EQ(variants_made(), before + 2) << "an address that is no multiple of 16 bytes";
  const Variant& variant = *compiled.kernels().at(0)->made().at(0);
  EXPECT_NE(variant.resources.find("registers"), std::string::npos) << variant.resources;
  EXPECT_FALSE(variant.notes.empty());
}

TEST_F(CudaCall, BuildsAheadAndLoadsNothing) {
  const Compiled compiled(attention("f16"));
  const int64_t S = 512, strides[] = {64 * S, 64, 1};
  const int64_t made = variants_made(), from_disk = variants_from_disk();
  const int loads = fake->loads;
  const uintptr_t odd = 4100;  // no other test has this alignment
  compiled.build({{at(odd), strides}, {at(1 << 20), strides}}, {{at(1 << 21), strides}}, {S},
                 {.gpu = 0});
  EXPECT_EQ(fake->loads, loads) << "a graph may be captured in another thread";
  EXPECT_EQ(variants_made(), made);
  call(compiled, S, odd);
  EXPECT_EQ(fake->loads, loads + 1);
  EXPECT_TRUE(compiled.kernels().at(0)->made().back()->from_disk);
  EXPECT_EQ(variants_made(), made + 1);
  EXPECT_EQ(variants_from_disk(), from_disk) << "it counts as compiled";
}

TEST_F(CudaCall, OneKernelServesAllLengths) {
  const Compiled compiled(attention("f16"));  // equal programs share kernels, in all tests
  const int64_t before = variants_made();
  for (int64_t length : {4096, 1024, 17, 16384}) call(compiled, length, 4096);
  EXPECT_EQ(variants_made(), before + 1);
}

/// Rows of 4 x 3 elements, whose strides are multiples of 8 bytes, not of 16.
TEST_F(CudaCall, NarrowRowsThatLieTogetherAreKnown) {
  const Compiled compiled(
      "symbol S = 128\ninput q : bf16[2, S, 4, 3]\ninput k : bf16[2, S, 4, 3]\n"
      "compute s[h:2, i:S, j:S] : f32 = sum[p:4, x:3] q[h,i,p,x]*k[h,j,p,x]\n"
      "compute m[h:2, i:S] : f32 = max[j:S] s[h,i,j]\noutput m\n");
  const auto known = [&](std::vector<int64_t> k_strides, uintptr_t address) {
    const int64_t q_strides[] = {12 * 130, 12, 3, 1}, m_strides[] = {128, 1};
    compiled.call({{at(4096), q_strides}, {at(address), k_strides.data()}},
                  {{at(1 << 21), m_strides}}, {128}, {.gpu = 0, .stream = at(5)});
    const tile::Specialization& spec =
        compiled.kernels().at(0)->made().back()->kernel.specialization;
    for (const auto& [name, classes] : spec.strides)
      if (classes.size() == 4 && classes[2] != tile::StrideClass::Joined)
        return std::string("apart");
    return std::string("joined") + (spec.half_aligned.size() == 2 ? ", 8 bytes" : "");
  };
  EXPECT_EQ(known({12 * 128, 12, 3, 1}, 1 << 20), "joined, 8 bytes");
  EXPECT_EQ(known({12 * 128, 12, 3, 1}, (1 << 20) + 2), "joined");
  EXPECT_EQ(known({12 * 128, 12, 1, 4}, 1 << 20), "apart");
}

/// A length that an index relies on is a constant, and so are the strides over it.
TEST_F(CudaCall, RowsOfAConstantLengthAreCopied) {
  const Compiled compiled(
      "symbol S = 512\ninput q : bf16[8, S, 64]\ninput k : bf16[8, 512, 64]\n"
      "input v : bf16[8, 512, 64]\ninput b : f32[513]\n"
      "compute s[h:8, i:S, j:512] : f32 = sum[d:64] q[h,i,d]*k[h,j,d]\n"
      "compute w[h:8, i:S, j:512] : f32 = exp(s[h,i,j] + b[j + 1])\n"
      "compute n[h:8, i:S] : f32 = sum[j:512] w[h,i,j]\n"
      "compute a[h:8, i:S, e:64] : f32 = sum[j:512] w[h,i,j]*v[h,j,e]\n"
      "compute o[i:S, c:512] : bf16 = a[c // 64, i, c % 64] / n[c // 64, i]\noutput o\n");
  const int64_t strides[] = {64 * 512, 64, 1}, o_strides[] = {512, 1}, one[] = {1};
  compiled.call(
      {{at(4096), strides}, {at(1 << 20), strides}, {at(1 << 21), strides}, {at(1 << 22), one}},
      {{at(1 << 23), o_strides}}, {512}, {.gpu = 0, .stream = at(5)});
  const tile::Kernel& kernel = compiled.kernels().at(0)->made().at(0)->kernel;
  ASSERT_EQ(kernel.specialization.strides.at("in2").at(1), tile::StrideClass::Joined);
  EXPECT_EQ(kernel.schedule.path, "hopper");
}

// ---- tuning

double by_threads(unsigned threads, unsigned) { return threads / 1000.; }
double all_alike(unsigned, unsigned) { return .2; }

struct CudaTune : CudaCall {
  void SetUp() override {
    CudaCall::SetUp();
    if (IsSkipped()) return;
    stream = transform::stream(transform::canonicalize(ir::parse(attention("bf16")))).at(0);
    for (const ir::SymbolInfo& s : stream.symbols) spec.fixed[s.name] = 512;
    using enum tile::StrideClass;
    for (const char* name : {"q", "k", "o"})
      spec.strides[name] = {Any, Any, One}, spec.aligned.insert(name);
  }
  Variant tune() {
    const int64_t strides[] = {64 * 512, 64, 1}, symbols[] = {512, 512};
    void* data[] = {at(4096), at(8192), at(16384)};
    const int64_t* all[] = {strides, strides, strides};
    return tune_cuda(stream, spec, 0, {data, all, symbols, at(5)});
  }
  static std::string path(const Variant& v) { return describe(v.kernel.schedule); }
  ir::Stream stream;
  tile::Specialization spec;
};

TEST_F(CudaTune, TakesTheFastestAndRemembersItOnDisk) {
  fake->cost_ms = by_threads;
  const Variant measured = tune();
  EXPECT_GT(fake->launches, 10);
  ASSERT_GT(measured.passed_over.size(), 1u);
  EXPECT_NE(measured.passed_over.back().find(" ms"), std::string::npos);
  const unsigned threads = unsigned(32 * measured.kernel.schedule.warps);
  fake->launches = 0;
  const Variant known = tune();
  EXPECT_EQ(fake->launches, 0);
  EXPECT_TRUE(known.from_disk);
  EXPECT_EQ(path(known), path(measured));
  fake->cost_ms = all_alike;
  EXPECT_GE(32 * make_cuda(stream, spec, 0).kernel.schedule.warps, int(threads));
}

TEST_F(CudaTune, TheDefaultStaysWhereNothingIsFaster) {
  fake->cost_ms = all_alike;
  EXPECT_EQ(path(tune()), path(make_cuda(stream, spec, 0)));
}

TEST_F(CudaCall, NothingIsMeasuredWhileAGraphIsCaptured) {
  const Compiled compiled(attention("f16"));
  const int64_t strides[] = {64 * 512, 64, 1};
  fake->capturing = 1;
  compiled.call({{at(4096), strides}, {at(1 << 20), strides}}, {{at(1 << 21), strides}}, {512},
                {.gpu = 0, .stream = at(5), .tune = true});
  EXPECT_EQ(fake->launches, 1);
}

TEST_F(CudaCall, RoundingToTf32IsAnotherKernel) {
  const Compiled compiled(attention("f32"));
  const int64_t before = variants_made();
  call(compiled, 512, 4096, false), call(compiled, 512, 4096, true);
  EXPECT_EQ(variants_made(), before + 2);
  EXPECT_TRUE(compiled.kernels().at(0)->made().at(1)->kernel.specialization.tf32);
}

TEST_F(CudaLaunch, AGpuThatIsTooOldIsAnErrorThatNamesIt) {
  const Compiled compiled(kScores);
  const int64_t q[] = {2560, 64, 1}, out[] = {40, 1};
  try {
    compiled.call({{at(4096), q}, {at(8192), q}}, {{at(16384), out}}, {40}, {.gpu = 1});
    FAIL() << "ran";
  } catch (const CompileError& error) {
    EXPECT_NE(std::string(error.what()).find("Fake T4"), std::string::npos) << error.what();
  }
}

TEST(Workspace, IsKnownBeforeTheCall) {
  // Softmax over queries: a kernel over keys for maximum and sum, then one that reads them.
  const Compiled compiled(
      "symbol S = 40\ninput q : f32[S, 8]\ninput k : f32[S, 8]\n"
      "compute s[i:S, j:S] : f32 = sum[d:8] q[i,d]*k[j,d]\n"
      "compute m[j:S] : f32 = max[i:S] s[i,j]\n"
      "compute e[i:S, j:S] : f32 = exp(s[i,j] - m[j])\n"
      "compute l[j:S] : f32 = sum[i:S] e[i,j]\n"
      "compute out[i:S, d:8] : f32 = sum[j:S] e[i,j] / l[j]*k[j,d]\noutput out\n");
  ASSERT_EQ(compiled.kernels().size(), 2u);
  EXPECT_GE(compiled.workspace_bytes({100}), 2 * 100 * 4);
  EXPECT_GT(compiled.workspace_bytes({1000}), compiled.workspace_bytes({100}));
  EXPECT_EQ(Compiled(kScores).workspace_bytes({40}), 0);
}

}  // namespace
}  // namespace flashlight::api
