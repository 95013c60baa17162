// The parts of a kernel's text, in the order in which they are printed.
#pragma once
#include <set>

#include "codegen/cpu/contract.h"
#include "codegen/cpu/nest.h"

namespace flashlight::codegen::cpu {

/// Observed: names whose values reach an output, a certificate or a later pass.
std::set<std::string> observed(const tile::Kernel& kernel, size_t pass);

/// Statements, contractions and states as nests and calls, in order; a unit, or a step of a pass.
class PhasePrinter {
 public:
  PhasePrinter(Writer& out, const Plan& plan, Scope& scope,
               const std::map<std::string, const tile::Statement*>& direct, bool in_step)
      : out_(out), plan_(plan), scope_(scope), direct_(direct), in_step_(in_step) {}

  /// A call, or `plain` where that cannot be.
  void contraction(const tile::Contraction& c, const Accumulate& how, const Item& plain);
  Writer& writer() { return out_; }
  void add(const Item& item) { items_.push_back(item); }
  /// Prints what was added since the last flush.
  void flush();

 private:
  Writer& out_;
  const Plan& plan_;
  Scope& scope_;
  const std::map<std::string, const tile::Statement*>& direct_;
  const bool in_step_;
  std::vector<Item> items_;
};

class KernelText {
 public:
  explicit KernelText(const tile::Kernel& kernel);
  std::string print();

 private:
  // kernel_text.cpp: declarations, the unit, the entry point
  void print_unit();
  void add_output(PhasePrinter& phase, const ir::Store& store);
  void print_arguments(Writer& out) const;
  void print_tile(Writer& out) const;
  void read_arguments(Writer& out) const;
  void print_work(Writer& out) const;
  void print_entry(Writer& out) const;
  void print_indices(Writer& out, const std::string& flat, size_t first, size_t last) const;
  std::string row_tiles() const;
  std::string grid_text(const char* type, size_t last) const;  // ", type b, type h"
  std::string tile_text(const char* type) const;               // bounds of the row tile
  void print_row_padding(Writer& out) const;

  // pack_text.cpp
  void print_pack(Writer& out);
  bool print_panel_copy(Writer& out, const tile::Statement& s, const Array& to);
  void print_pack_bytes(Writer& out) const;

  // pass_text.cpp
  void print_pass(PhasePrinter& unit, size_t index);
  void print_step(const tile::Pass& pass, const std::string& name);
  std::string phase_text(const tile::Pass& pass, bool full, bool after);
  void print_range(Writer& out, const tile::Pass& pass, const std::string& step);
  void print_tiles(Writer& out, const tile::Pass& pass, const std::string& step, bool full);
  void add_finals(PhasePrinter& unit, const tile::Pass& pass, bool transient);
  void add_final(PhasePrinter& unit, const tile::Pass& pass, const ir::StreamPass::Final& f,
                 bool transient);
  void print_certificate(PhasePrinter& unit, const tile::Pass& pass);
  void declare(const tile::Statement& s, const std::vector<tile::Statement>& list, Scope& scope);
  void add_statement(PhasePrinter& phase, const tile::Statement& s, Expr body, const Scope& scope,
                     const std::vector<tile::Contraction>& contractions);
  void add_state(PhasePrinter& phase, const tile::Pass& pass, const tile::State& s, bool full,
                 const Scope& scope);

  // probe_text.cpp: tiles that data leave out
  std::string print_probe(const tile::Pass& pass);
  void print_any(Writer& out, Expr condition, const std::string& found, bool otherwise);
  void print_summaries(Writer& out, const tile::Probe& probe);

  // move_text.cpp: references, and what follows them
  void declare_states(const tile::Pass& pass);
  void print_before(Writer& out, const tile::Pass& pass);
  void print_start(PhasePrinter& unit, const tile::Pass& pass);
  /// Notes what is known of exponentials relative to a reference; returns e.
  Expr relative(const tile::Pass& pass, Expr e, const Scope& scope, bool full);
  using Targets = std::map<std::string, Expr>;  // where references go, by name
  void add_next(PhasePrinter& phase, const tile::Pass& pass, const Targets& targets,
                const Scope& scope);
  void add_reference_stores(PhasePrinter& phase, const tile::Pass& pass, const Targets& targets,
                            const Scope& scope);
  Expr moved(PhasePrinter& phase, const tile::Pass& pass, const tile::State& s,
             const Targets& targets, Scope& scope, bool in_loop);
  void move(PhasePrinter& phase, const tile::Pass& pass, const Targets& targets, Scope& scope,
            bool in_loop);
  std::optional<Array> deferred_scale(const tile::Pass& pass, const tile::State& s,
                                      const Scope& scope);

  Plan plan_;
  Scope scope_;  // of the unit: what is known at this point
  std::map<std::string, const tile::Statement*> direct_;
  std::set<std::string> observed_;  // in the pass at hand
  Writer steps_, unit_;
};

}  // namespace flashlight::codegen::cpu
