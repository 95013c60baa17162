#include "api/explain.h"
#include "bind.h"
#include "transform/discover.h"

namespace nb = nanobind;

namespace flashlight::python {
namespace {

using Regions = std::vector<ir::Program>;
using Left = std::vector<std::pair<std::string, std::string>>;  // computation, reason
using Addresses = std::vector<uintptr_t>;
using Strides = std::vector<std::vector<int64_t>>;

std::pair<Regions, Left> discover(const ir::Program& program, bool packs) {
  transform::Discovery found = transform::discover(program, packs);
  std::pair<Regions, Left> out;
  for (transform::Region& r : found.regions) out.first.push_back(std::move(r.program));
  for (const transform::Left& l : found.left) out.second.emplace_back(l.computation, l.reason);
  return out;
}

std::vector<api::View> views(const Addresses& data, const Strides& strides) {
  std::vector<api::View> out(data.size());
  for (size_t i = 0; i < data.size(); ++i)
    out[i] = {reinterpret_cast<void*>(data[i]), strides.at(i).data()};
  return out;
}

void call(const api::Compiled& compiled, const Addresses& inputs, const Strides& input_strides,
          const Addresses& outputs, const Strides& output_strides,
          const std::vector<int64_t>& symbols, int gpu, uintptr_t stream, uintptr_t workspace,
          bool tf32, bool tune) {
  compiled.call(
      views(inputs, input_strides), views(outputs, output_strides), symbols,
      {gpu, reinterpret_cast<void*>(stream), reinterpret_cast<void*>(workspace), tf32, tune});
}

void build(const api::Compiled& compiled, const Addresses& inputs, const Strides& input_strides,
           const Addresses& outputs, const Strides& output_strides,
           const std::vector<int64_t>& symbols, int gpu, bool tf32) {
  compiled.build(views(inputs, input_strides), views(outputs, output_strides), symbols,
                 {gpu, nullptr, nullptr, tf32});
}

}  // namespace

void bind_compile(nb::module_& m) {
  m.def("discover", &discover, nb::arg("program"), nb::arg("packs") = true);
  m.def("kernels_made", &api::variants_made);
  m.def("cache_hits", &api::variants_from_disk);
  m.def("gpu_problem", &api::gpu_problem, nb::arg("gpu"));
  m.def("nvrtc", &api::nvrtc_text);
  m.def("set_nvrtc_folders", &api::set_nvrtc_folders, nb::arg("folders"));
  using api::KernelFacts;
  nb::class_<KernelFacts>(m, "KernelFacts")
      .def_ro("name", &KernelFacts::name)
      .def_ro("loops", &KernelFacts::loops)
      .def_ro("update", &KernelFacts::update)
      .def_ro("merge", &KernelFacts::merge)
      .def_ro("schedule", &KernelFacts::schedule)
      .def_ro("resources", &KernelFacts::resources)
      .def_ro("skips", &KernelFacts::skips)
      .def_ro("notes", &KernelFacts::notes)
      .def_ro("passed_over", &KernelFacts::passed_over)
      .def_ro("source", &KernelFacts::source)
      .def_ro("dead", &KernelFacts::dead)
      .def_ro("partial", &KernelFacts::partial)
      .def_ro("full", &KernelFacts::full)
      .def_ro("flops", &KernelFacts::flops)
      .def_ro("bytes", &KernelFacts::bytes)
      .def_ro("saved_bytes", &KernelFacts::saved_bytes);
  nb::class_<api::Compiled>(m, "Compiled")
      .def(nb::init<const std::string&>(), nb::arg("text"))
      .def("explain", &api::explain, nb::arg("symbols"))
      .def("workspace_bytes", &api::Compiled::workspace_bytes, nb::arg("symbols"))
      .def("build", &build, nb::arg("inputs"), nb::arg("input_strides"), nb::arg("outputs"),
           nb::arg("output_strides"), nb::arg("symbols"), nb::arg("gpu") = api::kCpu,
           nb::arg("tf32") = false, nb::call_guard<nb::gil_scoped_release>())
      .def("__call__", &call, nb::arg("inputs"), nb::arg("input_strides"), nb::arg("outputs"),
           nb::arg("output_strides"), nb::arg("symbols"), nb::arg("gpu") = api::kCpu,
           nb::arg("stream") = 0, nb::arg("workspace") = 0, nb::arg("tf32") = false,
           nb::arg("tune") = false, nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace flashlight::python
