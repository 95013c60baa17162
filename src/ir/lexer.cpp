#include "ir/lexer.h"

#include <cctype>
#include <cstring>

#include "support/error.h"

namespace flashlight::ir {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool starts_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool in_name(char c) { return starts_name(c) || is_digit(c) || c == '.'; }

class Lexer {
 public:
  explicit Lexer(const std::string& text) : text_(text) {}

  std::vector<Token> run() {
    std::vector<Token> out;
    do {
      skip_blank();
      out.push_back(next());
    } while (out.back().kind != TokenKind::End);
    return out;
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_blank() {
    for (; at_ < text_.size(); ++at_) {
      if (peek() == '#')
        while (at_ + 1 < text_.size() && peek(1) != '\n') ++at_;
      else if (peek() == '\n')
        ++line_, line_start_ = at_ + 1;
      else if (!std::isspace(static_cast<unsigned char>(peek())))
        return;
    }
  }

  Token take(TokenKind kind, size_t length) {
    Token token{kind, text_.substr(at_, length), line_, static_cast<int>(at_ - line_start_) + 1};
    at_ += length;
    return token;
  }

  Token number() {
    size_t n = 0;
    while (is_digit(peek(n))) ++n;
    const size_t whole = n;
    if (peek(n) == '.')
      for (++n; is_digit(peek(n));) ++n;
    if (peek(n) == 'e' || peek(n) == 'E') {
      ++n;
      if (peek(n) == '+' || peek(n) == '-') ++n;
      while (is_digit(peek(n))) ++n;
    }
    return take(n == whole ? TokenKind::Int : TokenKind::Float, n);
  }

  Token next() {
    const char c = peek();
    if (at_ >= text_.size()) return take(TokenKind::End, 0);
    if (is_digit(c)) return number();
    if (starts_name(c)) {
      size_t n = 1;
      while (in_name(peek(n))) ++n;
      return take(TokenKind::Name, n);
    }
    for (const char* mark : {"//", "==", "!=", "<=", ">="})
      if (c == mark[0] && peek(1) == mark[1]) return take(TokenKind::Mark, 2);
    const Token token = take(TokenKind::Mark, 1);
    if (c == '\0' || !std::strchr("[]()<>,:;=+-*/%", c))
      refuse_text(token, std::string("unexpected '") + c + "'");
    return token;
  }

  const std::string& text_;
  size_t at_ = 0;
  size_t line_start_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<Token> tokens_of(const std::string& text) { return Lexer(text).run(); }

void refuse_text(const Token& at, const std::string& reason) {
  throw Refused("program text", "line " + std::to_string(at.line) + ", column " +
                                    std::to_string(at.column) + ": " + reason);
}

}  // namespace flashlight::ir
