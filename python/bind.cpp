#include "bind.h"
#include "runtime/warning.h"
#include "support/env.h"
#include "support/error.h"

namespace nb = nanobind;

namespace flashlight::python {

ir::DType dtype_of(const std::string& text) {
  ir::DType out;
  if (!ir::dtype_from_text(text, &out)) throw nb::value_error(("no dtype " + text).c_str());
  return out;
}

namespace {

/// Through Python's own filters. A filter that makes warnings errors cannot stop a compile midway:
/// the error is reported and dropped.
void warn(const std::string& text) {
  if (!Py_IsInitialized()) return;
  const nb::gil_scoped_acquire lock;
  try {
    nb::module_::import_("warnings").attr("warn")("flashlight: " + text);
  } catch (nb::python_error& e) {
    e.discard_as_unraisable("a warning of flashlight");
  }
}

}  // namespace
}  // namespace flashlight::python

NB_MODULE(_core, module) {
  using namespace flashlight;
  // Programs live as long as the host compiler's graphs, that is to the very end of a process.
  nb::set_leak_warnings(false);
  auto error = nb::exception<Error>(module, "Error", PyExc_RuntimeError);
  nb::exception<Refused>(module, "Refused", error.ptr());
  nb::exception<CompileError>(module, "CompileError", error.ptr());
  nb::exception<InternalError>(module, "InternalError", error.ptr());
  nb::exception<OutOfRange>(module, "OutOfRange", PyExc_IndexError);  // no Error: nobody falls back

  module.def("version", [] { return FLASHLIGHT_VERSION; });
  module.def("debug_print", &debug_print, nb::arg("topic"), nb::arg("text"));
  module.def("debug_wants", &debug_wants, nb::arg("topic"));
  runtime::set_warning_handler(&python::warn);
  python::bind_build(module);
  python::bind_program(module);
  python::bind_compile(module);
  python::bind_calls(module);
}
