// Operations of the general path: loops over points, reductions, and how values are read.
#include <algorithm>

#include "codegen/cuda/simt_operation.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {}  // namespace

void SimtText::barrier() {
  out_.line("__syncthreads();");
  ++time_;
  read_.clear(), written_.clear();
}

// ---- values

std::string SimtText::element(SimtArray* a) {
  reading_.insert(a);
  return a->name + "[" + linear(*a, a->axes) + "]";
}

std::string SimtText::leaf(Expr e, const std::vector<std::string>& index) {
  if (e->op == Op::Axis) return axis(e).name;
  if (e->op == Op::Load)
    return inputs_.count(e->name()) ? input_text(e, index) : local_text(e, index);
  if (const auto v = values_.find(e->name()); v != values_.end()) return element(v->second);
  if (const auto n = numbers_.find(e->name()); n != numbers_.end()) return n->second;
  const auto s = symbols_.find(e->name());
  FLASHLIGHT_CHECK(s != symbols_.end(), "symbol " + e->name() + " has no value here");
  return s->second;
}

std::string SimtText::offset_text(const std::string& tensor, const std::string& pointer,
                                  const std::vector<std::string>& index) const {
  const auto known = kernel_.specialization.strides.find(tensor);
  std::vector<std::string> terms;
  for (size_t d = 0; d < index.size(); ++d) {
    auto stride = tile::StrideClass::Any;
    if (known != kernel_.specialization.strides.end() && d < known->second.size())
      stride = known->second[d];
    if (stride == tile::StrideClass::Zero || index[d] == "0ll") continue;
    const std::string by = pointer + "_s" + std::to_string(d);
    terms.push_back(stride == tile::StrideClass::One ? index[d] : index[d] + " * " + by);
  }
  return terms.empty() ? "0" : join(terms, " + ");
}

/// What memory holds may be any index: no element of another tensor is read by it.
std::string SimtText::input_text(Expr e, std::vector<std::string> index) {
  const auto of = std::find_if(kernel_.inputs.begin(), kernel_.inputs.end(),
                               [&](const Input& i) { return i.name == e->name(); });
  for (size_t d = 0; d < index.size(); ++d) {
    if (!is_unchecked(e->args[d], of->shape[d])) continue;
    const std::string extent = scalar()(of->shape[d]);
    index[d] = "op_max((i64)0, op_min((i64)(" + index[d] + "), (i64)(" + extent + ") - 1))";
  }
  const std::string at =
      inputs_.at(e->name()) + "[" + offset_text(e->name(), inputs_.at(e->name()), index) + "]";
  if (is_float(e->type)) return "real_of<Real>(" + at + ")";
  return e->type == Type::Int ? "(i64)" + at : at;
}

/// An index that is not the array's own axis is clamped: what an untaken branch reads is any value.
std::string SimtText::local_text(Expr e, const std::vector<std::string>& index) {
  const auto it = loads_.find(e->name());
  FLASHLIGHT_CHECK(it != loads_.end(), "load of " + e->name() + ", which has no value here");
  const SimtArray& a = *it->second;
  FLASHLIGHT_CHECK(a.axes.size() == index.size(), "rank of the load " + print(e));
  reading_.insert(it->second);
  std::vector<std::string> terms;
  for (size_t d = 0; d < index.size(); ++d) {
    const Axis& own = axis(a.axes[d]);
    std::string at = own.name + "_at";
    if (e->args[d] != a.axes[d]) {
      const bool moves = own.role == Role::Tiled || own.role == Role::Loop;
      at = "clamped(" + index[d] + (moves ? " - " + own.name + "_lo" : "") + ", " +
           std::to_string(own.capacity) + ")";
    }
    terms.push_back(at + (a.strides[d] == 1 ? "" : " * " + std::to_string(a.strides[d])));
  }
  return a.name + "[" + (terms.empty() ? "0" : join(terms, " + ")) + "]";
}

ScalarText SimtText::scalar() {
  return ScalarText(
      out_, [this](Expr e, const auto& index) { return leaf(e, index); },
      [this](Expr load) { return inputs_.count(load->name()) > 0; }, single_,
      "v" + std::to_string(scalars_++) + "_");
}

// ---- points

/// Declares the axes at point number `flat`, the last axis fastest.
void SimtText::points(const Axes& axes, const std::string& flat) {
  if (axes.empty()) return;
  std::vector<std::string> at(axes.size());
  std::string rest = flat;
  for (size_t d = axes.size(); d-- > 0;) {
    const std::string n = std::to_string(axis(axes[d]).capacity);
    at[d] = d == 0 ? rest : rest + " % " + n;
    rest = d == 0 ? rest : "(" + rest + " / " + n + ")";
  }
  for (size_t d = 0; d < axes.size(); ++d) declare(axes[d], at[d]);
}

/// The condition that a point is in the tile, empty if it always is.
std::string SimtText::inside(const Axes& axes) const {
  std::vector<std::string> all;
  for (Expr a : axes)
    if (const std::string g = guard(a); !g.empty()) all.push_back(g);
  return join(all, " && ");
}

