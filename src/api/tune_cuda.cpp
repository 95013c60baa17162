// Measuring schedules on the GPU that they are for: torch.compile(..., mode="max-autotune").
#include <algorithm>
#include <charconv>
#include <optional>
#include <thread>

#include "api/make_cuda.h"
#include "runtime/cuda/timer.h"
#include "runtime/file.h"
#include "support/env.h"
#include "support/error.h"

namespace flashlight::api {
namespace {

namespace cuda = runtime::cuda;
namespace fs = std::filesystem;

constexpr size_t kMostMeasured = 6;
constexpr int kRounds = 7;
constexpr double kRoundMs = 3;       // of one candidate in one round
constexpr double kWorthwhile = .98;  // of the default's time: less than that is noise
constexpr const char* kPick = "pick";

/// What the pick depends on: all texts, the order of which is that of preference, and the card.
Hash128 key_of(const std::vector<Candidate>& emitted, const cuda::Device& device) {
  Hash128 key = combine(hash_bytes("pick"), device.name);
  for (const Candidate& c : emitted) key = combine(combine(key, c.source.text), c.source.arch);
  return key;
}

/// The first line of the entry is an index. Numbers go through no stream: their facets are of the
/// C++ library, of which a process has several (PyTorch's, and the one in our own module).
std::optional<size_t> read_pick(const fs::path& folder, size_t count) {
  const std::string text = runtime::read_file(folder / kPick);
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error == std::errc() && index < count) return index;
  return {};
}

using Executables = std::vector<std::shared_ptr<const CudaExecutable>>;

/// Median milliseconds of each. They take turns, so that a card that grows hot is as slow for all.
std::vector<double> measure(const Executables& list, const Arguments& arguments) {
  cuda::Timer timer(arguments.stream);
  std::vector<std::vector<double>> times(list.size());
  for (int round = -1; round < kRounds; ++round)  // the first one warms up and counts repeats
    for (size_t i = 0; i < list.size(); ++i) {
      const double once = times[i].empty() ? kRoundMs : std::max(times[i].front(), 1e-3);
      const int repeats = round < 0 ? 1 : int(std::clamp(kRoundMs / once, 1., 100.));
      const double took = timer.milliseconds([&] {
        for (int k = 0; k < repeats; ++k) list[i]->run(arguments);
      });
      if (round <= 0) times[i].clear();
      times[i].push_back(took / repeats);
    }
  std::vector<double> out;
  for (std::vector<double>& t : times) {
    std::nth_element(t.begin(), t.begin() + long(t.size() / 2), t.end());
    out.push_back(t[t.size() / 2]);
  }
  return out;
}

/// The fastest, but the default where that is as good as it.
size_t fastest(const std::vector<double>& ms, size_t by_default) {
  const size_t first = size_t(std::min_element(ms.begin(), ms.end()) - ms.begin());
  return ms[first] < kWorthwhile * ms[by_default] ? first : by_default;
}

/// Compiles the candidates, of which `made` keeps what can be measured.
void prepare(Made& made, const Making& making) {
  compile_all(made, making, std::max(1u, std::thread::hardware_concurrency()));
  const int64_t least = loss(made.candidates[best(made.candidates)]);
  std::erase_if(made.candidates, [&](const Candidate& c) { return loss(c) > least; });
}

}  // namespace

Variant tune_cuda(const ir::Stream& stream, const tile::Specialization& spec, int gpu,
                  const Arguments& arguments) {
  const CudaMaker maker(stream, spec, gpu);
  const Making making = maker.making();
  Made made = emit_all(maker.schedules(), making, kMostMeasured);
  const Hash128 key = key_of(made.candidates, maker.device());
  runtime::Cache& cache = runtime::default_cache();
  if (const auto folder = cache.find(key))
    if (const auto known = read_pick(*folder, made.candidates.size())) {
      Candidate& picked = made.candidates[*known];
      making.compile(picked);
      made.passed_over.insert(made.passed_over.begin(), "an earlier process measured the others");
      auto executable = maker.load(picked);
      return maker.finish(std::move(picked), std::move(executable), std::move(made.passed_over));
    }
  std::vector<std::string> order;  // of all texts: what an index in the cache means
  for (const Candidate& c : made.candidates) order.push_back(c.source.text);
  prepare(made, making);
  Executables executables;
  for (const Candidate& c : made.candidates) executables.push_back(maker.load(c));
  std::vector<double> ms;
  {
    const cuda::ContextGuard guard(gpu);
    ms = measure(executables, arguments);
  }
  const size_t pick = fastest(ms, best(made.candidates));
  std::string table;
  for (size_t i = 0; i < ms.size(); ++i) {
    const std::string line =
        describe(made.candidates[i].kernel.schedule) + ": " + std::to_string(ms[i]) + " ms";
    table += line + "\n";
    if (i != pick)
      made.passed_over.push_back(line + ", the one taken " + std::to_string(ms[pick]) + " ms");
  }
  if (debug_wants("time")) debug_print("time", "measured\n" + table);
  Candidate& picked = made.candidates[pick];
  const auto index = std::find(order.begin(), order.end(), picked.source.text) - order.begin();
  cache.get(key, [&](const fs::path& folder) {
    runtime::write_file(folder / kPick, std::to_string(index) + "\n" + table);
  });
  return maker.finish(std::move(picked), executables[pick], std::move(made.passed_over));
}

}  // namespace flashlight::api
