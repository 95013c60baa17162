#include "transform/canonicalize.h"

#include <algorithm>
#include <map>

#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "transform/concatenated.h"

namespace flashlight::transform {
namespace {

using namespace ir;

bool is_output(const Program& p, const std::string& name) {
  return std::any_of(p.outputs.begin(), p.outputs.end(),
                     [&](const Output& o) { return o.name == name; });
}

/// Replaces loads of pointwise computations by their bodies at the loaded index.
Expr inline_loads(Expr body, const std::map<std::string, Computation>& pointwise) {
  return ir::transform(body, [&](Expr e) {
    if (e->op != Op::Load) return e;
    auto it = pointwise.find(e->name());
    if (it == pointwise.end()) return e;
    Substitution at;
    for (size_t k = 0; k < e->args.size(); ++k) at[it->second.axes[k]] = e->args[k];
    return substitute(it->second.body, at);
  });
}

/// An output that is a reduction becomes a pointwise view of it, so that its shape can change.
Program separate_outputs(const Program& p) {
  Program out = p;
  out.computations.clear();
  std::map<std::string, std::string> renamed;
  for (const Computation& c : p.computations) {
    Computation d = c;
    d.body = ir::transform(c.body, [&](Expr e) {
      auto it = e->op == Op::Load ? renamed.find(e->name()) : renamed.end();
      return it == renamed.end() ? e : load(it->second, e->args, e->type);
    });
    if (is_output(p, c.name) && c.op != Reduce::None) {
      d.name = renamed[c.name] = c.name + ".value";
      out.computations.push_back(d);
      std::vector<Expr> index(c.axes.begin(), c.axes.end());
      Expr body = load(d.name, index, compute_type(c.dtype));
      out.computations.push_back({c.name, c.dtype, c.axes, Reduce::None, {}, body});
    } else {
      out.computations.push_back(d);
    }
  }
  return out;
}

bool is_unit(Expr axis) { return is_const(axis->extent(), 1); }

/// Axes of extent 1 (keepdim, one query row) hold nothing: they leave every value but the outputs.
Program drop_unit_axes(const Program& p) {
  Program out = p;
  std::map<std::string, std::vector<Expr>> before;
  for (Computation& c : out.computations) {
    Substitution zero;
    for (auto* axes : {&c.axes, &c.reduce_axes})
      for (Expr a : *axes)
        if (is_unit(a)) zero[a] = constant(int64_t{0});
    c.body = ir::transform(substitute(c.body, zero), [&](Expr e) {
      auto it = e->op == Op::Load ? before.find(e->name()) : before.end();
      if (it == before.end()) return e;
      std::vector<Expr> index;
      for (size_t k = 0; k < e->args.size(); ++k)
        if (!is_unit(it->second[k])) index.push_back(e->args[k]);
      return load(e->name(), index, e->type);
    });
    std::erase_if(c.reduce_axes, is_unit);
    if (c.reduce_axes.empty()) c.op = Reduce::None;
    if (is_output(p, c.name)) continue;
    before[c.name] = c.axes;
    std::erase_if(c.axes, is_unit);
  }
  return out;
}

/// What is added to all elements of a maximum is added to it, to the same bits. Null: nothing.
Expr take_addend(Computation* c) {
  const Expr e = c->body;
  if ((c->op != Reduce::Max && c->op != Reduce::Min) || !is_float(e->type)) return {};
  if ((e->op != Op::Add && e->op != Op::Sub) || uses_any(e->args[1], c->reduce_axes)) return {};
  if (!uses_any(e->args[0], c->reduce_axes)) return {};
  c->body = e->args[0];
  return e->op == Op::Sub ? unary(Op::Neg, e->args[1]) : e->args[1];
}

/// Of a product of two values, as scores are. Else: 1.
double take_factor_of_product(Expr* body) {
  Expr e = *body;
  const double factor = take_factor(&e);
  if (e->op != Op::Mul) return 1;
  const auto a = names_loaded(e->args[0]), b = names_loaded(e->args[1]);
  if (a.empty() || b.empty() || a == b) return 1;
  *body = e;
  return factor;
}

/// Constant factors of a sum are factors of its result: scaled queries are rows that are copied.
Program inline_pointwise(const Program& p) {
  Program out = p;
  out.computations.clear();
  std::map<std::string, Computation> pointwise;
  for (const Computation& c : p.computations) {
    Computation d = c;
    d.body = simplify(inline_loads(c.body, pointwise));
    const double factor = d.op == Reduce::Sum ? take_factor_of_product(&d.body) : 1;
    const Expr addend = take_addend(&d);
    if (factor != 1 || addend) {
      d.name = c.name + ".value";
      const Type type = d.body->type;
      const Expr value = load(d.name, {c.axes.begin(), c.axes.end()}, type);
      pointwise[c.name] = {c.name, c.dtype,
                           c.axes, Reduce::None,
                           {},     addend ? value + addend : value * constant(factor, type)};
    }
    if (d.op == Reduce::None) pointwise[d.name] = d;
    if (d.op != Reduce::None || is_output(p, d.name)) out.computations.push_back(d);
  }
  return out;
}

/// A point where an axis must be cut: axis = outer * size + inner.
struct Split {
  Expr axis, size, count;
};

/// Finds floordiv(x, s) or mod(x, s) in an index, with x an axis whose extent s divides. In a
/// predicate (chunks) the axis stays whole: it may be what a loop runs over.
std::optional<Split> find_split(const Computation& c) {
  std::optional<Split> found;
  auto look = [&](Expr e) {
    if (found || (e->op != Op::FloorDiv && e->op != Op::Mod) || e->type != Type::Int) return;
    Expr x = e->args[0], size = e->args[1];
    if (x->op != Op::Axis) return;
    if (auto count = exact_div(x->extent(), size)) found = Split{x, size, *count};
  };
  for (Expr l : loads_of(c.body))
    for (Expr index : l->args) visit(index, look);
  return found;
}

struct Halves {
  Expr outer, inner;
};

Halves split_axis(const Split& s) {
  return {axis(s.axis->name() + "o", s.count), axis(s.axis->name() + "i", s.size)};
}

void replace_axis(std::vector<Expr>& axes, Expr old, const Halves& h) {
  auto it = std::find(axes.begin(), axes.end(), old);
  if (it == axes.end()) return;
  it = axes.erase(it);
  axes.insert(it, {h.outer, h.inner});
}

/// Cuts one axis of computation k; if it is a parallel axis, loads of k index both halves.
void apply_split(Program& p, size_t k, const Split& s) {
  Computation& c = p.computations[k];
  Halves h = split_axis(s);
  size_t dim = std::find(c.axes.begin(), c.axes.end(), s.axis) - c.axes.begin();
  bool parallel = dim < c.axes.size();
  c.body = simplify(substitute(c.body, {{s.axis, h.outer * s.size + h.inner}}));
  replace_axis(c.axes, s.axis, h);
  replace_axis(c.reduce_axes, s.axis, h);
  if (!parallel) return;
  for (size_t u = k + 1; u < p.computations.size(); ++u) {
    Expr body = ir::transform(p.computations[u].body, [&](Expr e) {
      if (e->op != Op::Load || e->name() != c.name) return e;
      std::vector<Expr> index = e->args;
      Expr at = index[dim];
      index[dim] = binary(Op::FloorDiv, at, s.size);
      index.insert(index.begin() + dim + 1, binary(Op::Mod, at, s.size));
      return load(e->name(), index, e->type);
    });
    p.computations[u].body = simplify(body);
  }
}

/// Axes of outputs are the caller's and stay; their users split what they load.
Program atomize(Program p) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t k = 0; k < p.computations.size(); ++k) {
      if (p.computations[k].op == Reduce::None) continue;
      while (auto s = find_split(p.computations[k])) apply_split(p, k, *s), changed = true;
    }
  }
  return p;
}

