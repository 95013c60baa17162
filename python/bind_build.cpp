#include "bind.h"
#include "ir/builder.h"
#include "ir/op_table.h"
#include "support/error.h"

namespace nb = nanobind;

namespace flashlight::python {
namespace {

using ir::Builder;
using ir::Expr;
using ir::Tensor;
using Shape = std::vector<Expr>;
using Tensors = std::vector<Tensor>;

ir::Type type_of(const std::string& text) {
  if (text == "bool") return ir::Type::Bool;
  if (text == "int") return ir::Type::Int;
  if (text == "f32") return ir::Type::F32;
  if (text == "f64") return ir::Type::F64;
  throw nb::value_error(("no type " + text).c_str());
}

ir::Reduce reduce_of(const std::string& text) {
  for (int i = 0; i <= int(ir::Reduce::All); ++i)
    if (text == ir::reduce_text(ir::Reduce(i))) return ir::Reduce(i);
  throw nb::value_error(("no reduction " + text).c_str());
}

Expr apply(const std::string& text, const Shape& args) {
  ir::Op op;
  if (!ir::op_from_text(text, &op) || int(args.size()) != ir::op_arity(op))
    throw nb::value_error(("no op " + text).c_str());
  return args.size() == 1 ? ir::unary(op, args[0]) : ir::binary(op, args[0], args[1]);
}

nb::object const_of(Expr e) {
  if (e->op != ir::Op::Const) return nb::none();
  if (ir::is_float(e->type)) return nb::float_(ir::const_value(e));
  return nb::int_(std::get<int64_t>(e->attr));
}

void bind_expr(nb::module_& m) {
  nb::class_<Expr>(m, "Expr")
      .def_prop_ro("type", [](Expr e) { return ir::type_text(e->type); })
      .def_prop_ro("op", [](Expr e) { return ir::op_text(e->op); })
      .def_prop_ro("args", [](Expr e) { return e->args; })
      .def_prop_ro("name", [](Expr e) { return e->name(); })
      .def_prop_ro("value", &const_of)
      .def("__eq__", [](Expr a, Expr b) { return a == b; })
      .def("__hash__", [](Expr e) { return std::hash<Expr>()(e); })
      .def("__repr__", [](Expr e) { return ir::print(e); });
  m.def("integer", [](int64_t value) { return ir::constant(value); });
  m.def("boolean", [](bool value) { return ir::boolean(value); });
  m.def("number", [](double v, const std::string& type) { return ir::constant(v, type_of(type)); });
  m.def("symbol", [](const std::string& name, const std::string& type) {
    return ir::symbol(name, type_of(type));
  });
  m.def("apply", &apply, nb::arg("op"), nb::arg("args"));
  m.def("where", [](Expr c, Expr a, Expr b) { return ir::where(c, a, b); });
  m.def("cast", [](Expr e, const std::string& type) { return ir::cast(e, type_of(type)); });
}

void bind_views(nb::class_<Builder>& builder) {
  builder.def("view", &Builder::view)
      .def("expand", &Builder::expand)
      .def("permute", &Builder::permute)
      .def("unsqueeze", &Builder::unsqueeze)
      .def("squeeze", &Builder::squeeze)
      .def("slice", &Builder::slice)
      .def("select", &Builder::select)
      .def("flip", &Builder::flip)
      .def("cat", &Builder::cat)
      .def("index_select", &Builder::index_select)
      .def("gather", &Builder::gather)
      .def("embedding", &Builder::embedding)
      .def("index", &Builder::index, nb::arg("tensor"), nb::arg("indices").none());
}

}  // namespace

void bind_build(nb::module_& m) {
  bind_expr(m);
  nb::class_<Tensor>(m, "Tensor")
      .def_ro("name", &Tensor::name)
      .def_ro("shape", &Tensor::shape)
      .def_prop_ro("dtype", [](const Tensor& t) { return ir::dtype_text(t.dtype); })
      .def_prop_ro("type",
                   [](const Tensor& t) { return ir::type_text(ir::compute_type(t.dtype)); });

  nb::class_<Builder> builder(m, "Builder");
  builder.def(nb::init<>())
      .def("add_symbol", &Builder::add_symbol)
      .def("input", [](Builder& b, const std::string& name, const std::string& dtype,
                       Shape shape) { return b.input(name, dtype_of(dtype), std::move(shape)); })
      .def("output", &Builder::output, nb::arg("tensor"), nb::arg("order") = std::vector<int>())
      .def("finish", &Builder::finish)
      .def("named", &Builder::as, nb::rv_policy::reference)
      .def("pointwise",
           [](Builder& b, const Tensors& args, Expr body, const std::string& dtype) {
             return b.pointwise(args, body, dtype_of(dtype));
           })
      .def("full", [](Builder& b, Shape shape, Expr value,
                      const std::string& dtype) { return b.full(shape, value, dtype_of(dtype)); })
      .def("iota",
           [](Builder& b, Expr length, Expr start, Expr step, const std::string& dtype) {
             return b.iota(length, start, step, dtype_of(dtype));
           })
      .def("reduce",
           [](Builder& b, const std::string& op, const Tensor& a, std::vector<int> dims,
              bool keepdim, const std::string& dtype) {
             return b.reduce(reduce_of(op), a, std::move(dims), keepdim, dtype_of(dtype));
           })
      .def("matmul", [](Builder& b, const Tensor& x, const Tensor& y, const std::string& dtype) {
        return b.matmul(x, y, dtype_of(dtype));
      });
  bind_views(builder);
}

}  // namespace flashlight::python
