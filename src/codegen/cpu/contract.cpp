#include "codegen/cpu/contract.h"

#include <algorithm>

#include "codegen/cpu/body.h"
#include "codegen/cpu/nest.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::codegen::cpu {
namespace {

Operand of_array(const Array& array, const Plan& plan) {
  Operand out{array.base, {}, array.panelled, true};
  for (size_t d = 0; d < array.axes.size(); d++) {
    const AxisPlan& axis = plan.axis(array.axes[d]);
    const bool cut = array.panelled && d + 1 == array.axes.size();
    out.strides[array.axes[d]] = cut ? Stride{1, ""} : array.strides[d];
    if (!array.absolute || axis.role != Role::Loop) continue;
    out.base += " + " + axis.id + "_lo" + (cut ? " / P" : "");
    if (!array.strides[d].is(1)) out.base += " * (" + array.strides[d].str() + ")";
    if (!cut && d + 1 == array.axes.size()) out.padded = false;
  }
  return out;
}

// Coefficients of the axes of `s` in one index of its load; empty where the index is not affine.
std::optional<ir::Affine> split(Expr index, const tile::Statement& s) {
  ir::Substitution others;
  for (Expr a : ir::axes_of(index))
    if (std::find(s.axes.begin(), s.axes.end(), a) == s.axes.end())
      others[a] = ir::symbol("axis " + a->name());
  auto form = ir::affine(ir::substitute(index, others));
  if (!form) return form;
  ir::Substitution back;
  for (const auto& [from, to] : others) back[to] = from;
  form->rest = ir::substitute(form->rest, back);
  for (auto& [axis, c] : form->coefficients) c = ir::substitute(c, back);
  return form;
}

}  // namespace

Stride Operand::stride(Expr axis) const {
  const auto it = strides.find(axis);
  return it == strides.end() ? Stride{0, ""} : it->second;
}

std::string product(const std::string& text, const Stride& stride) {
  return stride.is(1) ? text : text + " * " + stride.str();
}

std::optional<Operand> operand_in_memory(const tile::Statement& s, const Plan& plan,
                                         const Scope& scope) {
  const auto it = plan.tensors.find(s.body->op == ir::Op::Load ? s.body->name() : "");
  if (it == plan.tensors.end()) return std::nullopt;
  const Tensor& tensor = it->second;
  Operand out{"a." + tensor.id, {}, false, false};
  for (size_t d = 0; d < tensor.shape.size(); d++) {
    auto form = split(s.body->args[d], s);
    if (!form) return std::nullopt;
    const Stride& unit = tensor.strides[d];
    if (ir::is_unchecked(s.body->args[d], tensor.shape[d])) {
      if (!form->coefficients.empty()) return std::nullopt;  // each point is checked
      form->rest = ir::clamped(form->rest, tensor.shape[d]);
    }
    if (unit.is(0)) continue;
    if (!ir::is_const(form->rest, 0))
      out.base += " + " + product(scalar_text(plan, scope, form->rest), unit);
    for (const auto& [axis, c] : form->coefficients) {
      if (ir::is_const(c, 0)) continue;
      const bool one = ir::is_const(c, 1);
      const Stride step = one ? unit : Stride{0, product(scalar_text(plan, scope, c), unit)};
      Stride& sum = out.strides[axis];
      sum = sum.is(0) ? step : Stride{0, sum.str() + " + " + step.str()};
    }
  }
  for (Expr axis : s.axes) {
    const AxisPlan& p = plan.axis(axis);
    const Stride stride = out.stride(axis);
    if (stride.is(0)) continue;
    if (p.role == Role::Loop || p.role == Role::Tiled)
      out.base += " + " + p.id + "_lo" + (stride.is(1) ? "" : " * (" + stride.str() + ")");
  }
  return out;
}

namespace {

bool as_it_lies(const tile::Statement& s, const Plan& plan) {
  const auto it = plan.tensors.find(s.body->op == ir::Op::Load ? s.body->name() : "");
  return it != plan.tensors.end() &&
         it->second.dtype == (plan.single ? ir::DType::F32 : ir::DType::F64);
}

class ContractionPrinter {
 public:
  ContractionPrinter(Writer& out, const Plan& plan, const Scope& scope, const tile::Contraction& c,
                     const Accumulate& how)
      : out_(out), plan_(plan), scope_(scope), c_(c), how_(how) {}

