// Tiles of elements (biases, masks that are added) on their way through shared memory: copied in
// pieces of 16 bytes a tile ahead, then read as fragments.
#pragma once
#include "codegen/cuda/fragment_text.h"

namespace flashlight::codegen::cuda {

class StagedText {
 public:
  StagedText(const Plan& plan, FragmentText& text, Writer& out)
      : plan_(plan), text_(text), out_(out) {}

  /// Gives memory from `shared` on; returns where it ends.
  int64_t place(int64_t shared);
  /// Copies the tile from column `begin` to stage `stage`; asynchronous, not committed.
  void print_load(const tile::Pass& pass);
  /// Words <id>_words of the tile in `stage`, which statements of the step read from here on.
  void print_read(const tile::Pass& pass);

 private:
  int threads() const { return 32 * plan_.warps * plan_.slots; }
  int64_t element(const Staged& s) const;  // bytes between neighbours along the loop
  int64_t pitch(const Staged& s) const { return plan_.n * element(s) + 16; }
  int64_t bytes(const Staged& s) const;  // of a stage
  std::string base(const Staged& s) const;

  const Plan& plan_;
  FragmentText& text_;
  Writer& out_;
  std::map<const Staged*, int64_t> offset_;
};

}  // namespace flashlight::codegen::cuda
