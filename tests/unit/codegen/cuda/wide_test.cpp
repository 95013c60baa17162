// What the portable tensor-core path computes beyond products of shared operands, on the emulator:
// scores that are no products, sums of values alone, values that change with the row.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/cuda/emit.h"
#include "ir/interpret.h"
#include "support/emulate.h"
#include "support/error.h"
#include "support/run_kernels.h"

namespace flashlight::test {
namespace {

/// Heads of point attention: TYPE is the type of all data.
const char* const kPoints = R"(
symbol S = 40
input qp : TYPE[HEADS, S, 4, 3]
input kp : TYPE[HEADS, S, 4, 3]
input q : TYPE[HEADS, S, 16]
input k : TYPE[HEADS, S, 16]
input v : TYPE[HEADS, S, 16]
input pair : TYPE[S, S, CHANNELS]
compute d[h:HEADS, i:S, j:S] : f32 =
    %0 = qp[h, i, r0, r1] - kp[h, j, r0, r1];
    sum[r0:4, r1:3] %0 * %0
compute s[h:HEADS, i:S, j:S] : f32 = sum[r0:16] q[h, i, r0] * k[h, j, r0]
compute x[h:HEADS, i:S, j:S] : f32 = s[h, i, j] / 4.0 - 0.25 * d[h, i, j]
compute m[h:HEADS, i:S] : f32 = max[r0:S] x[h, i, r0]
compute z[h:HEADS, i:S] : f32 = sum[r0:S] exp(x[h, i, r0] - m[h, i])
compute o[h:HEADS, i:S, c:16] : TYPE = sum[r0:S] exp(x[h, i, r0] - m[h, i]) / z[h, i] * v[h, r0, c]
compute p[h:HEADS, i:S, c:CHANNELS] : TYPE = sum[r0:S] exp(x[h, i, r0] - m[h, i]) / z[h, i] * pair[i, r0, c]
output o
)";

const char* const kVariance = R"(
symbol S = 70
input q : TYPE[2, S, 32]
input k : TYPE[2, S, 32]
input v : TYPE[2, S, 32]
compute s[h:2, i:S, j:S] : f32 = sum[r0:32] q[h, i, r0] * k[h, j, r0]
compute m[h:2, i:S] : f32 = sum[r0:S] s[h, i, r0]
compute w[h:2, i:S] : f32 =
    %0 = s[h, i, r0] - m[h, i] / 70.0;
    sum[r0:S] %0 * %0
compute o[h:2, i:S, c:32] : TYPE = sum[r0:S] (s[h, i, r0] - m[h, i] / 70.0) * rsqrt(w[h, i] / 70.0 + 1e-05) * v[h, r0, c]
output o
)";

/// Scores by the largest difference, of which the softmax weighs values.
const char* const kLargest = R"(
symbol S = 40
input q : f32[2, S, 6]
input k : bf16[2, S, 6]
input v : bf16[2, S, 16]
compute x[h:2, i:S, j:S] : f32 = max[r0:6] abs(q[h, i, r0] - k[h, j, r0])
compute m[h:2, i:S] : f32 = max[r0:S] x[h, i, r0]
compute z[h:2, i:S] : f32 = sum[r0:S] exp(x[h, i, r0] - m[h, i])
compute o[h:2, i:S, c:16] : f32 = sum[r0:S] exp(x[h, i, r0] - m[h, i]) / z[h, i] * v[h, r0, c]
output o
)";

std::string with(std::string text, const std::string& word, const std::string& value) {
  for (size_t at; (at = text.find(word)) != std::string::npos;)
    text.replace(at, word.size(), value);
  return text;
}

std::string points(const std::string& type, int heads, int channels) {
  std::string text = with(kPoints, "TYPE", type);
  text = with(with(text, "HEADS", std::to_string(heads)), "CHANNELS", std::to_string(channels));
  return channels ? text + "output p\n" : text.substr(0, text.find("compute p")) + "output o\n";
}

struct Outcome {
  double error = 0;  // the largest, next to the values
  size_t kernels = 0;
  std::string text;
};

