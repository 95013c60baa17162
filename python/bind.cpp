#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(_core, module) {
  module.def("version", [] { return FLASHLIGHT_VERSION; });
}
