// A program as a graph: users, sizes, reachability. Used by discover.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/program.h"

namespace flashlight::transform {

class Graph {
 public:
  explicit Graph(const ir::Program& program);

  const ir::Program& program() const { return program_; }
  const std::vector<ir::Expr>& loads(const std::string& computation) const;
  const std::set<std::string>& users(const std::string& value) const;
  bool is_output(const std::string& name) const { return outputs_.count(name) > 0; }
  /// Elements at the hints.
  double elements(const std::string& value) const { return elements_.at(value); }
  double extent(ir::Expr axis) const;
  /// No input is read, directly or not: masks of index values, constants.
  bool is_constant(const std::string& name) const { return constant_.count(name) > 0; }
  std::set<std::string> descendants(const std::set<std::string>& from) const;
  std::set<std::string> ancestors(const std::set<std::string>& from) const;

 private:
  const ir::Program& program_;
  ir::Bindings hints_;
  std::map<std::string, std::vector<ir::Expr>> loads_;
  std::map<std::string, std::set<std::string>> users_;
  std::map<std::string, double> elements_;
  std::set<std::string> outputs_, constant_;
};

}  // namespace flashlight::transform
