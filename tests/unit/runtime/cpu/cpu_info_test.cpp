#include "runtime/cpu/cpu_info.h"

#include <gtest/gtest.h>

#include "support/error.h"
#include "unit/runtime/scratch_folder.h"

namespace flashlight::runtime::cpu {
namespace {

TEST(CpuInfo, TheHostsSetIsSupported) {
  const ScopedEnv none("FLASHLIGHT_ISA", "");
  EXPECT_TRUE(isa_supported(host_isa()));
  EXPECT_TRUE(isa_supported("generic"));
  EXPECT_FALSE(isa_supported("sse9"));
}

TEST(CpuInfo, TheEnvironmentChooses) {
  const ScopedEnv isa("FLASHLIGHT_ISA", "generic");
  EXPECT_EQ(host_isa(), "generic");
}

TEST(CpuInfo, AnUnknownOrUnsupportedChoiceIsAnError) {
  for (const std::string isa : {"sse9", "avx512"}) {
    if (isa_supported(isa)) continue;
    const ScopedEnv asked("FLASHLIGHT_ISA", isa);
    try {
      host_isa();
      FAIL();
    } catch (const CompileError& error) {
      EXPECT_NE(error.message().find("FLASHLIGHT_ISA=" + isa), std::string::npos);
    }
  }
}

TEST(CpuInfo, WiderSetsHaveMoreFlagsAndWiderVectors) {
  EXPECT_TRUE(isa_flags("generic").empty());
  EXPECT_LT(isa_flags("avx2").size(), isa_flags("avx512").size());
  EXPECT_EQ(vector_unit("avx2").bytes, 32);
  EXPECT_EQ(vector_unit("avx512").registers, 32);
  EXPECT_THROW(isa_flags("sse9"), InternalError);
}

TEST(CpuInfo, CacheSizesAreOrdered) {
  const CacheSizes sizes = cache_sizes();
  EXPECT_GE(sizes.l1, 8 << 10);
  EXPECT_GT(sizes.l2, sizes.l1);
  EXPECT_LT(sizes.l2, int64_t{1} << 30);
}

}  // namespace
}  // namespace flashlight::runtime::cpu
