#include "transform/remake.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::transform {

using namespace ir;

namespace {

int float_work(const Computation& c) {
  int work = 0;
  visit(c.body, [&](Expr e) {
    if (!is_float(e->type) || e->op <= Op::Load || e->op == Op::Cast) return;
    bool simple = e->op == Op::Where || e->op == Op::Neg || e->op == Op::Add || e->op == Op::Sub ||
                  e->op == Op::Mul || e->op == Op::Max || e->op == Op::Min || e->op == Op::Abs ||
                  (e->op == Op::Div && is_const(e->args[1]));
    work += simple ? 1 : 10;
  });
  return work;
}

}  // namespace

bool cheap_to_remake(const Graph& graph, const Computation& c) {
  if (c.op != Reduce::None) return false;
  if (float_work(c) <= 4) return true;
  double read = 0;
  for (const std::string& n : names_loaded(c.body)) read += graph.elements(n);
  return graph.elements(c.name) > read;
}

bool is_made(const Graph& graph, const Computation& c) {
  Expr body = c.body;
  take_factor(&body);
  if (body->op != Op::Load && float_work(c) > 0) return true;
  const std::vector<Expr>& loads = graph.loads(c.name);
  return std::any_of(loads.begin(), loads.end(), [&](Expr l) {
    const Input* input = graph.program().input(l->name());
    const DType from = input ? input->dtype : graph.program().computation(l->name())->dtype;
    const auto of_last = [&](Expr at) { return uses(at, c.axes.back()); };
    return (is_float(l->type) && dtype_size(c.dtype) < dtype_size(from)) ||
           std::count_if(l->args.begin(), l->args.end(), of_last) > 1;
  });
}

}  // namespace flashlight::transform
