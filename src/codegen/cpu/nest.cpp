#include "codegen/cpu/nest.h"

#include <algorithm>

#include "codegen/cpu/body.h"
#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cpu {
namespace {

class NestPrinter {
 public:
  NestPrinter(Writer& out, const Plan& plan, const Scope& scope, const std::vector<Item>& items,
              bool padded)
      : out_(out),
        plan_(plan),
        items_(items),
        padded_(padded),
        lane_(lane_axis(items[0], plan)),
        outer_(outer_axes(items[0], plan)),
        body_(plan, scope, lane_, roots(items)) {}

  void print();

 private:
  static std::vector<Expr> roots(const std::vector<Item>& items);
  std::string lane_type(const Item& item) const;
  std::string element_type(const Item& item) const;
  std::string reduction(const Item& item) const;
  std::string limit(Expr axis) const;
  std::string position(Expr axis) const { return plan_.axis(axis).id; }
  void evaluate(const Item& item);
  Value reduce_serially(const Item& item);
  Value absorbed(const Item& item, const Value& v);
  void keep(const Item& item, const Value& v);
  void fold(const Item& item, const Value& v);
  void print_loops(size_t level);
  void print_lanes();
  void print_folding_lanes();
  void print_lines(int level);

  Writer& out_;
  const Plan& plan_;
  const std::vector<Item>& items_;
  const bool padded_;
  const Expr lane_;
  const std::vector<Expr> outer_;
  Body body_;
  struct Running {
    const Item* item;
    std::string name, pointer;
  };
  std::vector<Running> running_;
  bool live_ = false;  // a fold has to leave out lanes
};

std::vector<Expr> NestPrinter::roots(const std::vector<Item>& items) {
  std::vector<Expr> all;
  for (const Item& item : items) {
    all.push_back(item.body);
    if (item.store) all.insert(all.end(), item.store->index.begin(), item.store->index.end());
  }
  return all;
}

std::string NestPrinter::lane_type(const Item& item) const {
  return ir::is_float(item.type) ? "vec<T>" : "ivec<T>";
}

std::string NestPrinter::element_type(const Item& item) const {
  if (lane_) return "elem<" + lane_type(item) + ">";
  return ir::is_float(item.type) ? "T" : item.type == ir::Type::Int ? "i64" : "bool";
}

std::string NestPrinter::reduction(const Item& item) const {
  switch (item.op) {
    case ir::Reduce::Sum:
      return "Sum";
    case ir::Reduce::Prod:
      return "Prod";
    case ir::Reduce::Max:
      return item.fast ? "MaxFast" : "Max";
    case ir::Reduce::Min:
      return "Min";
    case ir::Reduce::Any:
      return "Any";
    case ir::Reduce::All:
      return "All";
    case ir::Reduce::None:
      break;
  }
  FLASHLIGHT_CHECK(false, item.name + " is no reduction");
  return "";
}

std::string NestPrinter::limit(Expr axis) const {
  const AxisPlan& p = plan_.axis(axis);
  return p.role == Role::Whole ? std::to_string(p.extent) : p.id + "_n";
}

// A value that inner loops make: they are entered, printed into the lines around, and left.
Value NestPrinter::reduce_serially(const Item& item) {
  const int level = body_.depth();
  const std::string name = body_.fresh(item.name), r = reduction(item);
  const std::string type = lane_ ? lane_type(item) : element_type(item);
  body_.lines(level).push_back("auto " + name + " = lift<" + type + ">(identity<" + r + ", " +
                               element_type(item) + ">());");
  for (Expr a : item.serial) body_.enter(a);
  const Value v = body_.value(item.body);
  std::vector<std::string> text = {name + " = " + r + "::join(" + name + ", " + v.text + ");"};
  for (size_t d = item.serial.size(); d-- > 0;) {
    std::vector<std::string> inner = body_.leave();
    inner.insert(inner.end(), text.begin(), text.end());
    const std::string id = position(item.serial[d]);
    text = {"for (i64 " + id + " = 0; " + id + " < " + limit(item.serial[d]) + "; " + id + "++) {"};
    for (const std::string& line : inner) text.push_back("  " + line);
    text.push_back("}");
  }
  auto& lines = body_.lines(level);
  lines.insert(lines.end(), text.begin(), text.end());
  return {name, level, static_cast<bool>(lane_)};
}

void NestPrinter::evaluate(const Item& item) {
  Value v;
  if (!item.serial.empty()) {
    v = reduce_serially(item);
  } else {
    v = body_.named(item.body, item.name);
  }
  if (item.fold) return fold(item, v);
  if (item.absorb) v = absorbed(item, v);
  for (Expr key : item.keys) body_.define(key, v);
  if (item.array || item.store) keep(item, v);
}

Value NestPrinter::absorbed(const Item& item, const Value& v) {
  std::string stride;
  const std::string p = body_.place(*item.array, item.axes, &stride);
  const std::string kind = item.type == ir::Type::Bool  ? "_mask"
                           : item.type == ir::Type::Int ? "_int"
                                                        : "";
  std::string before = "load" + kind + "<T>(" + p + ")";
  if (stride == "0") before = "get" + kind + (kind.empty() ? "<T>" : "") + "(" + p + ")";
  const std::string name = body_.fresh(item.name);
  body_.lines(body_.depth())
      .push_back("const auto " + name + " = " + reduction(item) + "::join(" + before + ", " +
                 v.text + ");");
  return {name, body_.depth(), v.lanes};
}

void NestPrinter::keep(const Item& item, const Value& v) {
  std::string stride;
  const std::string p =
      item.store ? body_.place(plan_.tensors.at(item.store->name), item.store->index, &stride)
                 : body_.place(*item.array, item.axes, &stride);
  auto& lines = body_.lines(body_.depth());
  if (!lane_ || stride == "0") {
    FLASHLIGHT_CHECK(!v.lanes, "lanes of " + item.name + " go to one place");
    lines.push_back("put(" + p + ", " + v.text + ");");
    return;
  }
  std::string x = v.text;
  if (!v.lanes)
    x = "lift<" + lane_type(item) + ">(" + (item.type == ir::Type::Bool ? "bool(" + x + ")" : x) +
        ")";
  const std::string mask = item.type == ir::Type::Bool ? "_mask" : "";
  if (item.store) {
    lines.push_back("write" + mask + (stride == "1" ? "" : "_s") + "<Tail>(" + p + ", " + x + ", " +
                    (stride == "1" ? "" : stride + ", ") + body_.left() + ");");
  } else {
    FLASHLIGHT_CHECK(stride == "1", "lanes of an array are contiguous: " + item.name);
    lines.push_back("store" + mask + "(" + p + ", " + x + ");");
  }
}

void NestPrinter::fold(const Item& item, const Value& v) {
  Running r{&item, body_.fresh(item.name), ""};
  const std::string x = item.type == ir::Type::Bool && !v.lanes ? "bool(" + v.text + ")" : v.text;
  body_.lines(body_.depth())
      .push_back("fold<" + reduction(item) + ", Tail>(" + r.name + ", " + x + ", live);");
  live_ = true;
  running_.push_back(r);
}

void NestPrinter::print_lines(int level) {
  for (const std::string& line : body_.lines(level)) out_.line(line);
}

void NestPrinter::print() {
  for (Expr a : outer_) body_.enter(a);
  if (lane_) body_.enter(lane_);
  for (const Item& item : items_) evaluate(item);
  if (lane_) {  // pointers to what folds end in, known outside of the lanes
    for (Running& r : running_) {
      std::string stride;
      r.pointer = body_.place(*r.item->array, r.item->axes, &stride);
    }
  }
  for (const Item& item : items_) {
    std::string text =
        item.name + " = " +
        (item.op == ir::Reduce::None ? "" : std::string(ir::reduce_text(item.op)) + " ") +
        ir::print(item.body);
    if (text.size() > 96) text = text.substr(0, 93) + "...";
    out_.line("// " + text);
  }
  out_.open("");
  print_lines(0);
  print_loops(0);
  out_.close();
}

void NestPrinter::print_loops(size_t level) {
  if (level == outer_.size()) {
    if (lane_) print_lanes();
    return;
  }
  const std::string id = position(outer_[level]);
  out_.open("for (i64 " + id + " = 0; " + id + " < " + limit(outer_[level]) + "; " + id + "++)");
  print_lines(static_cast<int>(level) + 1);
  print_loops(level + 1);
  out_.close();
}

void NestPrinter::print_lanes() {
  const AxisPlan& axis = plan_.axis(lane_);
  const int level = static_cast<int>(outer_.size()) + 1;
  const std::string id = axis.id, n = limit(lane_);
  if (axis.role == Role::Loop && padded_) return print_folding_lanes();
  if (!body_.ragged()) {
    out_.open("for (i64 " + id + " = 0; " + id + " < " + n + "; " + id + " += W)");
    print_lines(level);
    out_.close();
    return;
  }
  out_.open("const auto at = [&](i64 " + id + ", auto tail) __attribute__((always_inline))");
  out_.line("constexpr bool Tail = decltype(tail)::value;");
  out_.line("[[maybe_unused]] const i64 left = " + n + " - " + id + ";");
  print_lines(level);
  out_.close(";");
  out_.line("i64 " + id + " = 0;");
  out_.line("for (; " + id + " + W <= " + n + "; " + id + " += W) at(" + id + ", Flag<false>{});");
  out_.line("if (" + id + " < " + n + ") at(" + id + ", Flag<true>{});");
}

// Two vectors a turn, each with its own running reductions.
void NestPrinter::print_folding_lanes() {
  const std::string id = plan_.axis(lane_).id;
  const int level = static_cast<int>(outer_.size()) + 1;
  std::string parameters, first, second;
  for (const Running& r : running_) {
    const std::string type = lane_type(*r.item);
    parameters += ", " + type + "& " + r.name;
    first += ", " + r.name + "_0", second += ", " + r.name + "_1";
    out_.line(type + " " + r.name + "_0 = lift<" + type + ">(identity<" + reduction(*r.item) +
              ", elem<" + type + ">>()), " + r.name + "_1 = " + r.name + "_0;");
  }
  out_.open("const auto at = [&](i64 " + id + parameters + ") __attribute__((always_inline))");
  if (body_.ragged() || live_) out_.line("constexpr bool Tail = Ragged;");
  if (body_.ragged() || live_)
    out_.line("[[maybe_unused]] const i64 left = " + id + "_n - " + id + ";");
  if (live_) out_.line("[[maybe_unused]] const auto live = first_lanes<T>(left);");
  print_lines(level);
  out_.close(";");
  const bool pairs = plan_.kernel.schedule.micro_vectors % 2 == 0;
  out_.line("for (i64 " + id + " = 0; " + id + " < " + id + "_p; " + id +
            (pairs ? " += 2 * W) {" : " += W) {"));
  out_.line("  at(" + id + first + ");");
  if (pairs) out_.line("  at(" + id + " + W" + second + ");");
  out_.line("}");
  for (const Running& r : running_) {
    const std::string join = reduction(*r.item) + "::join(" + r.name + "_0, " + r.name + "_1)";
    out_.line("absorb<" + reduction(*r.item) + ">(" + r.pointer + ", " +
              (pairs ? join : r.name + "_0") + ");");
  }
}

}  // namespace

