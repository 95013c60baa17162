// What explain tells of a kernel's references and overlap, and why something does not apply.
#pragma once
#include <string>
#include <vector>

#include "codegen/cuda/fragment_text.h"

namespace flashlight::codegen::cuda {

/// One line each: lazy, speculate, overlap. `under` names what runs under the products of `pass`;
/// empty where nothing does. `may_freeze`: the path can do a unit of work again.
std::vector<std::string> notes_of(const FragmentText& text, const tile::Pass& pass, bool may_freeze,
                                  const std::string& under);

}  // namespace flashlight::codegen::cuda
