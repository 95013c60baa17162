// One pass while it is made: states, references and finals so far. Copyable, so that a reduction
// that turns out not to fit leaves no trace.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "transform/online.h"
#include "transform/places.h"

namespace flashlight::transform {

/// element <= scale * name for every element seen, and equal for one of them.
struct Peak {
  ir::Expr name;  // a reduction's
  Term scale;     // free of elements and reductions; negative where the reduction is a minimum
};

class Draft {
 public:
  Draft(std::vector<ir::Expr> leaves, Signs signs, std::set<std::string> taken)
      : leaves_(std::move(leaves)), signs_(std::move(signs)), taken_(std::move(taken)) {}

  Scope scope() const;
  const Pass& pass() const { return pass_; }
  const std::set<std::string>& taken() const { return taken_; }
  const std::vector<ir::Expr>& leaves() const { return leaves_; }

  /// The state with this body, made if there is none.
  ir::Expr state(ir::Reduce op, ir::Expr body, std::vector<std::string> references = {});
  void set_move(ir::Expr state, std::map<std::string, ir::Expr> row);
  void finish(const std::string& name, ir::Expr value);

  /// `e`, over reductions of this pass, as it stands inside the loop: sums are extrapolated.
  /// nullopt if that takes a state that has references itself.
  std::optional<ir::Expr> target(ir::Expr e) const;
  /// Is `e`, over reductions, a largest, smallest or mean of a part of these elements?
  bool lies_among(ir::Expr e, const Sum& elements) const;
  /// Is `e` at least abs(element), for every element seen so far?
  bool dominates(ir::Expr e, ir::Expr element) const;
  /// The name of a reduction whose value is `e`; an auxiliary one if need be.
  ir::Expr named(ir::Expr e);
  /// The peak of the elements where `conditions` hold if it is what eager subtracts, `known`: then
  /// eager's own value is bounded, and underflows where ours does.
  std::optional<Peak> own_peak(ir::Expr element, const std::vector<ir::Expr>& conditions,
                               ir::Expr known) const;
  /// The peak of the elements where `conditions` hold; eager's own if it is one. Makes a state if
  /// there is none.
  Peak peak(ir::Expr element, const std::vector<ir::Expr>& conditions, ir::Expr known);
  /// The reference that follows `name`.
  ir::Expr reference(ir::Expr name, ir::Expr target, ir::Expr start);

 private:
  std::string fresh(const std::string& stem);
  const State* find_state(const std::string& name) const;
  ir::Expr final_of(const std::string& name) const;
  ir::Expr over_states(ir::Expr e) const;
  const State* state_of(ir::Expr e) const;
  std::optional<Sum> location(ir::Expr e) const;
  std::optional<Sum> scaled_location(ir::Expr e) const;
  bool is_count(ir::Expr e) const;
  std::optional<Sum> mean(ir::Expr e) const;
  std::optional<Term> scale_to(const State& s, const Sum& element,
                               const std::vector<ir::Expr>& conditions) const;
  std::optional<Peak> subtracted(ir::Expr element, const std::vector<ir::Expr>& conditions,
                                 ir::Expr known) const;

  std::vector<ir::Expr> leaves_;
  Signs signs_;
  std::set<std::string> taken_;
  Pass pass_;
};

/// `e` where the conditions hold: branches that they exclude are dropped.
ir::Expr under(ir::Expr e, const std::vector<ir::Expr>& conditions);

}  // namespace flashlight::transform
