#include "ir/interpret.h"

#include <algorithm>
#include <cmath>

#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

struct Step {
  Op op;
  Type type;
  int slot;
  std::vector<int> args;         // slots
  const Array* array = nullptr;  // of a Load
  std::string name;              // of a Load, for messages
};

double cast_value(double value, Type type) {
  if (type == Type::Bool) return value != 0;
  return type == Type::Int ? std::trunc(value) : value;
}

// The body of a computation as steps over an array of values, one slot per distinct node. Steps are
// sorted by the innermost axis they depend on, so that moving an inner axis redoes only what it
// changes.
class Evaluator {
 public:
  Evaluator(const Computation& c, const std::map<std::string, Array>& tensors,
            const Bindings& symbols)
      : c_(c), symbols_(symbols) {
    std::vector<Expr> axes = c.axes;
    axes.insert(axes.end(), c.reduce_axes.begin(), c.reduce_axes.end());
    for (size_t i = 0; i < axes.size(); ++i) {
      extents_.push_back(evaluate(axes[i]->extent(), symbols));
      levels_of_axes_[axes[i]] = static_cast<int>(i);
      axis_slots_.push_back(-1);
    }
    std::vector<std::pair<int, Step>> steps;
    visit(c.body, [&](Expr e) { add(e, tensors, &steps); });
    std::stable_sort(steps.begin(), steps.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    first_step_.assign(extents_.size() + 1, 0);
    for (size_t level = 0; level < first_step_.size(); ++level)
      first_step_[level] = std::count_if(steps.begin(), steps.end(), [&](const auto& s) {
        return s.first < static_cast<int>(level);
      });
    for (auto& [level, step] : steps) steps_.push_back(std::move(step));
  }

  Array run() {
    const size_t outer = c_.axes.size();
    Array out = make_array({extents_.begin(), extents_.begin() + outer});
    std::vector<int64_t> point(extents_.size(), 0);
    const double start = c_.op == Reduce::None ? 0 : const_value(identity());
    const bool empty = std::count(extents_.begin() + outer, extents_.end(), 0) != 0;
    size_t changed = 0;
    bool first = true;
    for (double& result : out.data) {
      double value = start;
      // The reduction's odometer; it ends where it began, with the outer one moved by one.
      if (!empty) {
        do {
          const double element = evaluate_point(point, first ? -1 : static_cast<int>(changed));
          first = false;
          value = c_.op == Reduce::None ? element : combine(value, element);
        } while (advance(&point, outer, extents_.size(), &changed));
      }
      result = value;
      advance(&point, 0, outer, &changed);
    }
    return out;
  }

 private:
  Expr identity() const { return reduce_identity(c_.op, c_.body->type); }

  double combine(double a, double b) const {
    switch (c_.op) {
      case Reduce::Sum:
        return op_value(Op::Add, a, b);
      case Reduce::Prod:
        return op_value(Op::Mul, a, b);
      case Reduce::Max:
        return op_value(Op::Max, a, b);
      case Reduce::Min:
        return op_value(Op::Min, a, b);
      case Reduce::Any:
        return op_value(Op::Or, a, b);
      default:
        return op_value(Op::And, a, b);
    }
  }

  // Moves the odometer of dimensions [begin, end); false when it wrapped around.
  bool advance(std::vector<int64_t>* point, size_t begin, size_t end, size_t* changed) const {
    for (size_t i = end; i-- > begin;) {
      *changed = i;
      if (++(*point)[i] < extents_[i]) return true;
      (*point)[i] = 0;
    }
    *changed = begin;
    return false;
  }

  void add(Expr e, const std::map<std::string, Array>& tensors,
           std::vector<std::pair<int, Step>>* steps) {
    const int slot = static_cast<int>(values_.size());
    slots_[e] = slot;
    values_.push_back(0);
    level_.push_back(-1);
    if (e->op == Op::Const) values_[slot] = const_value(e);
    if (e->op == Op::Symbol) values_[slot] = static_cast<double>(evaluate(e, symbols_));
    if (e->op == Op::Axis) axis_slots_[level_[slot] = levels_of_axes_.at(e)] = slot;
    if (e->args.empty() && e->op != Op::Load) return;
    if (e->op == Op::Axis) return;
    Step step{e->op, e->type, slot, {}, nullptr, ""};
    for (Expr arg : e->args) {
      step.args.push_back(slots_.at(arg));
      level_[slot] = std::max(level_[slot], level_[step.args.back()]);
    }
    if (e->op == Op::Load) {
      step.array = &tensors.at(e->name());
      step.name = e->name();
    }
    steps->emplace_back(level_[slot], std::move(step));
  }

  // None: out of range.
  std::optional<double> loaded(const Step& step) const {
    int64_t at = 0;
    for (size_t i = 0; i < step.args.size(); ++i) {
      const double index = values_[step.args[i]];
      const int64_t size = step.array->shape[i];
      if (!(index >= 0 && index < static_cast<double>(size))) return std::nullopt;
      at = at * size + static_cast<int64_t>(index);
    }
    return step.array->data[at];
  }

  double value_of(const Step& step) const {
    const auto arg = [&](size_t i) { return values_[step.args[i]]; };
    if (step.op == Op::Where) return arg(0) != 0 ? arg(1) : arg(2);
    if (step.op == Op::Cast) return cast_value(arg(0), step.type);
    return op_value(step.op, arg(0), step.args.size() > 1 ? arg(1) : 0);
  }

  // `changed`: the outermost dimension that moved; -1: everything is new. All branches are
  // evaluated; only when that reads out of range are the branches told apart.
  double evaluate_point(const std::vector<int64_t>& point, int changed) {
    for (size_t i = std::max(changed, 0); i < point.size(); ++i)
      if (axis_slots_[i] >= 0) values_[axis_slots_[i]] = static_cast<double>(point[i]);
    for (size_t i = changed < 0 ? 0 : first_step_[changed]; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      if (step.op != Op::Load) {
        values_[step.slot] = value_of(step);
        continue;
      }
      const auto value = loaded(step);
      if (!value) out_of_range_.insert(&step);
      if (value && !out_of_range_.empty()) out_of_range_.erase(&step);
      values_[step.slot] = value.value_or(std::nan(""));
    }
    if (!out_of_range_.empty()) check_taken(c_.body);
    return values_[slots_.at(c_.body)];
  }

  // Throws if a load that is out of range is really evaluated at this point.
  void check_taken(Expr e) const {
    if (e->op == Op::Axis) return;
    if (e->op == Op::Where) {
      check_taken(e->args[0]);
      return check_taken(e->args[values_[slots_.at(e->args[0])] != 0 ? 1 : 2]);
    }
    for (Expr arg : e->args) check_taken(arg);
    if (e->op != Op::Load) return;
    for (const Step* step : out_of_range_)
      if (step->slot == slots_.at(e))
        throw OutOfRange(c_.name + " reads " + step->name + " out of range in " + print(e));
  }

  const Computation& c_;
  const Bindings& symbols_;
  std::vector<int64_t> extents_;  // axes, then reduce axes
  std::unordered_map<Expr, int> levels_of_axes_;
  std::vector<int> axis_slots_;  // -1: the body does not use it
  std::unordered_map<Expr, int> slots_;
  std::vector<double> values_;  // by slot
  std::vector<int> level_;      // by slot: innermost dimension, -1: none
  std::vector<Step> steps_;
  std::vector<size_t> first_step_;  // by level
  std::unordered_set<const Step*> out_of_range_;
};

size_t offset(const Array& a, const std::vector<int64_t>& index) {
  FLASHLIGHT_CHECK(index.size() == a.shape.size(), "rank of an index");
  size_t at = 0;
  for (size_t i = 0; i < index.size(); ++i) {
    FLASHLIGHT_CHECK(index[i] >= 0 && index[i] < a.shape[i], "index out of range");
    at = at * a.shape[i] + index[i];
  }
  return at;
}

void check_input(const Input& in, const Array& array, const Bindings& symbols) {
  std::vector<int64_t> shape;
  for (Expr e : in.shape) shape.push_back(evaluate(e, symbols));
  if (shape != array.shape) throw Refused(in.name, "input has another shape than declared");
}

}  // namespace

double& Array::at(const std::vector<int64_t>& index) { return data[offset(*this, index)]; }
double Array::at(const std::vector<int64_t>& index) const { return data[offset(*this, index)]; }

Array make_array(std::vector<int64_t> shape, double fill) {
  int64_t size = 1;
  for (int64_t n : shape) {
    FLASHLIGHT_CHECK(n >= 0, "negative extent");
    size *= n;
  }
  return {std::move(shape), std::vector<double>(size, fill)};
}

std::vector<Array> interpret(const Program& program, const std::vector<Array>& inputs,
                             const Bindings& symbols) {
  if (inputs.size() != program.inputs.size()) throw Refused("program", "wrong number of inputs");
  std::map<std::string, Array> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_input(program.inputs[i], inputs[i], symbols);
    tensors[program.inputs[i].name] = inputs[i];
  }
  for (const Computation& c : program.computations)
    tensors[c.name] = Evaluator(c, tensors, symbols).run();
  std::vector<Array> out;
  for (const Output& o : program.outputs) out.push_back(tensors.at(o.name));
  return out;
}

}  // namespace flashlight::ir