  bool print(const Operand& a, const Operand& b, const Array& result);

 private:
  bool print_dots(const Operand& a, const Operand& b, const Operand& result);
  void open_loops();
  bool choose(const Operand& a, const Operand& b, const Operand& result);
  bool flatten_k(const Operand& a, const Operand& b);
  std::string shifted(const Operand& o, const std::string& more = "") const;
  void call(const std::string& start, const Operand& a, const Operand& b, const Operand& result,
            const std::string& k, const std::string& k_lo);
  void sizes(const Operand& a, const Operand& b);
  int64_t vectors_for(int64_t extent) const;
  std::string operation() const;

  Writer& out_;
  const Plan& plan_;
  const Scope& scope_;
  const tile::Contraction& c_;
  const Accumulate& how_;
  std::vector<Expr> loops_;  // one call for each point of these
  Expr m_, n_, k_;
  int64_t k_extent_ = 1;
  std::string m_text_, n_text_;
  int64_t micro_rows_ = 1, vectors_ = 1;  // register block
  bool ragged_m_ = false, ragged_n_ = false;
};

// Several contracted axes are one where both operands step through them alike.
bool ContractionPrinter::flatten_k(const Operand& a, const Operand& b) {
  if (c_.k.empty()) return false;
  k_ = c_.k.back();
  if (plan_.axis(k_).role == Role::Loop) return c_.k.size() == 1;
  k_extent_ = plan_.axis(k_).extent;
  for (size_t d = c_.k.size() - 1; d-- > 0;) {
    const auto follows = [&](const Operand& o) {
      const Stride outer = o.stride(c_.k[d]), inner = o.stride(k_);
      return outer.text.empty() && inner.text.empty() && outer.value == inner.value * k_extent_;
    };
    if (plan_.axis(c_.k[d]).role == Role::Loop || !follows(a) || !follows(b)) return false;
    k_extent_ *= plan_.axis(c_.k[d]).extent;
  }
  return true;
}

bool ContractionPrinter::choose(const Operand& a, const Operand& b, const Operand& result) {
  loops_ = c_.batch;
  for (Expr axis : c_.m) {
    if (!m_ || plan_.axis(axis).role == Role::Tiled) std::swap(m_, axis);
    if (axis) loops_.push_back(axis);
  }
  for (Expr axis : c_.n)
    if (!n_ && b.stride(axis).is(1) && result.stride(axis).is(1))
      n_ = axis;
    else
      loops_.push_back(axis);
  if (!n_ || !flatten_k(a, b)) return false;
  for (Expr axis : loops_)
    if (plan_.axis(axis).role == Role::Loop) return false;
  return !how_.scale || !m_ || of_array(*how_.scale, plan_).stride(m_).is(1);
}

/// Vectors per register block for that many columns: all of a few, else what leaves no rest.
int64_t ContractionPrinter::vectors_for(int64_t extent) const {
  const int64_t most = plan_.kernel.schedule.micro_vectors;
  const int64_t all = (extent + plan_.lanes() - 1) / plan_.lanes();
  if (all <= most) return all;
  for (int64_t n = most; n > most / 2; n--)
    if (all % n == 0) return n;
  return most;
}

void ContractionPrinter::sizes(const Operand& a, const Operand& b) {
  const AxisPlan* m = m_ ? &plan_.axis(m_) : nullptr;
  const AxisPlan& n = plan_.axis(n_);
  vectors_ = n.role == Role::Loop || b.panelled ? plan_.kernel.schedule.micro_vectors
                                                : vectors_for(n.extent);
  micro_rows_ = m ? plan_.kernel.schedule.micro_rows : 1;
  if (!m) {
    m_text_ = "1";
  } else if (m->role == Role::Tiled) {
    ragged_m_ = !a.padded;
    m_text_ = m->id + (a.padded ? "_p" : "_n");
  } else {  // a block height that divides the rows, if a good one does
    const int64_t most = micro_rows_ * plan_.kernel.schedule.micro_vectors / vectors_;
    for (int64_t rows = std::min(most, m->extent); rows > 2; rows--)
      if (m->extent % rows == 0) {
        micro_rows_ = rows;
        break;
      }
    ragged_m_ = m->extent % micro_rows_ != 0;
    m_text_ = std::to_string(m->extent);
  }
  if (n.role == Role::Loop) {
    ragged_n_ = !b.padded;
    n_text_ = n.id + (b.padded ? "_p" : "_n");
  } else {
    ragged_n_ = !b.padded && n.extent % (vectors_ * plan_.lanes()) != 0;
    n_text_ = std::to_string(!b.padded    ? n.extent
                             : b.panelled ? round_up(n.extent, plan_.panel)
                                          : plan_.width(n.extent));
  }
}

std::string ContractionPrinter::shifted(const Operand& o, const std::string& more) const {
  std::string text = o.base;
  for (Expr axis : loops_)
    if (!o.stride(axis).is(0)) text += " + " + product(plan_.axis(axis).id, o.stride(axis));
  return text + more;
}

std::string ContractionPrinter::operation() const {
  const Expr product = ir::symbol("a", c_.combine->type) * ir::symbol("b", c_.combine->type);
  if (c_.op == ir::Reduce::Sum && c_.combine == product) return "";
  Body body(plan_, scope_, Expr(), {c_.combine});
  body.define(ir::symbol("a", c_.combine->type), {"x"});
  body.define(ir::symbol("b", c_.combine->type), {"y"});
  const Value v = body.value(c_.combine);
  std::string lines;
  for (const std::string& line : body.lines(0)) lines += line + " ";
  const char* op = c_.op == ir::Reduce::Sum   ? "Sum"
                   : c_.op == ir::Reduce::Max ? "Max"
                   : c_.op == ir::Reduce::Min ? "Min"
                                              : "Prod";
  return "inner<" + std::string(op) + ">([](auto x, auto y) { " + lines +
         "return lift<decltype(x)>(" + v.text + "); })";
}

void ContractionPrinter::call(const std::string& start, const Operand& a, const Operand& b,
                              const Operand& result, const std::string& k,
                              const std::string& k_lo) {
  const auto at_k = [&](const Operand& o) {
    return k_lo.empty() ? "" : " + " + product(k_lo, o.stride(k_));
  };
  const std::string op = operation();
  std::string text = op.empty() ? "gemm_block" : "contract_block";
  const int tails = (ragged_m_ ? 1 : 0) + (ragged_n_ ? 2 : 0);
  text += "<T, " + std::to_string(micro_rows_) + ", " + std::to_string(vectors_) +
          ", Start::" + start + ", " + std::to_string(tails) + ">(" + op +
          (op.empty() ? "" : ", ") + m_text_ + ", " + n_text_ + ", " + k + ", {" +
          shifted(a, at_k(a)) + ", " + (m_ ? a.stride(m_).str() : "0") + ", " + a.stride(k_).str() +
          "}, {" + shifted(b, at_k(b)) + ", " + b.stride(k_).str() + ", ";
  const auto slot = scope_.find(c_.b);
  text += b.panelled ? slot->second.array->strides.back().str()
                     : std::to_string(vectors_ * plan_.lanes());
  text += "}, {" + shifted(result) + ", " + (m_ ? result.stride(m_).str() : "0") + "}";
  if (start == "Scale") text += ", " + shifted(of_array(*how_.scale, plan_));
  out_.line(text + ");");
}

void ContractionPrinter::open_loops() {
  out_.line("// " + c_.value + " " + (how_.keep ? "+= " : "= ") + c_.a + " x " + c_.b);
  for (Expr axis : loops_) {
    const AxisPlan& p = plan_.axis(axis);
    out_.open("for (i64 " + p.id + " = 0; " + p.id + " < " +
              (p.role == Role::Tiled ? p.id + "_n" : std::to_string(p.extent)) + "; " + p.id +
              "++)");
  }
}

/// b as it lies, the contracted axis innermost: each row of a by itself.
bool ContractionPrinter::print_dots(const Operand& a, const Operand& b, const Operand& result) {
  const bool fits = c_.k.size() == 1 && c_.n.size() == 1 && operation().empty() && !how_.keep &&
                    !how_.scale && plan_.axis(c_.k[0]).role == Role::Whole &&
                    plan_.axis(c_.n[0]).role == Role::Loop;
  if (!fits || !b.stride(c_.k[0]).is(1) || !a.stride(c_.k[0]).is(1) ||
      !result.stride(c_.n[0]).is(1))
    return false;
  loops_ = c_.batch;
  loops_.insert(loops_.end(), c_.m.begin(), c_.m.end());
  open_loops();
  out_.line("dot_rows<T>(" + plan_.axis(c_.n[0]).id + "_n, " +
            std::to_string(plan_.axis(c_.k[0]).extent) + ", " + shifted(a) + ", " + shifted(b) +
            ", " + b.stride(c_.n[0]).str() + ", " + shifted(result) + ");");
  for (size_t i = 0; i < loops_.size(); i++) out_.close();
  return true;
}

bool ContractionPrinter::print(const Operand& a, const Operand& b, const Array& result) {
  const Operand to = of_array(result, plan_);
  if (!b.panelled && print_dots(a, b, to)) return true;
  if (!choose(a, b, to)) return false;
  sizes(a, b);
  open_loops();
  const AxisPlan& k = plan_.axis(k_);
  const std::string first = how_.scale ? "Scale" : how_.keep ? "Keep" : "Zero";
  if (k.role != Role::Loop) {
    call(first, a, b, to, std::to_string(k_extent_), "");
  } else {
    const std::string step = std::to_string(plan_.kernel.schedule.value_step);
    const std::string size =
        k.id + "_n - " + k.id + " < " + step + " ? " + k.id + "_n - " + k.id + " : " + step;
    out_.open("for (i64 " + k.id + " = 0; " + k.id + " < " + k.id + "_n; " + k.id + " += " + step +
              ")");
    out_.line("const i64 count = " + size + ";");
    if (first != "Keep") {
      out_.open("if (" + k.id + " == 0)");
      call(first, a, b, to, "count", k.id);
      out_.otherwise();
      call("Keep", a, b, to, "count", k.id);
      out_.close();
    } else {
      call("Keep", a, b, to, "count", k.id);
    }
    out_.close();
  }
  for (size_t i = 0; i < loops_.size(); i++) out_.close();
  return true;
}

}  // namespace

