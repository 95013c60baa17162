#include "codegen/cuda/notes.h"

namespace flashlight::codegen::cuda {
namespace {

std::string lazy_note(const FragmentText& text, const tile::Pass& pass) {
  if (pass.references.empty()) return "lazy: not needed, no state has a reference";
  if (text.lazy(pass)) return "lazy: a reference moves only when terms would grow beyond 2^8";
  return "not lazy: a reference is more than the scale of sums of exponentials";
}

std::string speculate_note(const FragmentText& text, const tile::Pass& pass, bool may_freeze) {
  if (pass.references.empty()) return "speculate: not needed, no state has a reference";
  if (const std::string why = text.not_frozen(pass); !why.empty()) return "no speculate: " + why;
  if (!may_freeze) return "no speculate: this path does not do a unit of work again";
  return "speculate: references stay where the first tile put them; a unit whose sums overflow is "
         "done again, tracked";
}

}  // namespace

std::vector<std::string> notes_of(const FragmentText& text, const tile::Pass& pass, bool may_freeze,
                                  const std::string& under) {
  std::vector<std::string> out = {lazy_note(text, pass), speculate_note(text, pass, may_freeze)};
  const std::string late = text.not_deferred(pass);
  if (!under.empty())
    out.push_back("overlap: " + under);
  else
    out.push_back("no overlap: " + (late.empty() ? "this path waits for each product" : late));
  return out;
}

}  // namespace flashlight::codegen::cuda
