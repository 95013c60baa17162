#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

/// A pass in parts that exchange no values within a tile (two maps of differential attention): each
/// has its own scores, references and states. In the order of their first contraction; what belongs
/// to none is in the first. Ranges and finals are those of the whole pass.
std::vector<tile::Pass> independent_parts(const tile::Pass& pass);

/// The terms of scores beside their product, as far as they are ready before it: a bias.
struct Start {
  ir::Expr before;  // in units of the product, which is added to it
  ir::Expr after;   // or else: what a product that started from 0 becomes
};
/// By contraction. Statements of `stage` read scores that have their terms; those of `late` read
/// what `after` makes of them, where `before` might overflow.
std::map<std::string, Start> take_starts(tile::Pass* stage, tile::Pass* late,
                                         const std::function<bool(ir::Expr)>& is_ready);

}  // namespace flashlight::codegen::cuda
