#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>

#include <algorithm>

#include "bind.h"
#include "ir/interpret.h"
#include "ir/rewrite.h"
#include "support/error.h"

namespace nb = nanobind;

namespace flashlight::python {
namespace {

using Values = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using Result = std::pair<std::vector<int64_t>, std::vector<double>>;  // shape, row-major values

std::vector<Result> interpret(const ir::Program& program, const std::vector<Values>& inputs,
                              const ir::Bindings& symbols) {
  std::vector<ir::Array> arrays;
  for (const Values& v : inputs) {
    std::vector<int64_t> shape;
    for (size_t d = 0; d < v.ndim(); ++d) shape.push_back(int64_t(v.shape(d)));
    arrays.push_back({shape, std::vector<double>(v.data(), v.data() + v.size())});
  }
  std::vector<Result> out;
  for (ir::Array& a : ir::interpret(program, arrays, symbols))
    out.emplace_back(std::move(a.shape), std::move(a.data));
  return out;
}

/// The program with some computations as inputs instead, without what only they needed.
ir::Program with_inputs(ir::Program p, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    p.inputs.push_back({name, p.computation(name)->dtype, p.shape_of(name)});
  std::unordered_set<std::string> needed;
  for (const ir::Output& o : p.outputs) needed.insert(o.name);
  std::vector<ir::Computation> kept;
  for (auto c = p.computations.rbegin(); c != p.computations.rend(); ++c) {
    const bool is_input = std::find(names.begin(), names.end(), c->name) != names.end();
    if (is_input || !needed.contains(c->name)) continue;
    needed.merge(ir::names_loaded(c->body));
    kept.push_back(*c);
  }
  p.computations.assign(kept.rbegin(), kept.rend());
  std::erase_if(p.inputs, [&](const ir::Input& i) { return !needed.contains(i.name); });
  return p;
}

}  // namespace

void bind_program(nb::module_& m) {
  using ir::Computation;
  using ir::Input;
  using ir::Output;
  using ir::Program;
  nb::class_<Input>(m, "Input")
      .def_ro("name", &Input::name)
      .def_ro("shape", &Input::shape)
      .def_prop_ro("dtype", [](const Input& i) { return ir::dtype_text(i.dtype); });
  nb::class_<Computation>(m, "Computation")
      .def_ro("name", &Computation::name)
      .def_ro("axes", &Computation::axes)
      .def_ro("reduce_axes", &Computation::reduce_axes)
      .def_ro("body", &Computation::body)
      .def_prop_ro("op", [](const Computation& c) { return ir::reduce_text(c.op); })
      .def_prop_ro("dtype", [](const Computation& c) { return ir::dtype_text(c.dtype); });
  nb::class_<Output>(m, "Output").def_ro("name", &Output::name).def_ro("order", &Output::order);
  nb::class_<Program>(m, "Program")
      .def_ro("inputs", &Program::inputs)
      .def_ro("computations", &Program::computations)
      .def_ro("outputs", &Program::outputs)
      .def_prop_ro("symbols",
                   [](const Program& p) {
                     std::vector<std::string> names;
                     for (const ir::SymbolInfo& s : p.symbols) names.push_back(s.name);
                     return names;
                   })
      .def("shape", &Program::shape_of, nb::arg("name"))
      .def("with_inputs", &with_inputs, nb::arg("names"))
      .def(
          "with_orders",
          [](Program p, const std::vector<std::vector<int>>& orders) {
            for (size_t i = 0; i < p.outputs.size(); ++i) p.outputs[i].order = orders.at(i);
            ir::verify(p);
            return p;
          },
          nb::arg("orders"))
      .def("computation", &Program::computation, nb::rv_policy::reference_internal)
      .def("interpret", &interpret, nb::arg("inputs"), nb::arg("symbols"))
      .def("__str__", [](const Program& p) { return ir::print(p); });
  m.def("parse", &ir::parse, nb::arg("text"));
}

}  // namespace flashlight::python
