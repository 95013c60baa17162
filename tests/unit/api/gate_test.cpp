// What candidates() puts first, or what choose() passes on to, is code that ptxas has nothing to
// say against: no spills, no wgmma that waits. Needs NVRTC, no GPU.
#include <gtest/gtest.h>

#include "api/candidates.h"
#include "codegen/cuda/device_headers.h"
#include "codegen/cuda/emit.h"
#include "support/error.h"
#include "support/run_kernels.h"
#include "tile/lower.h"
#include "unit/codegen/cuda/fragment_programs.h"

namespace flashlight::api {
namespace {

struct Gate {
  std::string program, arch, type = "bf16";
  int dim = 64;
  int64_t length = 4096;
  int64_t known_spills = 0;  // what is open; may only shrink

  std::string name() const {
    return program + "_" + arch + "_" + type + "_" + std::to_string(dim) + "_" +
           std::to_string(length);
  }
  friend void PrintTo(const Gate& g, std::ostream* out) { *out << g.name(); }
};

int64_t shared_bytes(const std::string& arch) {
  return 1024 * (arch == "sm_80" ? 163 : arch == "sm_89" || arch == "sm_120" ? 99 : 227);
}

class NvrtcFirst : public testing::Test {
 protected:
  void SetUp() override {
    runtime::cuda::set_nvrtc_folders({FLASHLIGHT_TEST_NVRTC});
    try {
      runtime::cuda::find_nvrtc();
    } catch (const CompileError&) {
      GTEST_SKIP() << "no NVRTC on this machine";
    }
  }
  /// As make_cuda.cpp does it, for a machine that need not be here.
  static Candidate best(const ir::Stream& stream, const ir::Bindings& sizes,
                        const tile::Target& target, bool tf32 = false) {
    tile::Specialization spec = test::specialization(stream, sizes);
    spec.tf32 = tf32;
    const auto dense = [&](const std::string& name, const std::vector<ir::Expr>& shape) {
      const auto wide = [&](size_t d) {
        return d < shape.size() && ir::is_const(shape[d]) && !ir::is_const(shape[d], 1);
      };
      auto& classes = spec.strides[name];
      for (size_t d = 0; d < shape.size(); ++d)
        classes[d] = d + 1 == shape.size()       ? tile::StrideClass::One
                     : ir::is_const(shape[d], 1) ? tile::StrideClass::Zero
                     : test::joined(shape, d)    ? tile::StrideClass::Joined
                                                 : tile::StrideClass::Any;
      const bool points =
          shape.size() > 2 && wide(shape.size() - 2) && ir::int_const(shape[shape.size() - 2]) < 16;
      (points ? spec.half_aligned : spec.aligned).insert(name);
    };
    for (const ir::Input& i : stream.inputs) dense(i.name, i.shape);
    for (const ir::Store& o : stream.outputs) {
      spec.strides[o.name].resize(o.shape.size());
      dense(o.name, o.shape);
    }
    Making making;
    making.emit = [&](const tile::Schedule& schedule) {
      Candidate c;
      c.kernel = tile::lower(stream, schedule, spec, target);
      c.source = codegen::cuda::emit(c.kernel, target);
      if (c.source.shared_bytes > target.shared_bytes)
        throw Refused(c.kernel.name, "needs more shared memory than there is");
      return c;
    };
    making.compile = [](Candidate& c) {
      static runtime::Cache cache(runtime::Cache::default_root() / "gate");
      c.cubin = runtime::cuda::compile(
          {c.source.text, codegen::cuda::device_headers(), c.source.arch, {}}, cache);
    };
    Made made = choose(tile::candidates(stream, spec, target), making);
    for (const std::string& line : made.passed_over) std::cout << "passed over: " << line << "\n";
    return std::move(made.candidates.at(0));
  }
};

class NvrtcGate : public NvrtcFirst, public testing::WithParamInterface<Gate> {};

TEST_P(NvrtcGate, NothingSpillsOrWaits) {
  const Gate& gate = GetParam();
  test::FragmentProgram text = test::fragment_program(gate.program);
  if (gate.dim != 64) text.dim = text.value_dim = gate.dim;
  const bool tf32 = gate.type == "tf32";
  ir::Program p = ir::parse(text.str(tf32 ? "f32" : gate.type));
  for (ir::SymbolInfo& s : p.symbols) s.hint = gate.length;
  tile::Target target;
  target.name = gate.arch, target.shared_bytes = shared_bytes(gate.arch);
  for (const ir::Stream& s : transform::stream(transform::canonicalize(p))) {
    const Candidate c = best(s, ir::hints(p), target, tf32);
    const auto& schedule = c.kernel.schedule;
    std::string facts = c.kernel.name + ": " + schedule.path + " " +
                        std::to_string(schedule.warps) + " warps, " +
                        std::to_string(schedule.loop_tile) + " x " +
                        std::to_string(schedule.stages) + ", " + print(c.cubin.resources);
    RecordProperty(c.kernel.name, facts);
    std::cout << facts << "\n";
    EXPECT_LE(c.cubin.resources.spills(), gate.known_spills) << facts;
    EXPECT_FALSE(c.cubin.resources.serialized()) << facts;
    EXPECT_NE(schedule.path, "simt") << facts;
  }
}

/// As the benchmark calls it: heads by residues by channels of the gate are one block of memory.
constexpr const char* kEvoformer = R"(
symbol N = 256
symbol S = 256
symbol D = 64
input q : bf16[32, N, 4, 256, D]
input k : bf16[32, N, 4, S, D]
input v : bf16[32, N, 4, S, 64]
input gate : bf16[32, N, 4, 256, 64]
input mask : bf16[32, N, 1, 1, S]
input pair : bf16[32, 1, 4, 256, S]
compute dot[b:32, n:N, h:4, i:256, j:S] : bf16 = sum[d:D] q[b, n, h, i, d] * k[b, n, h, j, d]
compute score[b:32, n:N, h:4, i:256, j:S] : bf16 = dot[b, n, h, i, j] / 8.0 + mask[b, n, 0, 0, j] + pair[b, 0, h, i, j]
compute top[b:32, n:N, h:4, i:256] : f32 = max[j:S] score[b, n, h, i, j]
compute weight[b:32, n:N, h:4, i:256, j:S] : f32 = exp(score[b, n, h, i, j] - top[b, n, h, i])
compute all[b:32, n:N, h:4, i:256] : f32 = sum[j:S] weight[b, n, h, i, j]
compute out[b:32, n:N, h:4, i:256, c:64] : bf16 = sum[j:S] weight[b, n, h, i, j] / all[b, n, h, i] * v[b, n, h, j, c]
compute gated[b:32, n:N, i:256, c:256] : bf16 = sigmoid(gate[b, n, c // 64, i, c % 64]) * out[b, n, c // 64, i, c % 64]
output gated
)";

TEST_F(NvrtcFirst, FourWarpgroupsHoldAGateToo) {
  const ir::Program p = ir::parse(kEvoformer);
  tile::Target target;
  target.name = "sm_90a", target.shared_bytes = shared_bytes("sm_90a");
  const std::vector<ir::Stream> streams = transform::stream(transform::canonicalize(p));
  ASSERT_EQ(streams.size(), 1u);
  const Candidate c = best(streams[0], ir::hints(p), target);
  EXPECT_EQ(c.kernel.schedule.warps, 16);
  EXPECT_EQ(c.cubin.resources.spills(), 0);
}

/// Four warpgroups leave 112 registers a thread: the exponent takes in all that scores are made of,
/// and scores start from a bias that is a tensor.
TEST_F(NvrtcFirst, FourWarpgroupsHoldABias) {
  for (const char* name : {"full", "causal", "softcap", "alibi", "additive_mask", "pair_bias"}) {
    ir::Program p = ir::parse(test::fragment_program(name).str("bf16"));
    for (ir::SymbolInfo& s : p.symbols) s.hint = 4096;
    tile::Target target;
    target.name = "sm_90a", target.shared_bytes = shared_bytes("sm_90a");
    for (const ir::Stream& s : transform::stream(transform::canonicalize(p))) {
      const Candidate c = best(s, ir::hints(p), target);
      EXPECT_EQ(c.kernel.schedule.warps, 16) << name;
      EXPECT_EQ(c.cubin.resources.spills(), 0) << name;
    }
  }
}

/// Point attention of eight heads, with values that change with the row.
const char* const kPointAttention = R"(
symbol S = 2048
input qp : bf16[8, S, 4, 3]
input kp : bf16[8, S, 4, 3]
input vp : bf16[8, S, 4, 3]
input q : bf16[8, S, 16]
input k : bf16[8, S, 16]
input v : bf16[8, S, 16]
input b : bf16[8, S, S]
input pair : bf16[S, S, 128]
compute d[h:8, i:S, j:S] : f32 =
    %0 = qp[h, i, r0, r1] - kp[h, j, r0, r1];
    sum[r0:4, r1:3] %0 * %0
compute s[h:8, i:S, j:S] : f32 = sum[r0:16] q[h, i, r0] * k[h, j, r0]
compute x[h:8, i:S, j:S] : f32 = s[h, i, j] / 4.0 + b[h, i, j] - 0.25 * d[h, i, j]
compute m[h:8, i:S] : f32 = max[r0:S] x[h, i, r0]
compute z[h:8, i:S] : f32 = sum[r0:S] exp(x[h, i, r0] - m[h, i])
compute o[h:8, i:S, c:16] : bf16 = sum[r0:S] exp(x[h, i, r0] - m[h, i]) / z[h, i] * v[h, r0, c]
compute u[h:8, i:S, c:4, e:3] : bf16 = sum[r0:S] exp(x[h, i, r0] - m[h, i]) / z[h, i] * vp[h, r0, c, e]
compute p[h:8, i:S, c:128] : bf16 = sum[r0:S] exp(x[h, i, r0] - m[h, i]) / z[h, i] * pair[i, r0, c]
output o
output u
)";

/// Warps of 32 rows where they keep the multiprocessors busy, and not where rows are few.
TEST_F(NvrtcFirst, LongProblemsInFloat32HaveWarpsOf32Rows) {
  ir::Program p = ir::parse(test::fragment_program("full").str("f32"));
  tile::Target target;
  target.name = "sm_90a", target.shared_bytes = shared_bytes("sm_90a");
  target.multiprocessors = 132;
  for (bool tf32 : {false, true})
    for (const auto& [length, rows] : std::map<int64_t, int64_t>{{1024, 16}, {65536, 32}}) {
      for (ir::SymbolInfo& s : p.symbols) s.hint = length;
      const auto streams = transform::stream(transform::canonicalize(p));
      const Candidate c = best(streams.at(0), ir::hints(p), target, tf32);
      EXPECT_EQ(c.kernel.schedule.row_tile, rows * c.kernel.schedule.warps) << length << tf32;
      EXPECT_EQ(c.cubin.resources.spills(), 0) << length << tf32;
    }
}

TEST_F(NvrtcFirst, PointAttentionSpillsNowhere) {
  for (const char* arch : {"sm_80", "sm_89", "sm_90a", "sm_100", "sm_120"})
    for (const char* more : {"", "output p\n"}) {
      const ir::Program p = ir::parse(std::string(kPointAttention) + more);
      tile::Target target;
      target.name = arch, target.shared_bytes = shared_bytes(arch);
      for (const ir::Stream& s : transform::stream(transform::canonicalize(p))) {
        const Candidate c = best(s, ir::hints(p), target);
        EXPECT_EQ(c.cubin.resources.spills(), 0) << arch << " " << more;
        EXPECT_EQ(c.kernel.schedule.path, "tensor_core") << arch << " " << more;
      }
    }
}

std::vector<Gate> gates() {
  std::vector<Gate> out;
  for (const test::FragmentProgram& p : test::fragment_programs())
    out.push_back({p.name, "sm_90a"});
  for (const char* name : {"full", "causal", "alibi", "two_maps", "log_sum_exp", "sigmoid"}) {
    if (std::string(name) != "two_maps") out.push_back({name, "sm_90a", "bf16", 128});
    for (const char* arch : {"sm_80", "sm_120"}) out.push_back({name, arch});
  }
  for (const char* arch : {"sm_80", "sm_89", "sm_100", "sm_120"}) {
    out.push_back({"causal", arch, "bf16", 128});
    out.push_back({"causal", arch, "f32"});
  }
  for (const char* name : {"full", "causal", "alibi", "softcap", "window", "boolean_mask"})
    for (const char* type : {"f32", "tf32"}) {
      out.push_back({name, "sm_90a", type});
      out.push_back({name, "sm_90a", type, 128});
    }
  for (const char* arch : {"sm_80", "sm_89", "sm_100", "sm_120"})
    out.push_back({"causal", arch, "tf32"}), out.push_back({"causal", arch, "tf32", 128});
  for (const char* name : {"boolean_mask", "softcap", "window", "finite_mask"})
    out.push_back({name, "sm_89"}), out.push_back({name, "sm_100"});
  out.push_back({"full", "sm_90a", "f16", 128, 1024});
  out.push_back({"causal", "sm_90a", "bf16", 256});
  out.push_back({"full", "sm_120", "bf16", 256, 4096, 72});
  out.push_back({"full", "sm_90a", "bf16", 80});
  return out;
}

INSTANTIATE_TEST_SUITE_P(, NvrtcGate, testing::ValuesIn(gates()),
                         [](const auto& info) { return info.param.name(); });

}  // namespace
}  // namespace flashlight::api
