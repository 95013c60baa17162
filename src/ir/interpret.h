// The definition of a Program: naive evaluation in fp64, one point at a time.
#pragma once
#include <memory>
#include <vector>

#include "ir/program.h"

namespace flashlight::ir {

/// A dense row-major array of doubles (Bool and Int values exactly represented).
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> data;
  double& at(const std::vector<int64_t>& index);
  double at(const std::vector<int64_t>& index) const;
};

Array make_array(std::vector<int64_t> shape, double fill = 0);

/// Outputs in order. Throws Refused if inputs do not have the shapes the program declares.
std::vector<Array> interpret(const Program& program, const std::vector<Array>& inputs,
                             const Bindings& symbols);

}  // namespace flashlight::ir
