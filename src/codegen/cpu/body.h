// The expressions of one nest: each distinct node becomes text once, in the outermost loop where it
// is known, as a scalar or as lanes.
#pragma once
#include <unordered_map>
#include <unordered_set>

#include "codegen/cpu/plan.h"

namespace flashlight::codegen::cpu {

struct Value {
  std::string text;
  int level = 0;  // 0: before all loops; n: inside the n-th
  bool lanes = false;
  bool simple = true;  // a name or a literal: may be repeated
};

class Body {
 public:
  /// Loops are entered in order by enter(); `lane` is the axis of the last of them, or null.
  /// `roots`: all that will be asked for, with slots expanded.
  Body(const Plan& plan, const Scope& scope, Expr lane, const std::vector<Expr>& roots);

  void enter(Expr axis);
  /// Leaves the innermost loop and forgets what was known there; returns its lines.
  std::vector<std::string> leave();
  std::vector<std::string>& lines(int level) { return levels_[level]; }
  int depth() const { return static_cast<int>(levels_.size()) - 1; }

  Value value(Expr e);
  /// As value(), under a name in the loop where it is known.
  Value named(Expr e, const std::string& hint);
  /// From here on nothing gets a name: value() is the whole expression.
  void spell_out() { spell_out_ = true; }
  void define(Expr key, const Value& v) { known_[key] = v; }
  std::string fresh(const std::string& hint) { return names_.fresh(hint); }

  /// Pointer to an element of an array or of memory; with the lane axis at its first lane.
  /// `stride`: elements between lanes ("0": none of it depends on the lane). Not for gathers.
  std::string place(const Array& array, const std::vector<Expr>& index, std::string* stride);
  std::string place(const Tensor& tensor, const std::vector<Expr>& index, std::string* stride);
  /// Whether lanes at the end had to be left out: text names Tail and left.
  bool ragged() const { return ragged_; }
  void set_ragged() { ragged_ = true; }
  std::string left() {
    set_ragged();
    return "left";
  }

 private:
  struct Address {  // base + terms known per loop; step between lanes; offsets per lane
    std::string base;
    std::vector<Value> terms;
    Stride step{0, ""};
    std::vector<std::string> gathers;
    bool by_lane = false;
    int level = 0;
  };
  Value compute(Expr e);
  Value axis_value(Expr e);
  Value slot_value(const Slot& slot, const std::vector<Expr>& index, ir::Type type);
  Value load(Expr e);
  Value operation(Expr e);
  std::string call(Expr e, const std::vector<std::string>& args) const;
  Value bind(Expr e, Value v, const std::string& hint);
  Value operand(Expr e, int level);
  Address address(const Tensor& tensor, const std::vector<Expr>& index);
  Address address(const Array& array, const std::vector<Expr>& index);
  void add_index(Address& at, Expr index, const Stride& stride, Expr origin);
  void add_term(Address& at, Expr index, const Stride& stride, Expr origin);
  std::string pointer(const Address& at);
  // check.cpp
  const std::unordered_map<Expr, Expr>& taken();
  const std::unordered_set<Expr>& indices();
  Expr checked(Expr load, size_t dim, const Tensor& tensor);
  std::optional<Expr> lane_coefficient(Expr index) const;

  const Plan& plan_;
  const Scope& scope_;
  Expr lane_;
  int lane_level_ = -1;
  Names names_;
  std::map<Expr, int> entered_;  // axis -> level of its loop
  std::vector<Expr> loops_;
  std::vector<std::vector<std::string>> levels_;
  std::unordered_map<Expr, Value> known_;
  std::unordered_map<Expr, int> uses_;
  const std::vector<Expr> roots_;
  std::unordered_set<Expr> certain_;      // evaluated whatever conditions say
  std::unordered_map<Expr, Expr> taken_;  // see taken()
  std::optional<std::unordered_set<Expr>> indices_;
  std::map<std::string, Value> pointers_;
  bool ragged_ = false;
  bool spell_out_ = false;
};

}  // namespace flashlight::codegen::cpu
