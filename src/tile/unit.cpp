#include "tile/unit.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::tile {

using namespace ir;

namespace {

std::vector<Expr> joined(std::initializer_list<std::vector<Expr>> lists) {
  std::vector<Expr> out;
  for (const auto& l : lists) out.insert(out.end(), l.begin(), l.end());
  return out;
}

const Contraction* find(const std::vector<Contraction>& all, const std::string& value) {
  for (const Contraction& c : all)
    if (c.value == value) return &c;
  return nullptr;
}

}  // namespace

Unit::Unit(const Kernel& kernel, Scope scope, Space& space)
    : kernel_(kernel), scope_(std::move(scope)), space_(space) {}

void Unit::run() {
  statements(kernel_.prologue, kernel_.prologue_contractions);
  for (const Pass& p : kernel_.passes) pass(p);
  statements(kernel_.epilogue, {});
}

void Unit::statements(const std::vector<Statement>& list,
                      const std::vector<Contraction>& contractions) {
  for (const Statement& s : list) statement(s, find(contractions, s.name));
}

void Unit::statement(const Statement& s, const Contraction* contraction) {
  const double fill = s.op == Reduce::None ? 0 : identity(s.op, s.type);
  std::shared_ptr<Buffer> buffer;
  if (!s.alias.empty()) {
    buffer = scope_.buffers.at(s.alias);
  } else {
    buffer = std::make_shared<Buffer>(space_, s.axes, fill);
  }
  scope_.buffers[s.name] = buffer;
  if (contraction) {
    FLASHLIGHT_CHECK(s.alias.empty(), "a matrix product writes over " + s.alias);
    return contract(*contraction, buffer.get(), nullptr);
  }
  Scalar body(s.body, scope_, space_);
  space_.each(s.axes, [&] {
    double value = fill;
    if (s.op == Reduce::None) value = body();
    if (s.op != Reduce::None)
      space_.each(s.reduce_axes, [&] { value = combine(s.op, value, body()); });
    buffer->here(space_) = value;
  });
}

/// value op= a (*) b, by the contraction's own words: the body it was made from is not looked at.
void Unit::contract(const Contraction& c, Buffer* value, const std::function<bool()>& alive) {
  Scope operands;
  operands.values = {{"a", scope_.buffers.at(c.a).get()}, {"b", scope_.buffers.at(c.b).get()}};
  Scalar term(c.combine, operands, space_);
  space_.each(joined({c.batch, c.m, c.n}), [&] {
    if (alive && !alive()) return;
    double& out = value->here(space_);
    space_.each(c.k, [&] { out = combine(c.op, out, term()); });
  });
}

void Unit::store(const Store& output, Array* memory) {
  Scalar body(output.body, scope_, space_);
  std::vector<Scalar> index;
  for (Expr e : output.index) index.emplace_back(e, scope_, space_);
  space_.each(output.axes, [&] {
    std::vector<int64_t> at;
    for (Scalar& i : index) at.push_back(static_cast<int64_t>(i()));
    memory->at(at) = body();
  });
}

}  // namespace flashlight::tile
