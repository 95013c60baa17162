// IR interpreter (the definition), tile interpreter and machine code agree on random programs.
//   FLASHLIGHT_FUZZ_FIRST, FLASHLIGHT_FUZZ_COUNT   the seeds; a failure is replayed with count 1
//   FLASHLIGHT_FUZZ_VERBOSE=1                      prints refusals, programs, kernels, progress
//   FLASHLIGHT_FUZZ_CODE=0                         interpreters alone
//   FLASHLIGHT_FUZZ_OPTIMIZE                       -O1 unless told otherwise (-O2)
#include <gtest/gtest.h>

#include "fuzz/differential.h"
#include "fuzz/seeds.h"

namespace flashlight::fuzz {
namespace {

TEST(Differential, InterpretersAndMachineCodeAgree) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // what was found is seen before a crash
  Differential d(seed_number("FLASHLIGHT_FUZZ_VERBOSE", 0) > 0,
                 seed_number("FLASHLIGHT_FUZZ_CODE", 1) > 0);
  run_range(d, seed_number("FLASHLIGHT_FUZZ_FIRST", 0), seed_number("FLASHLIGHT_FUZZ_COUNT", 32));
  std::printf("%s\n", d.summary().text().c_str());
  EXPECT_EQ(d.summary().wrong, 0) << d.failures();
  EXPECT_LE(d.summary().refused * 50, d.summary().programs) << "more than 2 % are refused";
}

}  // namespace
}  // namespace flashlight::fuzz