bool print_contraction(Writer& out, const Plan& plan, const Scope& scope,
                       const std::map<std::string, const tile::Statement*>& direct,
                       const tile::Contraction& c, const Accumulate& how) {
  const auto operand = [&](const std::string& name) -> std::optional<Operand> {
    if (const auto it = direct.find(name); it != direct.end()) {
      if (!as_it_lies(*it->second, plan)) return std::nullopt;
      print_checks(out, plan, scope, *it->second);
      return operand_in_memory(*it->second, plan, scope);
    }
    const auto slot = scope.find(name);
    if (slot == scope.end() || !slot->second.array || !ir::is_float(slot->second.array->type))
      return std::nullopt;
    return of_array(*slot->second.array, plan);
  };
  const auto a = operand(c.a), b = operand(c.b);
  const auto result = scope.find(c.value);
  FLASHLIGHT_CHECK(result != scope.end() && result->second.array, "no array for " + c.value);
  if (!a || !b || a->panelled || !ir::is_float(result->second.array->type)) return false;
  if (c.op == ir::Reduce::Any || c.op == ir::Reduce::All) return false;
  return ContractionPrinter(out, plan, scope, c, how).print(*a, *b, *result->second.array);
}

Expr contraction_body(const tile::Contraction& c, const Scope& scope, ir::Type type) {
  const auto load = [&](const std::string& name) {
    return ir::load(name, scope.at(name).axes, type);
  };
  return ir::substitute(c.combine, {{ir::symbol("a", c.combine->type), load(c.a)},
                                    {ir::symbol("b", c.combine->type), load(c.b)}});
}

}  // namespace flashlight::codegen::cpu
