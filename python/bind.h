// What the files of the binding share. They hold conversions only.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "ir/program.h"

namespace flashlight::python {

/// Types cross as the text that a printed program uses; an unknown text is a ValueError.
ir::DType dtype_of(const std::string& text);

void bind_build(nanobind::module_& module);    // Expr, Tensor, Builder
void bind_program(nanobind::module_& module);  // Program: text, evaluation
void bind_compile(nanobind::module_& module);  // discover, Compiled
void bind_calls(nanobind::module_& module);    // Calls

}  // namespace flashlight::python
