// The merge operator of two partial results of a pass: take both to one reference, add. Split
// loops, several cores on one row and several devices all use it.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "transform/online.h"

namespace flashlight::transform {

/// In order: a name and its value over Symbols. NAME@a and NAME@b are a state or reference of the
/// two parts; NAME is a state without references once merged; NAME' is a merged reference; share
/// is that of both parts together. A product with a state that is 0 is 0, whatever the factor:
/// a part without a live element has S = 0 and r at its start, often -inf.
struct Merge {
  std::vector<std::pair<std::string, ir::Expr>> values;
};

Merge make_merge(const Pass& pass);

/// The state taken from references NAME + suffix to references NAME'; states are NAME + suffix.
ir::Expr moved_state(const Pass& pass, const State& state, const std::string& suffix);

}  // namespace flashlight::transform
