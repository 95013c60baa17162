// What back ends share when they print a kernel: indented lines, identifiers, literals, and how
// often each node of an expression DAG is used (a node used twice becomes a named value).
#pragma once
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/node.h"

namespace flashlight::codegen {

/// Lines of a program, indented by two spaces per open brace.
class Writer {
 public:
  void line(const std::string& text = "");
  void open(const std::string& head);  // "head {"; an empty head opens a bare block
  void close(const std::string& tail = "");
  void otherwise() { depth_--, line("} else {"), depth_++; }
  /// Lines that another writer made, indented further by what is open here.
  void append(const std::string& text);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int depth_ = 0;
};

/// Identifiers that are legal in C++ and distinct from each other and from the reserved ones.
class Names {
 public:
  /// Never hands out these; words of C++ that a program may use as a name are always reserved.
  explicit Names(const std::vector<std::string>& reserved = {});
  /// As close to `wanted` as is free.
  std::string fresh(const std::string& wanted);

 private:
  std::set<std::string> taken_;
};

/// The characters of `text` that an identifier may have, others as '_'.
std::string identifier(const std::string& text);
/// `value` as a literal of float or double that reads back exactly; not for infinities and NaN.
std::string real_literal(double value, bool single);

/// Number of uses of each distinct node by distinct nodes below `roots`, roots counted once each.
/// Extents of axes are not looked into.
std::unordered_map<ir::Expr, int> count_uses(const std::vector<ir::Expr>& roots);

std::string join(const std::vector<std::string>& parts, const std::string& separator);

}  // namespace flashlight::codegen
