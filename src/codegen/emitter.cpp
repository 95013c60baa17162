#include "codegen/emitter.h"

#include <cctype>
#include <cstdio>
#include <functional>

namespace flashlight::codegen {

void Writer::line(const std::string& text) {
  if (!text.empty()) text_ += std::string(2 * depth_, ' ') + text;
  text_ += '\n';
}

void Writer::open(const std::string& head) {
  line(head.empty() ? "{" : head + " {");
  depth_++;
}

void Writer::close(const std::string& tail) {
  depth_--;
  line("}" + tail);
}

void Writer::append(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    line(text.substr(at, end - at));
    if (end == std::string::npos) break;
    at = end + 1;
  }
}

Names::Names(const std::vector<std::string>& reserved)
    : taken_{"and",      "or",       "not",      "xor",      "do",        "if",        "in",
             "for",      "new",      "int",      "asm",      "try",       "auto",      "bool",
             "case",     "char",     "else",     "enum",     "goto",      "long",      "this",
             "true",     "void",     "break",    "catch",    "class",     "const",     "false",
             "float",    "short",    "throw",    "union",    "using",     "while",     "double",
             "delete",   "export",   "extern",   "friend",   "inline",    "public",    "return",
             "signed",   "sizeof",   "static",   "struct",   "switch",    "typeid",    "default",
             "mutable",  "private",  "typedef",  "unsigned", "virtual",   "volatile",  "template",
             "typename", "operator", "register", "requires", "namespace", "protected", "continue",
             "explicit", "concept"} {
  taken_.insert(reserved.begin(), reserved.end());
}

std::string Names::fresh(const std::string& wanted) {
  const std::string stem = identifier(wanted);
  std::string name = stem;
  for (int i = 1; !taken_.insert(name).second; i++) name = stem + "_" + std::to_string(i);
  return name;
}

std::string identifier(const std::string& text) {
  std::string out;
  for (char c : text) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0]))) out = "v" + out;
  return out;
}

std::string real_literal(double value, bool single) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.*g", single ? 9 : 17, value);
  std::string out = buffer;
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return single ? out + "f" : out;
}

std::unordered_map<ir::Expr, int> count_uses(const std::vector<ir::Expr>& roots) {
  std::unordered_map<ir::Expr, int> uses;
  const std::function<void(ir::Expr)> use = [&](ir::Expr e) {
    if (uses[e]++ > 0 || e->op == ir::Op::Axis) return;
    for (ir::Expr arg : e->args) use(arg);
  };
  for (ir::Expr root : roots) use(root);
  return uses;
}

std::string join(const std::vector<std::string>& parts, const std::string& separator) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : separator) + part;
  return out;
}

}  // namespace flashlight::codegen
