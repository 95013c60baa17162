#include "tile/scalar.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::tile {

using namespace ir;

Space::Axis& Space::axis(Expr axis) {
  const auto it = axes_.find(axis);
  FLASHLIGHT_CHECK(it != axes_.end(), "axis " + axis->name() + " has no range here");
  return it->second;
}

void Space::each(const std::vector<Expr>& axes, const std::function<void()>& fn) {
  std::vector<Axis*> moving;
  for (Expr e : axes) {
    Axis& a = axis(e);
    if (a.lo >= a.hi) return;
    a.at = a.lo;
    moving.push_back(&a);
  }
  for (;;) {
    fn();
    size_t d = moving.size();
    while (d > 0 && ++moving[d - 1]->at == moving[d - 1]->hi) {
      moving[d - 1]->at = moving[d - 1]->lo;
      --d;
    }
    if (d == 0) return;
  }
}

Buffer::Buffer(Space& space, std::vector<Expr> over, double fill) : axes(std::move(over)) {
  std::vector<int64_t> shape;
  for (Expr e : axes) {
    const Space::Axis& a = space.axis(e);
    lo.push_back(a.lo);
    shape.push_back(std::max<int64_t>(a.hi - a.lo, 0));
  }
  array = make_array(shape, fill);
}

double& Buffer::here(Space& space) {
  size_t at = 0;
  for (size_t d = 0; d < axes.size(); ++d) {
    const int64_t i = space.axis(axes[d]).at - lo[d];
    FLASHLIGHT_CHECK(i >= 0 && i < array.shape[d], "outside the tile on " + axes[d]->name());
    at = at * array.shape[d] + i;
  }
  return array.data[at];
}

double Buffer::at(const std::vector<int64_t>& index) const {
  size_t at = 0;
  for (size_t d = 0; d < axes.size(); ++d) {
    const int64_t i = index[d] - lo[d];
    if (i < 0 || i >= array.shape[d]) return std::nan("");
    at = at * array.shape[d] + i;
  }
  return array.data[at];
}

Scalar::Scalar(Expr e, const Scope& scope, Space& space) {
  visit(e, [&](Expr n) { add(n, scope, space); });
}

void Scalar::add(Expr e, const Scope& scope, Space& space) {
  Step step{e->op, e->type, {}, nullptr, {}, nullptr, nullptr, nullptr, Expr()};
  double known = 0;
  if (e->op == Op::Const) {
    known = const_value(e);
  } else if (e->op == Op::Symbol) {
    add_symbol(e, scope, space, &step, &known);
  } else if (e->op == Op::Axis) {
    step.axis = &space.axis(e);
  } else {
    for (Expr arg : e->args) step.args.push_back(slot_of_.at(arg));
  }
  if (e->op == Op::Load) {
    const auto buffer = scope.buffers.find(e->name());
    const auto input = scope.inputs.find(e->name());
    FLASHLIGHT_CHECK(buffer != scope.buffers.end() || input != scope.inputs.end(),
                     "load of " + e->name() + ", which has no value here");
    if (buffer != scope.buffers.end()) step.buffer = buffer->second.get();
    if (!step.buffer) step.input = input->second, step.load = e;
    const size_t rank = step.buffer ? step.buffer->axes.size() : step.input->shape.size();
    FLASHLIGHT_CHECK(rank == e->args.size(), "rank of the load " + print(e));
  }
  slot_of_[e] = static_cast<int>(slots_.size());
  slots_.push_back(known);
  steps_.push_back(std::move(step));
}

void Scalar::add_symbol(Expr e, const Scope& scope, Space& space, Step* step, double* known) {
  if (auto v = scope.values.find(e->name()); v != scope.values.end()) {
    step->value = v->second;
    for (Expr a : v->second->axes) step->at.push_back(&space.axis(a));
  } else if (auto n = scope.numbers.find(e->name()); n != scope.numbers.end()) {
    *known = n->second;
  } else {
    const auto size = scope.sizes.find(e->name());
    FLASHLIGHT_CHECK(size != scope.sizes.end(), "symbol " + e->name() + " has no value here");
    *known = static_cast<double>(size->second);
  }
}

double Scalar::operator()() {
  outside_.clear();
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const bool fixed = step.op == Op::Const || (step.op == Op::Symbol && !step.value);
    if (fixed) continue;
    const auto read = value(step);
    if (!read) outside_.push_back(static_cast<int>(i));
    slots_[i] = read.value_or(std::nan(""));
  }
  if (!outside_.empty()) check_taken(static_cast<int>(steps_.size()) - 1);
  return slots_.back();
}

// Both branches of a Where were evaluated: only one of them counts.
void Scalar::check_taken(int slot) const {
  const Step& step = steps_[slot];
  if (step.op == Op::Where) {
    check_taken(step.args[0]);
    return check_taken(step.args[slots_[step.args[0]] != 0 ? 1 : 2]);
  }
  for (int arg : step.args) check_taken(arg);
  if (std::find(outside_.begin(), outside_.end(), slot) != outside_.end())
    throw OutOfRange("an index is out of bounds in " + print(step.load));
}

std::optional<double> Scalar::value(const Step& step) {
  const auto arg = [&](size_t k) { return slots_[step.args[k]]; };
  switch (step.op) {
    case Op::Axis:
      return static_cast<double>(step.axis->at);
    case Op::Symbol:
      index_.clear();
      for (const Space::Axis* a : step.at) index_.push_back(a->at);
      return step.value->at(index_);
    case Op::Where:
      return arg(0) != 0 ? arg(1) : arg(2);
    case Op::Cast:
      if (step.type == Type::Bool) return arg(0) != 0;
      return step.type == Type::Int ? std::trunc(arg(0)) : arg(0);
    case Op::Load:
      break;
    default:
      return op_value(step.op, arg(0), step.args.size() > 1 ? arg(1) : 0);
  }
  index_.clear();
  for (size_t k = 0; k < step.args.size(); ++k) {
    if (!(std::fabs(arg(k)) < 0x1p53)) return std::nullopt;
    index_.push_back(static_cast<int64_t>(arg(k)));
  }
  if (step.buffer) return step.buffer->at(index_);
  size_t at = 0;
  for (size_t d = 0; d < index_.size(); ++d) {
    if (index_[d] < 0 || index_[d] >= step.input->shape[d]) return std::nullopt;
    at = at * step.input->shape[d] + index_[d];
  }
  return step.input->data[at];
}

double identity(Reduce op, Type type) { return const_value(reduce_identity(op, type)); }

double combine(Reduce op, double a, double b) {
  constexpr Op kOps[] = {Op::Add, Op::Add, Op::Mul, Op::Max, Op::Min, Op::Or, Op::And};
  return op_value(kOps[static_cast<int>(op)], a, b);
}

}  // namespace flashlight::tile
