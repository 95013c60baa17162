#include "tile/probe.h"

#include <algorithm>

#include "ir/rewrite.h"

namespace flashlight::tile {
namespace {

using namespace ir;
using Rows = std::map<Expr, analysis::Interval>;

bool compares(Expr e) { return is_comparison(e->op) && e->args[0]->type == Type::Int; }

Op mirrored(Op op) {
  switch (op) {
    case Op::Lt:
      return Op::Gt;
    case Op::Le:
      return Op::Ge;
    case Op::Gt:
      return Op::Lt;
    case Op::Ge:
      return Op::Le;
    default:
      return op;
  }
}

/// "For some row" pushed into a predicate, down to comparisons of a row's number with a column's.
class SomeRow {
 public:
  SomeRow(Expr loop, const Rows& rows, std::vector<Probe::Summary>* summaries)
      : loop_(loop), rows_(rows), summaries_(summaries) {}

  Expr operator()(Expr e, bool truth) {
    if (e->op == Op::Not) return (*this)(e->args[0], !truth);
    if (e->op == Op::And || e->op == Op::Or) {
      const Expr a = (*this)(e->args[0], truth), b = (*this)(e->args[1], truth);
      return binary((e->op == Op::And) == truth ? Op::And : Op::Or, a, b);
    }
    if (!by_row(e)) return truth ? e : unary(Op::Not, e);
    for (const size_t side : {size_t{0}, size_t{1}}) {
      if (!compares(e)) break;
      const Expr row = e->args[side], column = e->args[1 - side];
      if (uses(row, loop_) || by_row(column)) continue;
      const Op op = side == 0 ? e->op : mirrored(e->op);
      return compare(truth ? op : complement(op), row, column);
    }
    return boolean(true);
  }

 private:
  bool by_row(Expr e) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const auto& r) { return uses(e, r.first); });
  }

  Expr compare(Op op, Expr row, Expr column) {
    const Expr least = summary(row, Reduce::Min), largest = summary(row, Reduce::Max);
    switch (op) {
      case Op::Eq:
        return binary(Op::And, binary(Op::Le, least, column), binary(Op::Ge, largest, column));
      case Op::Ne:
        return binary(Op::Or, binary(Op::Ne, least, column), binary(Op::Ne, largest, column));
      case Op::Lt:
      case Op::Le:
        return binary(op, least, column);
      default:
        return binary(op, largest, column);
    }
  }

  Expr summary(Expr value, Reduce op) {
    for (const auto& s : *summaries_)
      if (s.value == value && s.op == op) return symbol(s.name, Type::Int);
    std::vector<Expr> axes;
    for (Expr a : axes_of(value))
      if (rows_.count(a)) axes.push_back(a);
    const std::string name =
        reduce_text(op) + std::string(".row") + std::to_string(summaries_->size());
    summaries_->push_back({name, value, op, axes});
    return symbol(name, Type::Int);
  }

  Expr loop_;
  const Rows& rows_;
  std::vector<Probe::Summary>* summaries_;
};

}  // namespace

std::optional<Probe> make_probe(const analysis::Liveness& live, Expr loop, const Rows& rows) {
  if (!live.probe) return std::nullopt;
  Probe out{live.probe, {}, Expr(), live.probe_certificate};
  const Expr some_row = SomeRow(loop, rows, &out.summaries)(live.probe, true);
  // Kept where it says something of the columns, and not all.
  if (uses(some_row, loop) && some_row != live.probe) out.some_row = some_row;
  std::erase_if(out.summaries, [&](const Probe::Summary& s) {
    return !out.some_row || !uses(out.some_row, symbol(s.name, Type::Int));
  });
  return out;
}

Expr certificate(const Pass& pass) {
  const Expr probe = pass.probe ? pass.probe->certificate : Expr();
  if (!pass.certificate || !probe || pass.certificate == probe)
    return pass.certificate ? pass.certificate : probe;
  return binary(Op::And, pass.certificate, probe);
}

}  // namespace flashlight::tile
