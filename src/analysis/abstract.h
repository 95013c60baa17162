// Abstract evaluation of scalar bodies where one condition is fixed: what becomes of a value that
// a mask has killed. Private to src/analysis; see live.h.
#pragma once
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/stream.h"

namespace flashlight::analysis {

/// A condition with the truth value that it is given.
struct Assumption {
  ir::Expr condition;
  bool truth;
};

/// Known: exactly `value`. Low: value <= bound() + row, finite if `value` is; `row` (null: 0) is a
/// sum of references and finals of earlier passes, kept apart because it is checked, not assumed.
struct Abstract {
  enum Kind { Unknown, Known, Low } kind = Unknown;
  double value = 0;
  ir::Expr row;
  bool added = false;  // data of unknown size was added to the fill

  /// Data that was added to a fill is taken to be smaller than half of it.
  double bound() const { return added ? value / 2 : value; }
};

/// Bodies must have been through inlined().
class AbstractEvaluator {
 public:
  AbstractEvaluator(const ir::Stream& stream, const ir::StreamPass& pass, Assumption assumption);

  Abstract operator()(ir::Expr e);
  /// Does the state receive its identity wherever the assumption holds?
  bool is_identity(const ir::StreamState& state);
  /// Bool over Symbols (finals of this pass) and Loads (finals of earlier ones), all of which must
  /// hold for what was found.
  const std::vector<ir::Expr>& certificates() const { return certificates_; }

 private:
  Abstract evaluate(ir::Expr e);
  Abstract elementwise(ir::Expr e);
  Abstract sum(const Abstract& a, const Abstract& b, ir::Expr y, bool minus);
  Abstract product(ir::Expr e, const Abstract& a, const Abstract& b);
  Abstract quotient(ir::Expr e, const Abstract& a, const Abstract& b);
  Abstract scaled(const Abstract& low, double factor) const;
  Abstract tile(ir::Expr load);
  bool vanishes(const Abstract& low, ir::Type type);
  void certify(ir::Expr condition);
  bool is_row(ir::Expr e) const;
  bool is_final(ir::Expr e) const;
  ir::Expr at_the_end(ir::Expr e) const;

  const ir::Stream& stream_;
  const ir::StreamPass& pass_;
  Assumption assumption_;
  double margin_;
  std::unordered_set<std::string> references_, earlier_;
  std::unordered_map<ir::Expr, Abstract> done_;
  std::vector<ir::Expr> certificates_;
};

/// e with the elementwise values of the stream put in place of their loads.
ir::Expr inlined(const ir::Stream& stream, ir::Expr e);

}  // namespace flashlight::analysis