Expr lane_axis(const Item& item, const Plan& plan) {
  if (item.fold) return plan.kernel.loop;
  const auto& axes = item.axes;
  if (axes.empty()) return Expr();
  if (contains(axes, plan.kernel.loop) && !(item.array && item.array->absolute))
    return plan.kernel.loop;
  return axes.back();
}

std::vector<Expr> outer_axes(const Item& item, const Plan& plan) {
  std::vector<Expr> outer = item.axes;
  std::erase(outer, lane_axis(item, plan));
  return outer;
}

std::vector<std::vector<Item>> group(const std::vector<Item>& items, const Plan& plan) {
  std::vector<std::vector<Item>> groups;
  for (const Item& item : items) {
    bool joins = !groups.empty() && lane_axis(groups.back()[0], plan) == lane_axis(item, plan) &&
                 outer_axes(groups.back()[0], plan) == outer_axes(item, plan);
    for (size_t i = 0; joins && i < groups.back().size(); i++) {
      const Item& other = groups.back()[i];
      joins = !ir::mentions_any(item.body, {other.name}) || ir::uses_any(item.body, other.keys);
    }
    if (joins)
      groups.back().push_back(item);
    else
      groups.push_back({item});
  }
  return groups;
}

void print_nest(Writer& out, const Plan& plan, const Scope& scope, const std::vector<Item>& items,
                bool padded) {
  NestPrinter(out, plan, scope, items, padded).print();
}

std::string scalar_text(const Plan& plan, const Scope& scope, Expr e) {
  Body body(plan, scope, Expr(), {e});
  body.spell_out();
  return body.value(e).text;
}

}  // namespace flashlight::codegen::cpu
