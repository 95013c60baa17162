// One unit of work of a kernel, run as the schedule says. Private to src/tile; see interpret.h.
#pragma once
#include "tile/scalar.h"

namespace flashlight::tile {

/// `scope` has sizes, inputs, packs and the bounds of the row tile; `space` the grid point, the row
/// tile and the whole axes. The kernel has no Inline statements (see expand.h).
class Unit {
 public:
  Unit(const Kernel& kernel, Scope scope, Space& space);
  void run();
  /// Evaluates one list of statements into buffers of the scope.
  void statements(const std::vector<Statement>& list, const std::vector<Contraction>& contractions);
  /// Writes the unit's part of an output.
  void store(const ir::Store& output, ir::Array* memory);
  const Scope& scope() const { return scope_; }

 private:
  using Buffers = std::map<std::string, Buffer>;
  struct Bounds {
    int64_t lo, hi;
  };

  void statement(const Statement& s, const Contraction* contraction);
  void contract(const Contraction& c, Buffer* value, const std::function<bool()>& alive);

  void pass(const Pass& p);
  /// Whether all of the loop axis was run.
  bool loop(const Pass& p, Bounds live, Bounds full, bool probed);
  void summaries(const Pass& p);
  bool lives(const Pass& p, Bounds panel);
  void step(const Pass& p, Bounds at, bool full, double share);
  void start(const Pass& p);
  void absorb(const Pass& p, bool with_references, bool full);
  void move(const Pass& p, const Buffers& before, double share);
  Buffer moved(const Pass& p, const State& s, const Buffers& states, const Buffers& to);
  bool is_alive(const Pass& p, const State& s);
  void finals(const Pass& p);
  void final_value(const Pass& p, const ir::StreamPass::Final& f);
  Buffers true_references(const Pass& p);
  bool certified(const Pass& p);
  Bounds bounds(const Range& r);
  int64_t extent() const;

  const Kernel& kernel_;
  Scope scope_;
  Space& space_;
  Buffers states_, references_, seen_;  // seen_: references as bodies see them, 0 before any value
};

}  // namespace flashlight::tile
