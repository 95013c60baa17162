// The text of a kernel in fragments, but for where operands come from and how products are issued:
// that is what the paths (tensor_core.cpp, hopper.cpp) differ in.
#pragma once
#include <functional>
#include <set>

#include "codegen/cuda/text.h"

namespace flashlight::codegen::cuda {

class FragmentText {
 public:
  FragmentText(const Plan& plan, Writer& out) : plan_(plan), out_(out) {}

  // ---- fragment_unit.cpp: what surrounds the loops
  /// Pointers, strides and sizes out of the parameter block.
  void print_arguments();
  /// Grid axes, row_lo, row_hi, row[], row_ok[] of the unit of work in `unit`.
  void print_unit(const std::string& first_row);
  /// Its two halves. The first one divides; what it finds, `posted`, may come from another thread.
  void print_sizes();  // rows_end, cols_end
  void print_decode();
  std::vector<std::string> posted() const;
  void print_rows_of_unit(const std::string& first_row);
  void print_prologue();
  void print_epilogue();
  Expr units() const;

  // ---- fragment_pass.cpp: the parts of a pass, in the order in which they are printed
  void print_live(const tile::Pass& pass, const Place& place);  // live_lo, live_hi
  void print_full(const tile::Pass& pass, const Place& place);  // full_lo, full_hi
  void print_states(const tile::Pass& pass, bool products = true);
  /// Values that no step changes get a name; call once before the loop of the pass, and forget them
  /// where their scope ends.
  void print_hoisted(const tile::Pass& pass);
  void forget_hoisted() { uniform_known_.clear(), row_known_.clear(); }
  /// How a step is printed. Full: no mask is needed in this tile. Frozen: references stay where
  /// they are. Deferred: value fragments are under way; print_rescale() takes them along later.
  struct Step {
    bool full = false, frozen = false, deferred = false;
    bool folded = false;  // exponents: for references that are not large
    /// Bool text: frozen steps may have gone before. A sum that is too large for print_overflow()
    /// must not become smaller by a move. Empty: never.
    std::string watched = {};
  };
  /// From the score fragments on to the weights. Needs `col0`, the thread's first column.
  void print_step(const tile::Pass& pass, const Step& step);
  /// Fills the score fragment `value` with a body that may read it, but no column.
  void print_scores(const std::string& value, Expr body);
  /// Before and after a deferred step.
  void print_scales(const tile::Pass& pass);
  void print_rescale(const tile::Pass& pass, const std::string& condition);  // bool text
  /// Null, or why the references of this pass cannot be frozen after the first tile.
  std::string not_frozen(const tile::Pass& pass) const;
  /// Null, or why value fragments cannot follow late.
  std::string not_deferred(const tile::Pass& pass) const;
  /// Bool text, true where a frozen pass may have gone wrong: it is done again, tracked.
  std::string print_overflow(const tile::Pass& pass);
  bool lazy(const tile::Pass& pass) const;
  /// frozen: no output shows what the sums refer to, so that they stay where they are.
  void print_finals(const tile::Pass& pass, bool frozen = false);
  /// Bool text: a row of this thread asks for the whole loop. Empty: never.
  std::string certificate(const tile::Pass& pass);
  void declare_fragments(const tile::Pass& pass);

  // ---- fragment_pairs.cpp: two neighbours of 16 bits in one load
  /// Row pointers of loads along the loop axis whose pairs can be read at once, and where these go.
  void print_pointers(const tile::Pass& pass);
  /// Loads the pairs that `stage` needs of a tile; best printed where products are under way.
  void print_prefetch(const tile::Pass& stage, const std::string& tile);
  void use_prefetched(const tile::Pass& stage);
  void forget_prefetched() { prefetched_.clear(); }
  /// Pairs that outputs read along their columns (gates) go to the second-level cache, then to
  /// registers: all of them are under way before the first is used.
  void print_touch_values();
  void print_value_words();
  /// Neighbours of this load lie in shared memory at `address` (over `i`), one word for `each`
  /// elements of the fragment.
  void give_words(Expr load, const Tensor& tensor, int each, const std::string& address);
  /// This expression has a name (over `i`) in element_place().
  void give_element(Expr e, const std::string& text) { element_known_[e] = text; }

  Place uniform_place() const;
  Place row_place() const;
  /// With `col` for the loop axis.
  Place element_place() const;
  /// With `v` for the flattened columns.
  Place value_place(const std::vector<Expr>& columns) const;

 private:
  using Targets = std::map<std::string, Expr>;  // reference -> where it goes

  void statement(const tile::Statement& s, bool full, bool zero_outside,
                 const std::string& alive = "", bool folded = false);
  void merge_readers(const tile::Pass& pass, std::vector<tile::Statement>* before,
                     std::vector<tile::Statement>* after) const;
  void absorb(const tile::Pass& pass, const tile::State& s, const Step& step);
  std::vector<std::string> mask_at(const tile::Pass& pass) const;
  Expr fold_exponents(Expr body, Place* place);
  Expr fold_quotients(Expr body, Place* place);
  bool is_row_level(Expr e) const;
  void print_bound(const char* name, Expr e, const Place& place);
  void mask_outside(const std::string& name);
  void open_elements(bool full, Expr body = Expr());
  void move_in_step(const tile::Pass& pass, const Step& step);
  void print_targets(const tile::Pass& pass, const Targets& targets, const Place& place);
  void move_states(const tile::Pass& pass, const Targets& targets, bool in_loop, const Step& step);
  std::string largest_sum(const tile::Pass& pass) const;
  void accept_targets(const tile::Pass& pass, const Targets& targets);
  void store(const ir::Store& o);
  void print_rows(const std::string& id, ir::Type type, Expr body);
  bool is_reduced(const tile::Pass& pass, const tile::State& s) const;
  bool tracks(const tile::Pass& pass, const ir::StreamReference& r) const;
  bool invariant(const tile::Pass& pass, Expr e) const;
  bool is_pair(Expr load, Expr column) const;
  void each_value_pair(const std::function<void(Expr, Expr, const std::string&)>& visitor);
  void pair_values(Place* place, const std::vector<Expr>& columns,
                   const std::vector<Expr>& bodies) const;

  const Plan& plan_;
  Writer& out_;
  std::unordered_map<Expr, std::string> uniform_known_, row_known_, element_known_;
  int hoisted_ = 0, shifts_ = 0, inverses_ = 0;
  std::unordered_map<Expr, std::string> pair_words_;  // loads along the loop axis -> array
  std::unordered_map<Expr, std::string> prefetched_;  // of them, those in the step at hand
  struct Words {
    std::string id, address;
    int each;
  };
  std::unordered_map<Expr, std::string> value_words_;  // pairs of outputs -> array
  std::unordered_map<Expr, Words> words_;              // loads out of shared memory
  std::vector<std::string> masked_;                    // in the step at hand: see mask_at
};

/// The value axes of what is stored, in the order of its fragment.
std::vector<Expr> stored_columns(const Plan& plan, const ir::Store& o);

/// The infinite start of a reference: the sign that nothing was seen yet. Null: it has none.
Expr unset(const ir::StreamReference& r);
/// Of all statements and states; some are null.
std::vector<Expr> bodies_of(const tile::Pass& pass);
/// References follow the state, and nothing else of the pass does.
bool is_target(const tile::Pass& pass, const tile::State& s);

}  // namespace flashlight::codegen::cuda
