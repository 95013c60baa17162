#include "api/candidates.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <thread>

#include "runtime/warning.h"
#include "support/env.h"
#include "support/error.h"

namespace flashlight::api {
namespace {

/// Emits the next candidate that is not refused; empty at the end of the list.
class Emitter {
 public:
  Emitter(const std::vector<tile::Schedule>& schedules, const Making& making)
      : schedules_(schedules), making_(making) {}

  std::optional<Candidate> next(std::vector<std::string>& passed_over) {
    while (at_ < schedules_.size()) {
      const tile::Schedule& schedule = schedules_[at_++];
      try {
        return making_.emit(schedule);
      } catch (const Refused& error) {
        failure_ = std::current_exception();
        passed_over.push_back(describe(schedule) + ": " + error.reason());
        if (debug_wants("passes")) debug_print("passes", std::string("refused: ") + error.what());
      }
    }
    return {};
  }
  [[noreturn]] void fail() const {
    FLASHLIGHT_CHECK(failure_, "a kernel has at least one schedule");
    std::rethrow_exception(failure_);
  }

 private:
  const std::vector<tile::Schedule>& schedules_;
  const Making& making_;
  size_t at_ = 0;
  std::exception_ptr failure_;
};

/// What became of each, in order; null: it compiled.
std::vector<std::exception_ptr> compile_each(std::vector<Candidate>& list, const Making& making,
                                             size_t threads) {
  std::vector<std::exception_ptr> failures(list.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < list.size(); i = next++) {
      try {
        making.compile(list[i]);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  };
  std::vector<std::thread> others;
  for (size_t t = 1; t < std::min(threads, list.size()); ++t) others.emplace_back(work);
  work();
  for (std::thread& t : others) t.join();
  return failures;
}

std::string loss_text(const runtime::cuda::Resources& r) {
  return r.serialized() ? "its matrix instructions were serialised"
                        : std::to_string(r.spills()) + " bytes spilled";
}

}  // namespace

int64_t loss(const runtime::cuda::Resources& r) {
  constexpr int64_t kSerialized = 1 << 20;  // more than any kernel spills
  return r.spills() + kSerialized * int64_t(r.serialized());
}

int64_t loss(const Candidate& candidate) {
  constexpr int64_t kScalar = 4096;  // products without tensor cores
  return loss(candidate.cubin.resources) + kScalar * (candidate.kernel.schedule.path == "simt");
}

std::string describe(const tile::Schedule& s) {
  std::string out =
      s.path + ", rows " + std::to_string(s.row_tile) + ", columns " + std::to_string(s.loop_tile);
  if (s.path == "simt") return out;
  if (s.path == "hopper")
    out += ", warpgroups " + std::to_string(s.warps / 4) +
           (s.teams > 1 ? " in each of " + std::to_string(s.teams) + " teams" : "");
  else
    out += ", warps " + std::to_string(s.warps);
  return out + ", stages " + std::to_string(s.stages);
}

Made emit_all(const std::vector<tile::Schedule>& schedules, const Making& making, size_t most) {
  Made out;
  Emitter emitter(schedules, making);
  while (out.candidates.size() < most) {
    std::optional<Candidate> next = emitter.next(out.passed_over);
    if (!next) break;
    out.candidates.push_back(std::move(*next));
  }
  if (out.candidates.empty()) emitter.fail();
  return out;
}

void compile_all(Made& made, const Making& making, size_t threads) {
  const std::vector<std::exception_ptr> failures = compile_each(made.candidates, making, threads);
  std::vector<Candidate> compiled;
  std::exception_ptr last;
  for (size_t i = 0; i < failures.size(); ++i) {
    Candidate& candidate = made.candidates[i];
    if (!failures[i]) {
      compiled.push_back(std::move(candidate));
      continue;
    }
    last = failures[i];
    try {
      std::rethrow_exception(last);
    } catch (const CompileError& error) {
      made.passed_over.push_back(describe(candidate.kernel.schedule) + ": " + error.message());
      runtime::warn(std::string("a schedule was passed over, please report it: ") + error.what());
    } catch (const Refused& error) {
      made.passed_over.push_back(describe(candidate.kernel.schedule) + ": " + error.reason());
    }
  }
  if (compiled.empty() && last) std::rethrow_exception(last);
  made.candidates = std::move(compiled);
}

size_t best(const std::vector<Candidate>& compiled) {
  size_t found = 0;
  for (size_t i = 1; i < compiled.size(); ++i)
    if (loss(compiled[i]) < loss(compiled[found])) found = i;
  return found;
}

Made choose(const std::vector<tile::Schedule>& schedules, const Making& making, size_t at_once) {
  Made out;
  Emitter emitter(schedules, making);
  std::exception_ptr failure;
  for (bool more = true; more;) {
    Made batch;
    const size_t most = out.candidates.empty() && !failure ? 1 : at_once;
    while (more && batch.candidates.size() < most) {
      std::optional<Candidate> next = emitter.next(out.passed_over);
      more = next.has_value();
      if (next) batch.candidates.push_back(std::move(*next));
    }
    if (batch.candidates.empty()) break;
    try {
      compile_all(batch, making, at_once);
    } catch (const Error&) {
      failure = std::current_exception();
      batch.candidates.clear();
    }
    out.passed_over.insert(out.passed_over.end(), batch.passed_over.begin(),
                           batch.passed_over.end());
    for (Candidate& c : batch.candidates) out.candidates.push_back(std::move(c));
    if (out.candidates.empty()) continue;
    if (loss(out.candidates[best(out.candidates)]) == 0) break;
  }
  if (out.candidates.empty() && failure) std::rethrow_exception(failure);
  if (out.candidates.empty()) emitter.fail();
  const size_t kept = best(out.candidates);
  for (size_t i = 0; i < kept; ++i)
    out.passed_over.push_back(describe(out.candidates[i].kernel.schedule) + ": " +
                              loss_text(out.candidates[i].cubin.resources));
  Candidate winner = std::move(out.candidates[kept]);
  out.candidates.clear();
  out.candidates.push_back(std::move(winner));
  return out;
}

}  // namespace flashlight::api
