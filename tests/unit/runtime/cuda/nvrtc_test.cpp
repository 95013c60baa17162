#include "runtime/cuda/nvrtc.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cuda/library.h"
#include "runtime/warning.h"
#include "support/error.h"
#include "unit/runtime/scratch_folder.h"

namespace flashlight::runtime::cuda {
namespace {

namespace fs = std::filesystem;

const std::string kDouble =
    "extern \"C\" __global__ void f(const float* a, float* b) { b[threadIdx.x] = 2 * "
    "a[threadIdx.x]; }";

/// 128 live values in 32 registers.
const std::string kSpills = R"(
extern "C" __global__ void __launch_bounds__(1024, 2) f(const float* a, float* b) {
  float x[128];
  for (int i = 0; i < 128; i++) x[i] = a[i * threadIdx.x];
  __syncthreads();
  for (int j = 0; j < 10; j++)
    for (int i = 0; i < 128; i++) x[i] = x[i] * x[(i + 1) % 128] + x[(i * 7) % 128];
  for (int i = 0; i < 128; i++) b[i * threadIdx.x] = x[i];
})";

/// The accumulator is touched between two products that are in flight.
const std::string kTouchedEarly = R"(
extern "C" __global__ void __launch_bounds__(128, 1) f(float* o, unsigned long long a) {
  float s[4] = {0, 0, 0, 0};
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
  for (int k = 0; k < 4; k++) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%0,%1,%2,%3}, %4, %4, 1, 1, 1, 0, 0;"
                 : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3]) : "l"(a + k));
    s[0] += 1.f;
  }
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
  for (int i = 0; i < 4; i++) o[threadIdx.x * 4 + i] = s[i];
})";

struct NvrtcTest : testing::Test {
  NvrtcTest() {
    set_nvrtc_folders({FLASHLIGHT_TEST_NVRTC});
    try {
      find_nvrtc();
    } catch (const CompileError&) {
      present = false;
    }
  }
  void SetUp() override {
    if (!present) GTEST_SKIP() << "no NVRTC on this machine";
  }
  Cubin make(const std::string& text, const std::string& arch = "sm_90a") {
    Cache cache(root);
    bool ran = false;
    Cubin out = compile({text, {}, arch, {}}, cache, {&ran});
    built += ran;
    return out;
  }
  CompileError error_of(const Source& source) {
    Cache cache(root);
    try {
      compile(source, cache);
    } catch (const CompileError& error) {
      return error;
    }
    ADD_FAILURE() << "compiled";
    return CompileError("none");
  }

  bool present = true;
  int built = 0;
  ScratchFolder scratch;
  fs::path root = scratch.path / "cache";
};

TEST_F(NvrtcTest, MakesABinaryAndTellsWhatItTakes) {
  const Cubin cubin = make(kDouble);
  EXPECT_EQ(cubin.image.substr(1, 3), "ELF");
  EXPECT_GT(cubin.resources.registers, 4);
  EXPECT_EQ(cubin.resources.spills(), 0);
  EXPECT_FALSE(cubin.resources.serialized());
  for (const char* file : {"kernel.cu", "kernel.log"})
    EXPECT_TRUE(fs::exists(fs::path(cubin.path).parent_path() / file)) << file;
}

TEST_F(NvrtcTest, AHitDoesNotCompileAndTellsTheSame) {
  const Cubin first = make(kSpills), again = make(kSpills);
  EXPECT_EQ(built, 1);
  EXPECT_EQ(again.image, first.image);
  EXPECT_EQ(print(again.resources), print(first.resources));
}

TEST_F(NvrtcTest, TextArchitectureHeadersAndOptionsAreInTheKey) {
  Cache cache(root);
  const std::string text = "#include \"value.cuh\"\n" + kDouble;
  const std::vector<Source> sources = {
      {text, {{"value.cuh", "enum { value = 1 };"}}, "sm_90a", {}},
      {text, {{"value.cuh", "enum { value = 2 };"}}, "sm_90a", {}},
      {text, {{"value.cuh", "enum { value = 2 };"}}, "sm_80", {}},
      {text, {{"value.cuh", "enum { value = 2 };"}}, "sm_80", {"--use_fast_math"}},
      {text + "\n", {{"value.cuh", "enum { value = 2 };"}}, "sm_80", {"--use_fast_math"}}};
  for (const Source& source : sources) {
    bool ran = false;
    compile(source, cache, {&ran});
    EXPECT_TRUE(ran) << source.arch;
  }
}

