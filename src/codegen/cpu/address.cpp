// Addresses of loads and stores: what each loop contributes, and how far apart lanes are.
#include "codegen/cpu/body.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::codegen::cpu {
namespace {

std::string scaled(const std::string& index, const Stride& stride) {
  return stride.is(1) ? index : index + " * " + stride.str();
}

Expr first_lane(Expr lane) { return ir::symbol(lane->name() + ".first lane"); }

}  // namespace

// Coefficient of the lane axis in an index; null optional: no affine function of it.
std::optional<Expr> Body::lane_coefficient(Expr index) const {
  if (!lane_ || !ir::uses(index, lane_)) return ir::constant(int64_t{0});
  if (index == lane_) return ir::constant(int64_t{1});
  ir::Substitution others;  // axes of loops around are constants here
  for (Expr a : ir::axes_of(index))
    if (a != lane_) others[a] = ir::symbol("axis " + a->name());
  for (Expr l : ir::loads_of(index)) {
    if (ir::uses(l, lane_)) return std::nullopt;
    others[l] = ir::symbol("load " + std::to_string(others.size()));
  }
  const auto form = ir::affine(ir::substitute(index, others));
  if (!form) return std::nullopt;
  ir::Substitution back;
  for (const auto& [from, to] : others) back[to] = from;
  return ir::substitute(form->coefficient(lane_), back);
}

// `origin`: the axis whose position counts from the start of the tile (arrays), or null.
void Body::add_term(Address& at, Expr index, const Stride& stride, Expr origin) {
  if (ir::is_const(index, 0)) return;
  Value v = value(index);
  if (origin) {
    const AxisPlan& axis = plan_.axis(origin);
    v.text = index == origin || index == first_lane(origin)
                 ? axis.id
                 : "(" + v.text + " - " + axis.id + "_lo)";
  }
  at.level = std::max(at.level, v.level);
  v.text = scaled(v.text, stride);
  at.terms.push_back(v);
}

void Body::add_index(Address& at, Expr index, const Stride& stride, Expr origin) {
  if (stride.is(0)) return;
  if (!lane_ || !ir::uses(index, lane_)) return add_term(at, index, stride, origin);
  at.by_lane = true;
  at.level = std::max(at.level, lane_level_);
  const auto coefficient = lane_coefficient(index);
  if (!coefficient) {
    FLASHLIGHT_CHECK(!origin, "a tile value is gathered");
    const Value v = value(index);
    at.gathers.push_back("offsets<T>(" + v.text + ", " + stride.str() + ")");
    return;
  }
  const AxisPlan& axis = plan_.axis(lane_);
  const bool local = axis.role == Role::Tiled || axis.role == Role::Loop;
  define(first_lane(lane_),
         {local ? "(" + axis.id + "_lo + " + axis.id + ")" : axis.id, lane_level_});
  add_term(at, ir::substitute(index, {{lane_, first_lane(lane_)}}), stride, origin);
  const Value c = value(*coefficient);
  const Stride step = ir::is_const(*coefficient, 1) ? stride : Stride{0, scaled(c.text, stride)};
  if (at.step.is(0))
    at.step = step;
  else
    at.step = {0, at.step.str() + " + " + step.str()};
}

Body::Address Body::address(const Tensor& tensor, const std::vector<Expr>& index) {
  FLASHLIGHT_CHECK(index.size() == tensor.shape.size(), "rank of " + tensor.id);
  Address at;
  at.base = "a." + tensor.id;
  for (size_t d = 0; d < index.size(); d++) add_index(at, index[d], tensor.strides[d], Expr());
  return at;
}

Body::Address Body::address(const Array& array, const std::vector<Expr>& index) {
  FLASHLIGHT_CHECK(index.size() == array.axes.size(), "rank of " + array.base);
  Address at;
  at.base = array.base;
  for (size_t d = 0; d < index.size(); d++) {
    const Role role = plan_.axis(array.axes[d]).role;
    const bool local = role == Role::Tiled || (role == Role::Loop && !array.absolute);
    const Expr origin = local ? array.axes[d] : Expr();
    if (!array.panelled || d + 1 < index.size()) {
      add_index(at, index[d], array.strides[d], origin);
      continue;
    }
    Address inner;  // the coordinate that is cut in panels
    add_index(inner, index[d], {1, ""}, origin);
    FLASHLIGHT_CHECK(inner.gathers.empty(), "a panel is gathered");
    const std::string x = inner.terms.empty() ? "0" : inner.terms[0].text;
    at.terms.push_back(
        {x + " / P * (" + array.strides[d].str() + ") + " + x + " % P", inner.level});
    at.level = std::max(at.level, inner.level);
    at.by_lane |= inner.by_lane;
    if (inner.by_lane) at.step = inner.step;
  }
  return at;
}

// Terms of outer loops are added there, once.
std::string Body::pointer(const Address& at) {
  std::string p = at.base;
  for (int level = 0; level <= depth(); level++) {
    std::string sum = p;
    for (const Value& v : at.terms)
      if (v.level == level) sum += " + " + v.text;
    if (sum == p) continue;
    if (level >= at.level) return sum;
    auto [it, missing] = pointers_.try_emplace(sum, Value{"", level});
    if (missing) {
      it->second.text = names_.fresh(identifier(at.base.substr(2)) + "_p");
      levels_[level].push_back("const auto " + it->second.text + " = " + sum + ";");
    }
    p = it->second.text;
  }
  return p;
}

std::string Body::place(const Array& array, const std::vector<Expr>& index, std::string* stride) {
  const Address at = address(array, index);
  FLASHLIGHT_CHECK(at.gathers.empty(), "a store is scattered");
  *stride = at.by_lane ? at.step.str() : "0";
  return pointer(at);
}

std::string Body::place(const Tensor& tensor, const std::vector<Expr>& index, std::string* stride) {
  const Address at = address(tensor, index);
  FLASHLIGHT_CHECK(at.gathers.empty(), "a store is scattered");
  *stride = at.by_lane ? at.step.str() : "0";
  return pointer(at);
}

}  // namespace flashlight::codegen::cpu
