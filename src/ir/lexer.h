// Tokens of the text form of a program. Private to src/ir.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace flashlight::ir {

enum class TokenKind : uint8_t { Name, Int, Float, Mark, End };

struct Token {
  TokenKind kind;
  std::string text;  // Mark: one of [](){},:;=+-*/% and // == != < <= > >=
  int line;
  int column;
};

/// Skips white space and `# ...` comments. Throws Refused at a character it does not know.
std::vector<Token> tokens_of(const std::string& text);

[[noreturn]] void refuse_text(const Token& at, const std::string& reason);

}  // namespace flashlight::ir