TEST_F(NvrtcTest, SpillsAreReported) {
  const Resources r = make(kSpills).resources;
  EXPECT_EQ(r.registers, 32);
  EXPECT_GT(r.spill_stores, 0);
  EXPECT_GT(r.spill_loads, 0);
  EXPECT_GT(r.stack, 0);
  EXPECT_FALSE(r.serialized());
}

TEST_F(NvrtcTest, SerialisedWgmmaIsReported) {
  const Resources r = make(kTouchedEarly).resources;
  ASSERT_TRUE(r.serialized());
  std::string lines;
  for (const std::string& line : r.wgmma_losses) lines += line;
  EXPECT_NE(lines.find("C7511"), std::string::npos) << lines;
}

TEST_F(NvrtcTest, ATruncatedOrAlteredEntryIsBuiltAgain) {
  const fs::path path = make(kDouble).path;
  fs::resize_file(path, fs::file_size(path) / 2);
  EXPECT_EQ(make(kDouble).image.substr(1, 3), "ELF");
  EXPECT_EQ(built, 2);
  write_text(path.parent_path() / "kernel.log", "ptxas: all is well");
  make(kDouble);
  EXPECT_EQ(built, 3);
}

TEST_F(NvrtcTest, AnUnusableCacheFolderStillCompiles) {
  write_text(root, "a file, not a folder");
  std::vector<std::string> warnings;
  set_warning_handler([&](const std::string& text) { warnings.push_back(text); });
  EXPECT_FALSE(make(kDouble).image.empty());
  set_warning_handler({});
  EXPECT_EQ(warnings.size(), 1u);
}

TEST_F(NvrtcTest, TwoProcessesCompileOnce) {
  int ran[2];
  ASSERT_EQ(pipe(ran), 0);
  pid_t children[2];
  for (pid_t& pid : children) {
    pid = fork();
    if (pid == 0) {
      const bool good = make(kTouchedEarly).resources.serialized();
      if (built && write(ran[1], "x", 1) != 1) _exit(2);
      _exit(good ? 0 : 1);
    }
  }
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  close(ran[1]);
  char marks[8];
  EXPECT_EQ(read(ran[0], marks, sizeof marks), 1) << "compilations";
  close(ran[0]);
}

TEST_F(NvrtcTest, AWrongTextGivesTheLog) {
  const CompileError error = error_of({"void f() { nonsense; }", {}, "sm_80", {}});
  EXPECT_NE(error.log().find("nonsense"), std::string::npos);
  EXPECT_NE(error.message().find("--gpu-architecture=sm_80"), std::string::npos);
  EXPECT_NE(error.message().find("NVRTC_ERROR_COMPILATION"), std::string::npos);
}

TEST_F(NvrtcTest, AnUnknownArchitectureIsAnError) {
  EXPECT_NE(error_of({kDouble, {}, "sm_12345", {}}).message().find("sm_12345"), std::string::npos);
}

TEST(NvrtcLibrary, AnAskedLibraryThatIsMissingIsNamed) {
  const ScopedEnv asked("FLASHLIGHT_NVRTC", "/nonexistent/libnvrtc.so.13");
  try {
    find_nvrtc();
    FAIL() << "found";
  } catch (const CompileError& error) {
    EXPECT_NE(error.message().find("/nonexistent/libnvrtc.so.13"), std::string::npos);
  }
}

TEST(NvrtcLibrary, NoneIsAnErrorThatSaysWhereItLooked) {
  if (!loaded_libraries("libnvrtc").empty()) GTEST_SKIP() << "a test before this one loaded it";
  set_nvrtc_folders({"/nonexistent/nvidia"});
  try {
    const NvrtcFacts facts = find_nvrtc();
    GTEST_SKIP() << "the system has " << facts.path;
  } catch (const CompileError& error) {
    for (const char* part : {"/nonexistent/nvidia", "libnvrtc.so.13", "FLASHLIGHT_NVRTC"})
      EXPECT_NE(error.message().find(part), std::string::npos) << part;
  }
}

TEST(Resources, TheLargestOfSeveralKernels) {
  const Resources r = parse_resources(
      "ptxas info    : Compiling entry function 'a' for 'sm_80'\n"
      "    8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads\n"
      "ptxas info    : Used 255 registers, used 3 barriers, 8 bytes cumulative stack size, "
      "1024 bytes smem, 384 bytes cmem[0]\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 20 registers, used 1 barriers\n");
  EXPECT_EQ(r.registers, 255);
  EXPECT_EQ(r.spills(), 16);
  EXPECT_EQ(r.stack, 8);
  EXPECT_EQ(r.shared, 1024);
  EXPECT_EQ(r.barriers, 3);
}

}  // namespace
}  // namespace flashlight::runtime::cuda
