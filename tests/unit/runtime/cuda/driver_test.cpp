// Device, kernels and tensor maps against a driver that is a fake: what is asked of it is checked,
// not what a GPU makes of it (tests/gpu does that).
#include "runtime/cuda/driver.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/cuda/driver_library.h"
#include "runtime/cuda/library.h"
#include "runtime/cuda/module.h"
#include "runtime/cuda/tensor_map.h"
#include "support/error.h"
#include "unit/runtime/cuda/fake_driver.h"

namespace flashlight::runtime::cuda {
namespace {

template <class Function>
std::string error_of(const Function& function) {
  try {
    function();
  } catch (const CompileError& error) {
    return error.what();
  }
  return "";
}

// First in this file: a driver that was found stays found.
TEST(Driver, NoDriverIsAnErrorThatSaysSo) {
  if (open_library("libcuda.so.1")) GTEST_SKIP() << "this process has a driver";
  EXPECT_NE(device_problem(0).find("no NVIDIA driver"), std::string::npos);
  EXPECT_NE(error_of([] { device(0); }).find("libcuda.so.1"), std::string::npos);
  EXPECT_NE(error_of([] { ContextGuard guard(0); }).find("no NVIDIA driver"), std::string::npos);
}

struct FakeDriverTest : testing::Test {
  void SetUp() override {
    if (loaded_libraries("libcuda.so").empty()) dlopen(FLASHLIGHT_TEST_DRIVER, RTLD_NOW);
    const auto find = reinterpret_cast<test::FakeDriver* (*)()>(
        dlsym(open_library("libcuda.so.1").handle, "fake_driver"));
    if (find == nullptr) GTEST_SKIP() << "this machine has a driver of its own";
    fake = find();
    *fake = {};
  }
  MapLayout layout() const {
    MapLayout out;
    out.address = reinterpret_cast<void*>(4096);
    out.rank = 3;
    out.sizes = {64, 100, 8}, out.strides = {1, 64, 6400}, out.box = {64, 128, 1};
    return out;
  }
  test::FakeDriver* fake = nullptr;
  Cubin cubin{"\177ELF", "/cache/kernel.cubin", "", {}};
};

TEST_F(FakeDriverTest, DevicesAreRead) {
  const Device& d = device(0);
  EXPECT_EQ(d.arch(), "sm_90a");
  EXPECT_EQ(d.multiprocessors, 132);
  EXPECT_EQ(d.shared_bytes, 232448);
  EXPECT_EQ(device_problem(0), "");
  EXPECT_EQ(device(1).arch(), "sm_75");
  EXPECT_NE(device_problem(1).find("Fake T4 has compute capability 7.5"), std::string::npos);
  EXPECT_NE(device_problem(2).find("no GPU 2"), std::string::npos);
}

TEST_F(FakeDriverTest, AContextIsCurrentWhileTheGuardLives) {
  const DriverLibrary& driver = driver_library();
  void* primary[2];
  for (int d : {0, 1}) driver.primary_retain(&primary[d], d);
  driver.context_set(primary[1]);
  void* current = nullptr;
  {
    const ContextGuard guard(0);
    driver.context_current(&current);
    EXPECT_EQ(current, primary[0]);
  }
  driver.context_current(&current);
  EXPECT_EQ(current, primary[1]);
  driver.context_set(nullptr);
  {
    const ContextGuard guard(0);
  }
  driver.context_current(&current);
  EXPECT_EQ(current, primary[0]) << "the first one stays, as with the first CUDA call";
}

TEST_F(FakeDriverTest, ALaunchPassesGridStreamAndParameters) {
  const LoadedKernel kernel(cubin, "f", 0, 384, 100000);
  alignas(64) unsigned char params[64];
  std::memset(params, 7, sizeof params);
  int stream = 0;
  const ContextGuard guard(0);
  kernel.launch({1000, &stream, params, sizeof params});
  EXPECT_EQ(fake->grid, 1000u);
  EXPECT_EQ(fake->threads, 384u);
  EXPECT_EQ(fake->shared, 100000u);
  EXPECT_EQ(fake->stream, &stream);
  EXPECT_EQ(std::memcmp(fake->params, params, sizeof params), 0);
  kernel.launch({0, &stream, params, sizeof params});
  EXPECT_EQ(fake->launches, 1) << "nothing to do";
  EXPECT_NE(error_of([&] { kernel.launch({int64_t(1) << 31, nullptr, params, 64}); }).find("grid"),
            std::string::npos);
  EXPECT_THROW(kernel.launch({1, nullptr, params, 32}), InternalError);
}

TEST_F(FakeDriverTest, WhatCannotBeLoadedNamesItsCause) {
  EXPECT_NE(error_of([&] { LoadedKernel(cubin, "missing", 0, 128, 0); }).find("define missing"),
            std::string::npos);
  EXPECT_NE(error_of([&] { LoadedKernel(cubin, "f", 0, 128, 300000); }).find("300000 bytes"),
            std::string::npos);
  fake->load_status = 209;
  EXPECT_NE(error_of([&] { LoadedKernel(cubin, "f", 0, 128, 0); }).find("Update the driver"),
            std::string::npos);
  fake->load_status = 2;
  EXPECT_NE(error_of([&] { LoadedKernel(cubin, "f", 0, 128, 0); }).find("memory is full"),
            std::string::npos);
}

TEST_F(FakeDriverTest, AMapIsMadeOnce) {
  TensorMap map, again;
  encode(layout(), map);
  EXPECT_EQ(fake->rank, 3u);
  EXPECT_EQ(fake->type, 1) << "16-bit";
  EXPECT_EQ(fake->swizzle, 3) << "128 bytes";
  EXPECT_EQ(fake->strides[0], 128u);
  EXPECT_EQ(fake->strides[1], 12800u);
  EXPECT_EQ(fake->box[1], 128u);
  encode(layout(), again);
  EXPECT_EQ(fake->encodes, 1);
  EXPECT_EQ(map.bytes, again.bytes);
  MapLayout other = layout();
  other.sizes[1] = 99;
  encode(other, again);
  EXPECT_EQ(fake->encodes, 2);
}

TEST_F(FakeDriverTest, TheStrideOfALengthOneAxisMeansNothing) {
  MapLayout l = layout();
  l.sizes[2] = 1, l.strides[2] = 3;
  TensorMap map;
  encode(l, map);
  EXPECT_EQ(fake->strides[1] % 16, 0u);
}

TEST_F(FakeDriverTest, WhatTheCopyEngineCannotReadIsKnownBefore) {
  const auto with = [&](auto change) {
    MapLayout l = layout();
    change(l);
    return map_problem(l);
  };
  EXPECT_EQ(map_problem(layout()), "");
  EXPECT_NE(with([](MapLayout& l) { l.address = reinterpret_cast<void*>(4104); }), "");
  EXPECT_NE(with([](MapLayout& l) { l.strides[1] = 65; }), "");
  EXPECT_NE(with([](MapLayout& l) { l.strides[0] = 2; }), "");
  EXPECT_NE(with([](MapLayout& l) { l.sizes[2] = 0; }), "");
  EXPECT_NE(with([](MapLayout& l) { l.box[0] = 72; }), "") << "wider than the swizzle";
  MapLayout bad = layout();
  bad.strides[1] = 65;
  TensorMap map;
  EXPECT_NE(error_of([&] { encode(bad, map); }).find("stride"), std::string::npos);
}

}  // namespace
}  // namespace flashlight::runtime::cuda
