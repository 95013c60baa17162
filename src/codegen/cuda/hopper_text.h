// The text of a Hopper kernel: hopper_load.cpp has the warps that claim work and load, hopper.cpp
// those that compute. Private to the Hopper path.
#pragma once
#include <string>
#include <vector>

#include "codegen/cuda/fragment_text.h"
#include "codegen/cuda/hopper_plan.h"
#include "codegen/cuda/hopper_stages.h"
#include "codegen/cuda/source.h"
#include "ir/rewrite.h"

namespace flashlight::codegen::cuda {

inline std::string str(int64_t n) { return std::to_string(n); }

class Hopper {
 public:
  Hopper(const tile::Kernel& kernel, int64_t shared_limit)
      : plan_(kernel),
        copies_(plan_, shared_limit),
        text_(plan_, out_),
        pass_(plan_.kernel.passes.at(0)),
        stages_(independent_parts(pass_)) {
    if (plan_.kernel.passes.size() != 1) refuse("several passes");
    for (const tile::Pass& stage : stages_)
      if (stage.contractions.empty() || products(stage).empty())
        refuse("a part of it has no scores or no values that are products");
    if (plan_.warps % 4) refuse("a warpgroup has four warps");
    const std::string late = text_.not_deferred(pass_);
    if (!late.empty()) refuse(late);
    if (pass_.contractions.empty()) refuse("no scores are products");
    frozen_ = !pass_.certificate && text_.not_frozen(pass_).empty();
    take_tiles();
    bool grows = false;
    for (Expr e : ir::symbols_of(pass_.live.hi)) grows |= e->name() == plan_.rows->name() + ".hi";
    skips_ = grows && !turns() && 64 * (groups() - 1) >= plan_.n;
  }
  Source run();

 private:
  int groups() const { return plan_.warps / 4; }
  /// Teams of so many warpgroups share nothing but the counter of units: one computes while another
  /// begins or ends a unit.
  int teams() const { return plan_.kernel.schedule.teams; }
  int all_groups() const { return groups() * teams(); }
  /// Two warpgroups alone take turns at products, each of them in every tile.
  bool turns() const { return groups() == 2 && teams() == 1; }
  int threads() const { return 128 * (all_groups() + 1); }
  const Operand& a_of(const tile::Contraction& c) const { return plan_.operand(c.a); }
  const Operand& b_of(const tile::Contraction& c) const { return plan_.operand(c.b); }
  void print_shared();
  std::string first_of_team(int count) const;
  std::string own_row() const;
  void print_barriers();
  void print_tiles();  // first_tile, last_tile of the unit
  void print_posted(const std::string& buffer, const std::string& first_row);
  /// Text of an int of the work slot `buffer`.
  std::string slot(const std::string& buffer, int at) const {
    return "slots[" + str(copies_.slot_ints) + " * " + buffer + " + " + str(at) + "]";
  }
  void print_producer();
  void print_take_work();
  void print_scheduler();
  void print_load(const Operand& o, const std::string& to, const std::string& bar,
                  const std::string& row);
  void print_copy(const HopperPlan::Copy& c, const std::vector<Expr>& at, const Place& place,
                  const std::string& to, const std::string& bar);
  void print_load_tiles();
  void print_types(int64_t words);
  void print_consumer_state();
  void print_consumer();
  void print_start_scores(size_t stage);
  void start_scores(size_t stage, const std::string& tracked);  // a call, where there is a start
  void print_issue_scores(size_t stage);
  void print_issue_values(size_t stage);
  void print_softmax(size_t stage);
  void print_first_tile();
  Place own_place() const;
  void print_step();
  void print_own_tiles();
  void print_drain();
  void give_tiles();
  void take_tiles();
  void release_scores(const std::string& where_started = "!work.tracked",
                      const std::string& else_where = "");
  void pack(const tile::Pass& stage);
  static std::vector<std::string> weights(const tile::Pass& stage);
  static std::vector<const tile::State*> products(const tile::Pass& stage) {
    std::vector<const tile::State*> out;
    for (const tile::State& s : stage.states)
      if (s.contraction) out.push_back(&s);
    return out;
  }
  bool redoes() const { return frozen_ || pass_.certificate; }

  Plan plan_;
  HopperPlan copies_;
  Writer out_;
  FragmentText text_;
  const tile::Pass& pass_;
  /// Parts that share nothing but operands: the scores of one run under the values of the other.
  std::vector<tile::Pass> stages_;
  /// By stage, what scores start from; `unstarted_` are the stages whose scores start from 0. A
  /// unit whose references are tracked takes these: a start that overflows shows in the sums.
  std::vector<std::map<std::string, Start>> starts_;
  std::vector<tile::Pass> unstarted_;
  bool started_ = false;     // some score has a start
  bool late_tiles_ = false;  // tiles of elements in the ring are read after the scores are there
  bool frozen_ = false;      // references stay where the first tile put them
  bool skips_ = false;       // warpgroups leave out tiles past their own rows
};

}  // namespace flashlight::codegen::cuda