/// Narrow: the last two dimensions, where they are constants, are known to be one.
Outcome run(const std::string& text, int warps = 2, int64_t n = 32, int stages = 2,
            bool narrow = false, int64_t shared_bytes = 227 << 10) {
  const ir::Program p = ir::parse(text);
  const ir::Bindings sizes = ir::hints(p);
  std::map<std::string, ir::Array> memory;
  std::vector<ir::Array> given = random_inputs(p, sizes, 3);
  for (size_t k = 0; k < given.size(); ++k) {
    for (double& x : given[k].data) x = std::nearbyint(x * 16) / 16;  // bf16 holds these
    memory[p.inputs[k].name] = given[k];
  }
  tile::Schedule schedule;
  schedule.path = "tensor_core", schedule.warps = warps, schedule.row_tile = 16 * warps;
  schedule.loop_tile = schedule.panel = n, schedule.stages = stages;
  tile::Target target;
  target.name = "sm_80", target.shared_bytes = shared_bytes;
  Outcome out;
  for (const ir::Stream& s : transform::stream(transform::canonicalize(p))) {
    tile::Specialization spec = specialization(s, sizes);
    for (const ir::Input& i : s.inputs) {
      const size_t rank = i.shape.size();
      if (ir::evaluate(i.shape.back(), sizes) * ir::dtype_size(i.dtype) % 16 == 0)
        spec.aligned.insert(i.name);
      if (!narrow || rank < 3 || !ir::is_const(i.shape[rank - 2])) continue;
      spec.strides[i.name][rank - 2] = tile::StrideClass::Joined;
      spec.half_aligned.insert(i.name);
    }
    const tile::Kernel kernel = tile::lower(s, schedule, spec, target);
    const codegen::cuda::Source source = codegen::cuda::emit(kernel, target);
    std::vector<ir::Array> args;
    for (const ir::Input& i : kernel.inputs) args.push_back(memory.at(i.name));
    const auto got = emulate(source, kernel, args, sizes);
    const auto want = tile::interpret(kernel, args, sizes);
    for (size_t o = 0; o < got.size(); ++o) {
      for (size_t e = 0; e < got[o].data.size(); ++e) {
        const double x = got[o].data[e], y = want[o].data[e];
        const double error = std::fabs(x - y) / (1 + std::fabs(y));
        out.error = std::isnan(error) ? INFINITY : std::max(out.error, error);
      }
      memory[kernel.outputs[o].name] = want[o];
    }
    out.kernels++, out.text += source.text;
  }
  return out;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Wide, ScoresOfDistances) {
  for (const auto& [type, tolerance] : {std::pair("bf16", 8e-3), {"f16", 2e-3}, {"f32", 2e-5}}) {
    const Outcome out = run(points(type, 2, 0));
    EXPECT_LT(out.error, tolerance) << type;
    EXPECT_EQ(out.kernels, 1u);
    EXPECT_TRUE(has(out.text, "Combined<"));
    EXPECT_TRUE(has(out.text, "Scores<"));
  }
}

/// Points as values too: rows of 12 elements.
TEST(Wide, NarrowRowsComeInPieces) {
  for (const auto& [type, tolerance] : {std::pair("bf16", 8e-3), {"f16", 2e-3}, {"f32", 2e-5}}) {
    std::string text = points(type, 2, 0);
    text = with(text, "v : " + std::string(type) + "[2, S, 16]",
                "v : " + std::string(type) + "[2, S, 4, 3]");
    text = with(text, "o[h:2, i:S, c:16]", "o[h:2, i:S, c:4, x:3]");
    text = with(text, "v[h, r0, c]", "v[h, r0, c, x]");
    const Outcome pieces = run(text, 2, 32, 2, true), single = run(text, 2, 32, 2);
    EXPECT_LT(pieces.error, tolerance) << type;
    EXPECT_LT(single.error, tolerance) << type;
    EXPECT_TRUE(has(pieces.text, "cp_async8(")) << type;
    EXPECT_EQ(has(pieces.text, "load8("), std::string(type) != "f32");  // become float32
    EXPECT_FALSE(has(single.text, "cp_async8("));
    EXPECT_LT(run(text, 1, 16, 1, true).error, tolerance) << type;
  }
}

TEST(Wide, ScoresOfAnyReductionInAnyCount) {
  EXPECT_LT(run(kLargest).error, 8e-3);  // six columns: four and two
  EXPECT_LT(run(with(with(kLargest, ", 6]", ", 5]"), "r0:6", "r0:5")).error, 8e-3);
}

