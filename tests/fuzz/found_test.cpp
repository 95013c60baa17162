// Bugs that the fuzzer found, one small program each.
#include <gtest/gtest.h>

#include "fuzz/differential.h"
#include "support/programs.h"

namespace flashlight::fuzz {
namespace {

/// Row-major tensors, the chosen schedule; one call per binding.
Trial plain_trial(const std::string& text, const std::vector<ir::Bindings>& calls) {
  Trial t;
  t.program = transform::canonicalize(ir::parse(text));
  Random rng(1);
  const auto lay_out = [&](const std::string& name, size_t rank) {
    Layout& l = t.layouts[name];
    l = {std::vector<int>(rank), std::vector<int64_t>(rank), std::vector<bool>(rank)};
    std::iota(l.order.begin(), l.order.end(), 0);
  };
  for (const ir::Input& i : t.program.inputs) lay_out(i.name, i.shape.size());
  for (ir::Stream& s : transform::stream(t.program)) {
    s.name = "found" + std::to_string(t.kernels.size());
    tile::Specialization spec;
    for (const ir::Store& o : s.outputs) lay_out(o.name, o.shape.size());
    const tile::Target target = target_of(runtime::cpu::host_isa());
    t.kernels.push_back(tile::lower(s, tile::choose_schedule(s, spec, target), spec, target));
  }
  for (const ir::Bindings& symbols : calls) {
    Call call{symbols, {}, {}};
    for (const ir::Input& i : t.program.inputs)
      call.inputs.push_back(random_input(rng, i, symbols));
    call.expected = ir::interpret(t.program, call.inputs, symbols);
    t.calls.push_back(std::move(call));
  }
  return t;
}

void expect_agreement(const Trial& t) {
  report_crashes();
  EXPECT_NO_THROW(run_tiles(t));
  Batch batch(runtime::cpu::host_isa());
  batch.add(t);
  ASSERT_NO_THROW(batch.compile());
  EXPECT_NO_THROW(batch.run(t));
}

// Seed 230: the first panel was made though there was memory for none.
TEST(Found, WithoutAKeyPacksStayInTheirMemory) {
  expect_agreement(plain_trial(
      "symbol S = 20\n"
      "input q : f32[2, 9, 31]\ninput k : f32[2, S, 31]\ninput v : f32[2, S, 31]\n"
      "compute s[b:2, i:9, j:S] : f32 = sum[d:31] q[b,i,d] * k[b,j,d]\n"
      "compute o[b:2, i:9, c:31] : f32 = sum[j:S] exp(s[b,i,j] * 0.1) * v[b,j,c]\noutput o\n",
      {{{"S", 20}}, {{"S", 0}}}));
}

}  // namespace
}  // namespace flashlight::fuzz