/// A producer may index with an axis that its user has as a sum (bh -> b*H + h): the user's index
/// arithmetic asks the producer to be cut.
std::optional<Split> split_wanted_by_users(const Program& p, const Computation& c) {
  for (const Computation& user : p.computations) {
    for (Expr l : loads_of(user.body)) {
      if (l->name() != c.name) continue;
      for (size_t k = 0; k < l->args.size(); ++k) {
        auto form = affine(l->args[k]);
        if (!form || form->coefficients.size() != 2) continue;
        for (auto& [inner, one] : form->coefficients) {
          if (!is_const(one, 1)) continue;
          auto count = exact_div(c.axes[k]->extent(), inner->extent());
          for (auto& [outer, size] : form->coefficients)
            if (outer != inner && known_equal(size, inner->extent()) && count &&
                is_const(form->rest, 0) && known_equal(*count, outer->extent()))
              return Split{c.axes[k], inner->extent(), *count};
        }
      }
    }
  }
  return std::nullopt;
}

Program atomize_by_users(Program p) {
  for (size_t k = p.computations.size(); k-- > 0;) {
    if (p.computations[k].op == Reduce::None) continue;
    while (auto s = split_wanted_by_users(p, p.computations[k])) apply_split(p, k, *s);
  }
  return p;
}

/// Axis names by position, so that equal computations are equal nodes; then merges them.
Program rename_and_share(const Program& p) {
  Program out = p;
  out.computations.clear();
  std::map<std::string, std::string> same;
  for (const Computation& c : p.computations) {
    Computation d = c;
    Substitution names;
    for (size_t k = 0; k < c.axes.size(); ++k)
      names[c.axes[k]] = d.axes[k] = axis("p" + std::to_string(k), c.axes[k]->extent());
    for (size_t k = 0; k < c.reduce_axes.size(); ++k)
      names[c.reduce_axes[k]] = d.reduce_axes[k] =
          axis("r" + std::to_string(k), c.reduce_axes[k]->extent());
    d.body = simplify(ir::transform(substitute(c.body, names), [&](Expr e) {
      auto it = e->op == Op::Load ? same.find(e->name()) : same.end();
      return it == same.end() ? e : load(it->second, e->args, e->type);
    }));
    auto twin = std::find_if(out.computations.begin(), out.computations.end(), [&](auto& o) {
      return d.op != Reduce::None && o.op == d.op && o.axes == d.axes &&
             o.reduce_axes == d.reduce_axes && o.body == d.body;
    });
    if (twin != out.computations.end())
      same[c.name] = twin->name;
    else
      out.computations.push_back(d);
  }
  return out;
}

Program drop_unused(const Program& p) {
  std::unordered_set<std::string> needed;
  for (const Output& o : p.outputs) needed.insert(o.name);
  Program out = p;
  out.computations.clear();
  for (size_t k = p.computations.size(); k-- > 0;) {
    const Computation& c = p.computations[k];
    if (!needed.count(c.name)) continue;
    for (const std::string& n : names_loaded(c.body)) needed.insert(n);
    out.computations.insert(out.computations.begin(), c);
  }
  std::erase_if(out.inputs, [&](const Input& i) { return !needed.count(i.name); });
  return out;
}

}  // namespace

Program canonicalize(const Program& program) {
  Program p = inline_pointwise(drop_unit_axes(separate_outputs(program)));
  p = inline_pointwise(split_concatenated(p));
  p = atomize_by_users(atomize(drop_unused(p)));
  return drop_unused(rename_and_share(atomize(p)));
}

}  // namespace flashlight::transform
