#include "api/candidates.h"

#include <exception>
#include <optional>

#include "runtime/warning.h"
#include "support/env.h"
#include "support/error.h"

namespace flashlight::api {

int64_t loss(const runtime::cuda::Resources& r) {
  constexpr int64_t kSerialized = 1 << 20;  // more than any kernel spills
  return r.spills() + kSerialized * int64_t(r.serialized());
}

Candidate choose(const std::vector<tile::Schedule>& schedules,
                 const std::function<Candidate(const tile::Schedule&)>& make) {
  std::optional<Candidate> best;
  std::exception_ptr failure;
  for (const tile::Schedule& schedule : schedules) {
    try {
      Candidate next = make(schedule);
      if (!best || loss(next.cubin.resources) < loss(best->cubin.resources)) best = std::move(next);
      if (loss(best->cubin.resources) == 0) break;
    } catch (const Refused& error) {
      failure = std::current_exception();
      if (debug_wants("passes")) debug_print("passes", std::string("refused: ") + error.what());
    } catch (const CompileError& error) {
      failure = std::current_exception();
      runtime::warn(std::string("a schedule was passed over, please report it: ") + error.what());
    }
  }
  if (best) return std::move(*best);
  FLASHLIGHT_CHECK(failure, "a kernel has at least one schedule");
  std::rethrow_exception(failure);
}

}  // namespace flashlight::api
