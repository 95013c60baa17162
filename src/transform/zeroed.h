// Masks after a softmax: softmax(s.masked_fill(m, -inf)).masked_fill(m, 0).
#pragma once
#include <set>
#include <string>

#include "ir/node.h"

namespace flashlight::transform {

/// Does a where make elements of `e` 0 after they met a row's value (loads of `rows`), all of them
/// in rows without a live one? Such a row's sum is 0, and stays so whatever it is multiplied with.
bool zeroes_dead_rows(ir::Expr e, const std::set<std::string>& rows);

}  // namespace flashlight::transform
