// program     = { "symbol" NAME "=" INT | "input" NAME ":" DTYPE "[" exprs "]" | compute
//               | "output" NAME [ "order" "(" INTS ")" ] }
// compute     = "compute" NAME axes ":" DTYPE "=" { "%" INT "=" expr ";" } [ REDUCE axes ] expr
// axes        = "[" { NAME ":" expr "," } "]"
// expr        = sum [ ("=="|"!="|"<"|"<="|">"|">=") sum ];  sum = product { ("+"|"-") product }
// product     = primary { ("*"|"/"|"//"|"%") primary }
// primary     = NUMBER | "-" primary | "true" | "false" | "inf" | "nan" | "(" expr ")" | "%" INT
//               | NAME | NAME "[" exprs "]" | OP "(" exprs ")" | TYPE "(" expr ")"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <unordered_map>

#include "ir/lexer.h"
#include "ir/program.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

// A bound on nesting keeps hostile text from exhausting the stack.
constexpr int kMaxDepth = 500;

struct InfixOp {
  const char* text;
  Op op;
};
constexpr InfixOp kCompareOps[] = {{"==", Op::Eq}, {"!=", Op::Ne}, {"<", Op::Lt},
                                   {"<=", Op::Le}, {">", Op::Gt},  {">=", Op::Ge}};
constexpr InfixOp kSumOps[] = {{"+", Op::Add}, {"-", Op::Sub}};
constexpr InfixOp kProductOps[] = {
    {"*", Op::Mul}, {"//", Op::FloorDiv}, {"/", Op::Div}, {"%", Op::Mod}};

class Parser {
 public:
  explicit Parser(const std::string& text) : tokens_(tokens_of(text)) {}

  Program run() {
    while (tokens_[at_].kind != TokenKind::End) {
      const Token& keyword = take(TokenKind::Name, "a statement");
      if (keyword.text == "symbol")
        symbol_statement();
      else if (keyword.text == "input")
        input();
      else if (keyword.text == "compute")
        computation();
      else if (keyword.text == "output")
        output();
      else
        refuse_text(keyword, "expected symbol, input, compute or output, not " + keyword.text);
    }
    try {
      verify(program_);
    } catch (const InternalError& e) {
      throw Refused("program text", e.what());
    }
    return std::move(program_);
  }

 private:
  const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  bool is(const char* mark, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Mark && peek(ahead).text == mark;
  }
  bool accept(const char* mark) {
    if (!is(mark)) return false;
    ++at_;
    return true;
  }
  void expect(const char* mark) {
    if (!accept(mark)) refuse_text(peek(), std::string("expected '") + mark + "'");
  }
  const Token& take(TokenKind kind, const char* what) {
    if (peek().kind != kind) refuse_text(peek(), std::string("expected ") + what);
    return tokens_[at_++];
  }
  std::string name() { return take(TokenKind::Name, "a name").text; }

  int64_t integer() {
    const bool negative = accept("-");
    const Token& token = take(TokenKind::Int, "an integer");
    errno = 0;
    const uint64_t value = std::strtoull(token.text.c_str(), nullptr, 10);
    constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
    if (errno || value > kMax + (negative ? 1 : 0)) refuse_text(token, "integer too large");
    return static_cast<int64_t>(negative ? 0 - value : value);
  }

  DType dtype() {
    const Token& token = take(TokenKind::Name, "a dtype");
    DType out;
    if (!dtype_from_text(token.text, &out)) refuse_text(token, "no dtype: " + token.text);
    return out;
  }

  // `one` up to `close`, separated by commas.
  template <typename F>
  void list(const char* close, F one) {
    if (accept(close)) return;
    do one();
    while (accept(","));
    expect(close);
  }

  std::vector<Expr> exprs(const char* close) {
    std::vector<Expr> out;
    list(close, [&] { out.push_back(expr()); });
    return out;
  }

  // Constructors check types; from text a mismatch is the text's fault.
  template <typename F>
  Expr build(const Token& at, F make) {
    try {
      return make();
    } catch (const InternalError& e) {
      refuse_text(at, e.what());
    }
  }

  void symbol_statement() {
    const std::string symbol_name = name();
    expect("=");
    program_.symbols.push_back({symbol_name, integer()});
    symbols_[symbol_name] = symbol(symbol_name);
  }

  void input() {
    const std::string input_name = name();
    expect(":");
    const DType type = dtype();
    expect("[");
    program_.inputs.push_back({input_name, type, exprs("]")});
    types_[input_name] = compute_type(type);
  }

  std::vector<Expr> axes(std::unordered_map<std::string, Expr>* bound) {
    std::vector<Expr> out;
    expect("[");
    list("]", [&] {
      const Token& token = peek();
      const std::string axis_name = name();
      expect(":");
      const Expr extent = expr();
      out.push_back(build(token, [&] { return axis(axis_name, extent); }));
    });
    // Bound after the list: an extent cannot name an axis.
    for (Expr a : out) (*bound)[a->name()] = a;
    return out;
  }

  void computation() {
    Computation c;
    std::unordered_map<std::string, Expr> bound;
    c.name = name();
    c.axes = axes(&bound);
    expect(":");
    c.dtype = dtype();
    expect("=");
    axes_ = bound;
    // Reduce axes are bound before the lets that use them are read, so find their list first.
    const size_t lets_at = at_;
    skip_lets();
    if (is_reduce()) {
      reduce_from_text(name(), &c.op);
      c.reduce_axes = axes(&bound);
    }
    const size_t body_at = at_;
    axes_ = bound;
    at_ = lets_at;
    read_lets();
    at_ = body_at;
    c.body = expr();
    axes_.clear();
    lets_.clear();
    types_[c.name] = compute_type(c.dtype);
    program_.computations.push_back(std::move(c));
  }