TEST(Wide, SumsOfValuesAlone) {
  EXPECT_LT(run(with(kVariance, "TYPE", "bf16"), 2, 32).error, 5e-2);
  EXPECT_LT(run(with(kVariance, "TYPE", "f32"), 2, 16).error, 1e-4);
}

TEST(Wide, ValuesThatChangeWithTheRow) {
  for (const auto& [type, tolerance] : {std::pair("bf16", 8e-3), {"f16", 2e-3}, {"f32", 2e-5}}) {
    const Outcome out = run(points(type, 8, 32));
    EXPECT_LT(out.error, tolerance) << type;
    EXPECT_TRUE(has(out.text, "RowProduct<"));
  }
}

TEST(Wide, RowValuesOfManyShapes) {
  for (int channels : {16, 64, 128})
    EXPECT_LT(run(points("bf16", 4, channels)).error, 8e-3) << channels;
  EXPECT_LT(run(points("bf16", 6, 32), 2, 16, 1).error, 8e-3);  // rows that the warps do not divide
  EXPECT_LT(run(points("bf16", 12, 32), 2, 16, 1).error, 8e-3);  // more than one half of the rows
  EXPECT_LT(run(points("f32", 3, 48), 2, 16, 1).error, 2e-5);  // channels that lanes do not divide
}

/// The ring has two tiles' chunks, one's, or less, as memory allows.
TEST(Wide, RowValuesComeToRingsOfAnyLength) {
  const std::string text = points("bf16", 8, 64);
  const auto check = [&](int chunks, int64_t n, int kilobytes) {
    const Outcome out = run(text, 2, n, 2, true, kilobytes << 10);
    EXPECT_LT(out.error, 8e-3) << chunks;
    EXPECT_TRUE(has(out.text, "own_row * " + std::to_string(chunks * 16 * 144) + ";")) << chunks;
  };
  check(4, 16, 227);  // a warp has two rows: two tiles of columns
  check(4, 32, 200), check(2, 32, 160), check(1, 32, 140);
}

/// Attention with a bias, whose layout is BIAS and whose element is AT.
const char* const kBias = R"(
symbol S = LENGTH
input q : bf16[8, S, 16]
input k : bf16[8, S, 16]
input v : bf16[8, S, 16]
input at : TYPE[BIAS]
compute s[h:8, i:S, j:S] : f32 = sum[r0:16] q[h, i, r0] * k[h, j, r0]
compute x[h:8, i:S, j:S] : f32 = s[h, i, j] / 4.0 + at[ELEMENT]
compute m[h:8, i:S] : f32 = max[r0:S] x[h, i, r0]
compute z[h:8, i:S] : f32 = sum[r0:S] exp(x[h, i, r0] - m[h, i])
compute o[h:8, i:S, c:16] : bf16 = sum[r0:S] exp(x[h, i, r0] - m[h, i]) / z[h, i] * v[h, r0, c]
output o
)";

TEST(Wide, BiasesComeInPieces) {
  const auto text = [](const char* type, const char* shape, const char* element,
                       const char* length) {
    std::string out = with(with(kBias, "BIAS", shape), "ELEMENT", element);
    return with(with(out, "TYPE", type), "LENGTH", length);
  };
  for (const char* type : {"bf16", "f32"})
    for (const auto& [shape, element] :
         {std::pair("8, S, S", "h, i, j"), {"S, S", "i, j"}, {"S, S, 8", "i, j, h"}}) {
      const Outcome out = run(text(type, shape, element, "40"));
      EXPECT_LT(out.error, 8e-3) << type << " " << shape;
      EXPECT_TRUE(has(out.text, "_tile_words")) << type << " " << shape;
    }
  // Rows that do not start at multiples of 16 bytes are read element by element.
  const Outcome odd = run(text("bf16", "8, S, S", "h, i, j", "37"));
  EXPECT_LT(odd.error, 8e-3);
  EXPECT_FALSE(has(odd.text, "_tile_words"));
  const Outcome transposed = run(text("bf16", "8, S, S", "h, j, i", "40"));
  EXPECT_LT(transposed.error, 8e-3);
}

TEST(Wide, RowValuesThatAreRefused) {
  EXPECT_THROW(run(points("bf16", 8, 24)), Refused);   // no pieces for all lanes
  EXPECT_THROW(run(points("bf16", 32, 32)), Refused);  // more heads than a tile has
}

}  // namespace
}  // namespace flashlight::test
