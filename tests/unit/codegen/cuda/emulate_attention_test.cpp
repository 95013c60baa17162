// A whole kernel on the emulator: attention by mma.sync.
#include "unit/codegen/cuda/emulated.h"
#include "unit/codegen/cuda/mma_attention.h"

namespace flashlight::test {
namespace {

using ir::DType;

/// o == softmax(scale q k^T) v, within what bf16 weights cost.
void expect_attention(const HostTensor& q, const HostTensor& k, const HostTensor& v,
                      const HostTensor& o, double scale) {
  for (int64_t i = 0; i < q.rows(); i++) {
    std::vector<double> weight(static_cast<size_t>(k.rows()));
    double total = 0;
    for (int64_t j = 0; j < k.rows(); j++)
      total += weight[static_cast<size_t>(j)] = std::exp(scale * dot(q, k, false, i, j));
    for (int64_t c = 0; c < v.columns(); c++) {
      double sum = 0;
      for (int64_t j = 0; j < k.rows(); j++) sum += weight[static_cast<size_t>(j)] * v(j, c);
      ASSERT_NEAR(o(i, c), sum / total, 0.02) << "row " << i << ", column " << c;
    }
  }
}

class EmulateAttention : public testing::TestWithParam<int> {};

TEST_P(EmulateAttention, AgreesWithItsDefinition) {
  const int d = GetParam();
  const int64_t m = 100, n = 200;
  const double scale = 1 / std::sqrt(double(d));
  std::string text = mutate(kMmaAttention, "M_SIZE", std::to_string(m));
  text = mutate(text, "N_SIZE", std::to_string(n));
  text = mutate(text, "SCALE", std::to_string(scale * 1.4426950408889634) + "f");
  text = "constexpr int D = " + std::to_string(d) + ";\n" + text;
  HostTensor q = HostTensor::random({m, d}, DType::BF16, 1);
  HostTensor k = HostTensor::random({n, d}, DType::BF16, 2);
  HostTensor v = HostTensor::random({n, d}, DType::BF16, 3);
  HostTensor o({m, d}, DType::BF16);
  const auto source = kernel_of(text, 128, 5 * 64 * d * 2, (m + 63) / 64);
  ASSERT_EQ(complaint(source, {q.device(), k.device(), v.device(), o.device()}), "");
  expect_attention(q, k, v, o, scale);
}

INSTANTIATE_TEST_SUITE_P(HeadSizes, EmulateAttention, testing::Values(64, 128),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace flashlight::test