  bool is_let() const { return is("%") && peek(1).kind == TokenKind::Int && is("=", 2); }

  void skip_lets() {
    while (is_let()) {
      while (!is(";") && peek().kind != TokenKind::End) ++at_;
      expect(";");
    }
  }

  void read_lets() {
    while (is_let()) {
      ++at_;
      const int64_t number = integer();
      expect("=");
      const Expr value = expr();
      expect(";");
      lets_[number] = value;
    }
  }

  bool is_reduce() const {
    Reduce op;
    return peek().kind == TokenKind::Name && reduce_from_text(peek().text, &op) && is("[", 1) &&
           peek(2).kind == TokenKind::Name && is(":", 3);
  }

  void output() {
    Output out{name(), {}};
    if (peek().kind == TokenKind::Name && peek().text == "order" && is("(", 1)) {
      at_ += 2;
      list(")", [&] { out.order.push_back(static_cast<int>(integer())); });
    } else if (const Computation* c = program_.computation(out.name)) {
      for (size_t i = 0; i < c->axes.size(); ++i) out.order.push_back(static_cast<int>(i));
    }
    program_.outputs.push_back(std::move(out));
  }

  template <size_t n>
  const InfixOp* accept_infix(const InfixOp (&table)[n]) {
    for (const InfixOp& row : table)
      if (accept(row.text)) return &row;
    return nullptr;
  }

  Expr expr() {
    if (++depth_ > kMaxDepth) refuse_text(peek(), "nested too deeply");
    Expr left = sum();
    const Token& at = peek();
    if (const InfixOp* row = accept_infix(kCompareOps)) {
      const Expr right = sum();
      left = build(at, [&] { return binary(row->op, left, right); });
    }
    --depth_;
    return left;
  }

  Expr sum() {
    Expr left = product();
    for (const Token* at = &peek(); const InfixOp* row = accept_infix(kSumOps); at = &peek()) {
      const Expr right = product();
      left = build(*at, [&] { return binary(row->op, left, right); });
    }
    return left;
  }

  Expr product() {
    Expr left = primary();
    for (const Token* at = &peek(); const InfixOp* row = accept_infix(kProductOps); at = &peek()) {
      const Expr right = primary();
      left = build(*at, [&] { return binary(row->op, left, right); });
    }
    return left;
  }

  Expr negated() {
    const Token& at = peek();
    expect("-");
    if (peek().kind == TokenKind::Int) {
      --at_;
      return constant(integer());
    }
    if (++depth_ > kMaxDepth) refuse_text(at, "nested too deeply");
    const Expr operand = primary();
    --depth_;
    return build(at, [&] { return unary(Op::Neg, operand); });
  }

  Expr primary() {
    const Token& at = peek();
    if (is("-")) return negated();
    if (accept("(")) {
      const Expr inner = expr();
      expect(")");
      return inner;
    }
    if (accept("%")) {
      const auto it = lets_.find(integer());
      if (it == lets_.end()) refuse_text(at, "used before it is defined");
      return it->second;
    }
    if (at.kind == TokenKind::Int) return constant(integer());
    if (at.kind == TokenKind::Float) {
      ++at_;
      return constant(std::strtod(at.text.c_str(), nullptr), Type::F32);
    }
    return named();
  }

  Expr named() {
    const Token& at = take(TokenKind::Name, "an expression");
    if (accept("(")) return call(at, exprs(")"));
    if (accept("[")) {
      const auto it = types_.find(at.text);
      if (it == types_.end()) refuse_text(at, "unknown tensor " + at.text);
      const Type type = it->second;
      const std::vector<Expr> index = exprs("]");
      return build(at, [&] { return load(at.text, index, type); });
    }
    if (at.text == "true" || at.text == "false") return boolean(at.text == "true");
    if (at.text == "inf") return constant(std::numeric_limits<double>::infinity(), Type::F32);
    if (at.text == "nan") return constant(std::numeric_limits<double>::quiet_NaN(), Type::F32);
    for (const auto* scope : {&axes_, &symbols_})
      if (const auto it = scope->find(at.text); it != scope->end()) return it->second;
    refuse_text(at, "unknown name " + at.text);
  }

  Expr call(const Token& at, const std::vector<Expr>& args) {
    const auto need = [&](size_t n) {
      if (args.size() != n) refuse_text(at, at.text + " takes " + std::to_string(n) + " arguments");
    };
    if (at.text == "where") {
      need(3);
      return build(at, [&] { return where(args[0], args[1], args[2]); });
    }
    for (Type type : {Type::Bool, Type::Int, Type::F32, Type::F64}) {
      if (at.text != type_text(type)) continue;
      need(1);
      return cast(args[0], type);
    }
    Op op;
    if (!op_from_text(at.text, &op)) refuse_text(at, "unknown function " + at.text);
    need(op_arity(op));
    return build(
        at, [&] { return args.size() == 1 ? unary(op, args[0]) : binary(op, args[0], args[1]); });
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  Program program_;
  std::unordered_map<std::string, Type> types_;
  std::unordered_map<std::string, Expr> symbols_, axes_;
  std::unordered_map<int64_t, Expr> lets_;
};

}  // namespace

Program parse(const std::string& text) { return Parser(text).run(); }

}  // namespace flashlight::ir
