// tests/support/emulate.h on a tile::Kernel: dtypes, strides, symbols and the Params block.
#include "unit/codegen/cuda/emulated.h"

namespace flashlight::test {
namespace {

using ir::DType;

/// y[S, 3] (bf16) = x[S, 3] (f16) + S, one CTA per row. Words: x, y; strides of x, of y; S.
const char* kAddSize = R"(
#include "ptx.cuh"
struct Params {
  u64 words[7];
};
extern "C" __global__ void __launch_bounds__(32) kernel(const __grid_constant__ Params p) {
  const F16* x = (const F16*)p.words[0];
  Bf16* y = (Bf16*)p.words[1];
  const int row = blockIdx.x, column = threadIdx.x;
  if (column < 3)
    y[row * p.words[4] + column * p.words[5]] =
        to_bf16(to_float(x[row * p.words[2] + column * p.words[3]]) + (float)p.words[6]);
}
)";

struct AddSize {
  tile::Kernel kernel;
  codegen::cuda::Source source = kernel_of(kAddSize, 32, 0);

  explicit AddSize(std::vector<int> order) {
    const ir::Expr s = ir::symbol("S"), three = ir::constant(int64_t{3});
    kernel.symbols = {{"S", 5}};
    kernel.inputs = {{"x", DType::F16, {s, three}}};
    kernel.outputs = {{"y", DType::BF16, {s, three}, std::move(order), {}, {}, ir::Expr()}};
    source.units = s;
  }
};

TEST(EmulateKernel, RunsOnArraysInAnyLayout) {
  ir::Array x = ir::make_array({4, 3});
  for (size_t e = 0; e < 12; e++) x.data[e] = static_cast<double>(e) / 4;
  for (const std::vector<int>& order : {std::vector{0, 1}, std::vector{1, 0}}) {
    const AddSize k(order);
    EmulateOptions options;
    options.order["x"] = order;
    const auto y = emulate(k.source, k.kernel, {x}, {{"S", 4}}, options);
    ASSERT_EQ(y.size(), 1u);
    ASSERT_EQ(y[0].shape, x.shape);
    for (size_t e = 0; e < 12; e++) EXPECT_EQ(y[0].data[e], x.data[e] + 4);
  }
}

TEST(EmulateKernel, SaysWhenATensorMapCannotBe) {
  HostTensor t({4, 3}, DType::F32);
  auto source = kernel_of(kAddSize, 32, 0);
  source.maps = {{0, {1, 0}, {4, 4}, 0}};  // rows of 12 bytes
  const std::string said = complaint(source, {t.device(), t.device()});
  EXPECT_NE(said.find("multiple of 16"), std::string::npos) << said;
}

}  // namespace
}  // namespace flashlight::test