/// The axis along which this load reads neighbours in memory. Null: none.
Expr SimtText::fastest(Expr load) const {
  const auto held = loads_.find(load->name());
  if (!inputs_.count(load->name())) {
    const bool has = held != loads_.end() && !held->second->axes.empty();
    return has && load->args.back()->op == Op::Axis ? load->args.back() : Expr();
  }
  const auto known = kernel_.specialization.strides.find(load->name());
  size_t dim = load->args.size();
  for (size_t d = 0; known != kernel_.specialization.strides.end() && d < known->second.size(); ++d)
    if (known->second[d] == tile::StrideClass::One) dim = d;
  if (dim >= load->args.size()) return Expr();
  const auto index = affine(load->args[dim]);
  if (!index) return Expr();
  for (const auto& [a, c] : index->coefficients)
    if (is_const(c, 1)) return a;
  return Expr();
}

/// Loads of global memory decide, then those of arrays.
Expr SimtText::fastest(Expr body, const Axes& axes) const {
  for (const bool global : {true, false})
    for (Expr load : loads_of(body)) {
      if ((inputs_.count(load->name()) > 0) != global || load->args.empty()) continue;
      if (Expr a = fastest(load); a && contains(axes, a)) return a;
    }
  return Expr();
}

SimtText::Axes SimtText::in_order(Axes axes, Expr last) const {
  const auto it = std::find(axes.begin(), axes.end(), last);
  if (it != axes.end()) std::rotate(it, it + 1, axes.end());
  return axes;
}

/// to[axes] = body.
void SimtText::each(SimtArray* to, const Axes& axes, Expr body) {
  operation([&] {
    const Axes order = in_order(axes, fastest(body, axes));
    const std::string count = std::to_string(capacity(axes));
    out_.open("for (int e = threadIdx.x; e < " + count + "; e += kThreads)");
    points(order, "e");
    if (const std::string in = inside(order); !in.empty())
      out_.line("if (!(" + in + ")) continue;");
    ScalarText text = scalar();
    const std::string value = text(body);
    out_.line(to->name + "[" + linear(*to, to->axes) + "] = " + value + ";");
    writing_.insert(to);
    out_.close();
  });
}

/// to[axes] = op over `over` of body; `onto`: folded into what `to` holds, where `alive`. A group
/// of lanes shares the points of one element, so that neighbours in memory are read together.
void SimtText::reduce(SimtArray* to, const Axes& axes, const Axes& over, Reduce op, Expr body,
                      bool onto, Expr alive) {
  operation([&] {
    const int64_t elements = capacity(axes), length = capacity(over);
    writing_.insert(to);
    Axes both = axes;
    both.insert(both.end(), over.begin(), over.end());
    const Expr fast = fastest(body, both);
    int64_t lanes = 1;
    while (lanes < 32 && lanes * 2 <= length) lanes *= 2;
    if (elements >= tiles_.threads && !contains(over, fast)) lanes = 1;
    const std::string group = std::to_string(lanes), n = std::to_string(elements);
    out_.open("for (int base = 0; base < " + n + "; base += kThreads / " + group + ")");
    out_.line("const int e = base + (int)threadIdx.x / " + group + ";");
    if (elements == 0) return out_.close();
    points(in_order(axes, fast), "min(e, " + std::to_string(elements - 1) + ")");
    std::string live = "e < " + n;
    if (const std::string in = inside(axes); !in.empty()) live += " && " + in;
    if (alive) {
      out_.line("bool live = " + live + ";");
      out_.open("if (live)");
      ScalarText text = scalar();
      const std::string value = text(alive);
      out_.line("live = " + value + ";");
      out_.close();
    } else {
      out_.line("const bool live = " + live + ";");
    }
    const Type type = body->type;
    out_.line(type_name(type) + " sum = " + identity_text(op, type, single_) + ";");
    out_.open("for (int r = live ? threadIdx.x % " + group + " : " + std::to_string(length) +
              "; r < " + std::to_string(length) + "; r += " + group + ")");
    points(in_order(over, fast), "r");
    if (const std::string in = inside(over); !in.empty()) out_.line("if (!(" + in + ")) continue;");
    ScalarText text = scalar();
    const std::string value = text(body);
    out_.line("sum = " + combine_text(op, "sum", value) + ";");
    out_.close();
    for (int64_t bits = lanes / 2; bits > 0; bits /= 2)
      out_.line("sum = " + combine_text(op, "sum", "lane_xor(sum, " + std::to_string(bits) + ")") +
                ";");
    const std::string at = to->name + "[" + linear(*to, to->axes) + "]";
    out_.line("if (live && threadIdx.x % " + group + " == 0) " + at + " = " +
              (onto ? combine_text(op, at, "sum") : "sum") + ";");
    out_.close();
  });
}

}  // namespace flashlight::codegen::cuda
