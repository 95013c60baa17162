#include <algorithm>
#include <cctype>
#include <set>
#include <unordered_map>

#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::ir {
namespace {

bool is_identifier(const std::string& s) {
  static const std::set<std::string> kReserved = {"true", "false", "inf", "nan"};
  const auto ok = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.'; };
  return !s.empty() && !std::isdigit(static_cast<unsigned char>(s[0])) && s[0] != '.' &&
         std::all_of(s.begin(), s.end(), ok) && !kReserved.count(s);
}

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program) {}

  void run() {
    for (const SymbolInfo& s : program_.symbols) {
      at_ = "symbol " + s.name;
      define(s.name);
      symbols_.insert(s.name);
    }
    for (const Input& in : program_.inputs) {
      at_ = "input " + in.name;
      define(in.name);
      for (Expr e : in.shape) extent(e);
      ranks_[in.name] = {in.shape.size(), compute_type(in.dtype)};
    }
    for (const Computation& c : program_.computations) computation(c);
    for (const Output& out : program_.outputs) output(out);
  }

 private:
  void need(bool ok, const std::string& what) const {
    if (!ok) throw InternalError("verify: " + at_ + ": " + what);
  }

  void define(const std::string& name) {
    need(is_identifier(name), "'" + name + "' is no name");
    need(names_.insert(name).second, "'" + name + "' is defined twice");
  }

  void extent(Expr e) const {
    need(e && e->type == Type::Int, "an extent is no Int expression");
    visit(e, [&](Expr n) {
      need(n->op != Op::Axis && n->op != Op::Load, "an axis or a load in extent " + print(e));
      if (n->op == Op::Symbol) symbol(n);
    });
  }

  void symbol(Expr n) const {
    need(n->type == Type::Int && symbols_.count(n->name()), "unknown symbol " + n->name());
  }

  void axes(const std::vector<Expr>& all, std::unordered_set<Expr>* bound,
            std::set<std::string>* names) const {
    for (Expr a : all) {
      need(a && a->op == Op::Axis, "binds something that is no axis");
      need(is_identifier(a->name()), "'" + a->name() + "' is no name");
      need(names->insert(a->name()).second, "binds axis " + a->name() + " twice");
      need(!symbols_.count(a->name()), "axis " + a->name() + " has the name of a symbol");
      extent(a->extent());
      bound->insert(a);
    }
  }

  void node(Expr n, const std::unordered_set<Expr>& bound) const {
    if (n->op == Op::Symbol) symbol(n);
    if (n->op == Op::Axis)
      need(bound.count(n) != 0, "axis " + n->name() + " is used but not bound");
    if (n->op != Op::Load) return;
    const auto it = ranks_.find(n->name());
    need(it != ranks_.end(), "loads " + n->name() + ", which is not defined before it");
    need(it->second.rank == n->args.size(), "rank of the load " + print(n));
    need(it->second.type == n->type, "type of the load " + print(n));
  }

  void computation(const Computation& c) {
    at_ = "computation " + c.name;
    define(c.name);
    std::unordered_set<Expr> bound;
    std::set<std::string> names;
    axes(c.axes, &bound, &names);
    axes(c.reduce_axes, &bound, &names);
    need((c.op == Reduce::None) == c.reduce_axes.empty(), "reduction and reduce axes disagree");
    need(bool(c.body), "has no body");
    need(c.body->type == compute_type(c.dtype), "type of the body is not that of its dtype");
    const bool logic = c.op == Reduce::Any || c.op == Reduce::All;
    need(c.op == Reduce::None || logic == (c.body->type == Type::Bool), "type of the reduction");
    visit(c.body, [&](Expr n) { node(n, bound); });
    ranks_[c.name] = {c.axes.size(), compute_type(c.dtype)};
  }

  void output(const Output& out) {
    at_ = "output " + out.name;
    const Computation* c = program_.computation(out.name);
    need(c != nullptr, "is no computation");
    std::vector<int> sorted = out.order;
    std::sort(sorted.begin(), sorted.end());
    need(sorted.size() == c->axes.size(), "order does not have the rank");
    for (size_t i = 0; i < sorted.size(); ++i)
      need(sorted[i] == static_cast<int>(i), "order is no permutation");
  }

  struct Tensor {
    size_t rank;
    Type type;
  };
  const Program& program_;
  std::string at_;
  std::set<std::string> names_, symbols_;
  std::unordered_map<std::string, Tensor> ranks_;
};

}  // namespace

void verify(const Program& program) { Verifier(program).run(); }

}  // namespace flashlight::ir
