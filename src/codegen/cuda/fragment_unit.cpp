#include <algorithm>

#include "codegen/cuda/fragment_text.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

void FragmentText::print_arguments() {
  size_t word = 0;
  std::vector<const Tensor*> tensors(plan_.tensors.size());
  for (const auto& [name, t] : plan_.tensors) tensors[static_cast<size_t>(t.index)] = &t;
  const size_t inputs = plan_.kernel.inputs.size();
  for (const Tensor* t : tensors) {
    const std::string type =
        std::string(static_cast<size_t>(t->index) < inputs ? "const " : "") + memory_text(t->dtype);
    out_.line(type + "* const " + t->id + " = (" + type + "*)p.words[" + std::to_string(word++) +
              "];");
  }
  for (const Tensor* t : tensors)
    for (size_t d = 0; d < t->shape.size(); ++d, ++word)
      if (!std::isdigit(static_cast<unsigned char>(t->strides[d][0])))
        out_.line("const i64 " + t->strides[d] + " = (i64)p.words[" + std::to_string(word) + "];");
  for (const SymbolInfo& s : plan_.kernel.symbols)
    out_.line("const int " + plan_.sizes.at(s.name) + " = (int)p.words[" + std::to_string(word++) +
              "];");
}

Expr FragmentText::units() const {
  const Expr tile = constant(int64_t{plan_.unit_rows()}), one = constant(int64_t{1});
  Expr n = binary(Op::FloorDiv, plan_.rows->extent() + tile - one, tile);
  for (Expr a : plan_.kernel.grid)
    if (a != plan_.across) n = n * a->extent();
  return n;
}

Place FragmentText::uniform_place() const {
  Place p;
  for (const auto& [axis, id] : plan_.grid) p.axes[axis] = id;
  for (Expr a : plan_.kernel.whole)
    if (is_const(a->extent(), 1)) p.axes[a] = "0";
  p.values[plan_.rows->name() + ".lo"] = "row_lo";
  p.values[plan_.rows->name() + ".hi"] = "row_hi";
  p.known = uniform_known_;
  return p;
}

Place FragmentText::row_place() const {
  Place p = uniform_place();
  p.axes[plan_.rows] = "row[r]";
  for (const auto& [name, v] : plan_.values)
    if (v.kind == Kind::Row) p.values[name] = v.id + "[r]";
  p.values["col0"] = "col0";
  for (const auto& [e, text] : row_known_) p.known[e] = text;
  return p;
}

Place FragmentText::element_place() const {
  Place p = row_place();
  p.axes[plan_.loop] = "col";
  for (const auto& [name, v] : plan_.values)
    if (v.kind == Kind::Element) p.values[name] = v.id + "[i]";
  for (const auto& [e, text] : prefetched_) p.known[e] = text;
  for (const auto& [e, text] : element_known_) p.known[e] = text;
  return p;
}

Place FragmentText::value_place(const std::vector<Expr>& columns) const {
  Place p = row_place();
  int64_t step = 1;
  for (size_t k = columns.size(); k-- > 0;) {
    const int64_t extent = extent_of(columns[k]);
    std::string at = step == 1 ? "v" : "v / " + std::to_string(step);
    if (k > 0) at = "(" + at + ") % " + std::to_string(extent);
    if (columns.size() > 1) at = "min_(" + at + ", " + std::to_string(extent - 1) + ")";
    p.axes[columns[k]] = "(" + at + ")";
    step *= extent;
  }
  for (const auto& [name, v] : plan_.values)
    if (v.kind == Kind::Value && v.columns == columns) p.values[name] = v.id + "[i]";
  return p;
}

// Sections of grid points whose loop operands are still in the second-level cache when the next row
// tile wants them; in a section row tile by row tile. Where the end of the loop grows with the row
// the longest come first, and the last section is large enough to deal them evenly.
void FragmentText::print_decode() {
  const Place place = uniform_place();
  Block block(plan_, place);
  constexpr int64_t kCache = 8 << 20;
  constexpr int64_t kLastUnits = 320;  // twice the multiprocessors of a large card
  int64_t bytes = 1;                   // of loop operands, per element of the loop
  for (const Operand& o : plan_.operands)
    if (plan_.is_loop_operand(o)) bytes += o.extent * math_bytes(o.math);
  const std::string tile = std::to_string(plan_.unit_rows());
  out_.line("const int row_tiles = (rows_end + " + tile + " - 1) / " + tile + ";");
  std::string points = "1";
  for (Expr a : plan_.kernel.grid)
    if (a != plan_.across) points += " * " + block.value(a->extent());
  out_.line("const int points = " + points + ";");
  out_.line("const int section = max_(1, min_(points, (int)(" + std::to_string(kCache / bytes) +
            " / max_(cols_end, 1))));");
  bool grows = false;
  for (const tile::Pass& p : plan_.kernel.passes)
    for (Expr s : symbols_of(p.live.hi)) grows |= s->name() == plan_.rows->name() + ".hi";
  if (grows)
    out_.line("const int last_part = max_(points - (" + std::to_string(kLastUnits) +
              " + row_tiles - 1) / row_tiles, 0) / section;");
  else
    out_.line("const int last_part = (points - 1) / section;");
  out_.line("const int part = (int)min_(unit / ((i64)section * row_tiles), (i64)last_part);");
  out_.line("const int within = (int)(unit - (i64)part * section * row_tiles);");
  out_.line("const int together = part < last_part ? section : points - part * section;");
  out_.line(std::string("const int row_lo = (") + (grows ? "row_tiles - 1 - " : "") +
            "within / together) * " + tile + ";");
  std::string rest = "part * section + within % together";
  for (size_t k = plan_.kernel.grid.size(); k-- > 0;) {
    const Expr a = plan_.kernel.grid[k];
    if (a == plan_.across) {
      out_.line("const int " + plan_.grid.at(a) + " = slot;");
      continue;
    }
    const std::string left = "rest" + std::to_string(k);
    out_.line("const int " + left + " = " + rest + ";");
    const std::string extent = block.value(a->extent());
    out_.line("const int " + plan_.grid.at(a) + " = " + left + (k > 0 ? " % " + extent : "") + ";");
    rest = left + " / " + extent;
  }
}

std::vector<std::string> FragmentText::posted() const {
  std::vector<std::string> out = {"row_lo"};
  for (Expr a : plan_.kernel.grid) out.push_back(plan_.grid.at(a));
  return out;
}

void FragmentText::print_sizes() {
  const Place place = uniform_place();
  Block block(plan_, place);
  out_.line("const int rows_end = " + block.value(plan_.rows->extent()) + ";");
  out_.line("const int cols_end = " + block.value(plan_.loop->extent()) + ";");
  out_.line("(void)rows_end, (void)cols_end;");
}

void FragmentText::print_unit(const std::string& first_row) {
  print_sizes();
  print_decode();
  print_rows_of_unit(first_row);
}

void FragmentText::print_rows_of_unit(const std::string& first_row) {
  out_.line("const int row_hi = min_(row_lo + " + std::to_string(plan_.unit_rows()) +
            ", rows_end);");
  out_.line("(void)row_hi;");
  out_.line("const int first = row_lo + " + first_row + ";");
  const auto at = [](int r) { return r == 0 ? "first" : "first + " + std::to_string(8 * r); };
  out_.line("const int row" + plan_.rows_text() + " = " +
            plan_.row_list([&](int r) { return "min_(" + at(r) + ", rows_end - 1)"; }) + ";");
  out_.line("const bool row_ok" + plan_.rows_text() + " = " +
            plan_.row_list([&](int r) { return at(r) + " < rows_end"; }) + ";");
  out_.line("(void)row, (void)row_ok;");
}

void FragmentText::print_rows(const std::string& id, Type type, Expr body) {
  const Place place = row_place();
  Block block(plan_, place);
  block.expect({body});
  out_.line("#pragma unroll");
  out_.open(plan_.each_row());
  const std::string text = block.value(body);
  block.print(out_);
  out_.line(id + "[r] = (" + std::string(value_type(type)) + ")(" + text + ");");
  out_.close();
}

/// Values per row, before the loops.
void FragmentText::print_prologue() {
  for (const tile::Statement& s : plan_.kernel.prologue) {
    if (plan_.operand_of.count(s.name)) continue;
    if (plan_.value(s.name).kind != Kind::Row) refuse(s.name + " is no row");
    out_.line(std::string(value_type(s.type)) + " " + plan_.value(s.name).id + plan_.rows_text() +
              ";");
    statement(s, true, false);
  }
}

void FragmentText::print_epilogue() {
  for (const tile::Statement& s : plan_.kernel.epilogue) {
    const Value& v = plan_.value(s.name);
    if (s.op != Reduce::None) refuse("epilogue value " + s.name + " is a reduction");
    if (v.kind == Kind::Row) {
      out_.line(std::string(value_type(s.type)) + " " + v.id + plan_.rows_text() + ";");
      print_rows(v.id, s.type, s.body);
    } else {
      const Place place = value_place(v.columns);
      Block block(plan_, place);
      block.expect({s.body});
      out_.line(std::string(value_type(s.type)) + " " + v.id + "[" +
                std::to_string(plan_.words(v)) + "];");
      out_.line("#pragma unroll");
      out_.open("for (int i = 0; i < " + std::to_string(plan_.words(v)) + "; ++i)");
      out_.line("const int r = " + plan_.row_text() + ", v = " + plan_.column_text() + ";");
      out_.line("(void)r, (void)v;");
      const std::string text = block.value(s.body);
      block.print(out_);
      out_.line(v.id + "[i] = " + text + ";");
      out_.close();
    }
  }
  for (const Store& o : plan_.kernel.outputs) store(o);
}

std::vector<Expr> stored_columns(const Plan& plan, const Store& o) {
  std::vector<Expr> columns, inside;
  for (const std::string& name : names_loaded(o.body))
    if (const auto v = plan.values.find(name); v != plan.values.end())
      if (v->second.kind == Kind::Value) columns = v->second.columns;
  for (Expr a : o.axes)
    if (a != plan.rows && !plan.grid.count(a) && !is_const(a->extent(), 1)) inside.push_back(a);
  if (columns.empty()) columns = inside;
  for (Expr a : inside)
    if (!contains(columns, a)) refuse("output " + o.name + " has the axis " + a->name());
  return columns;
}

namespace {

/// All of an index but its column is a multiple of n.
bool rest_is_multiple(const Affine& index, Expr column, int64_t n) {
  const auto whole = [&](Expr e) { return is_const(e) && int_const(e) % n == 0; };
  return whole(index.rest) &&
         std::all_of(index.coefficients.begin(), index.coefficients.end(),
                     [&](const auto& c) { return c.first == column || whole(c.second); });
}

}  // namespace

void FragmentText::store(const Store& o) {
  const std::vector<Expr> columns = stored_columns(plan_, o);
  const Tensor& tensor = plan_.tensors.at(o.name);
  int64_t extent = 1;
  for (Expr a : columns) extent *= extent_of(a);
  const Place place = columns.empty() ? row_place() : value_place(columns);
  out_.open("");
  if (columns.empty()) {
    Block block(plan_, place);
    block.expect({o.body});
    out_.line("#pragma unroll");
    out_.open(plan_.each_row());
    const std::string text = block.value(o.body), at = block.address(tensor, o.index);
    block.print(out_);
    out_.line("if (row_ok[r] && t == 0) write(" + at + ", " + text + ");");
    out_.close();
    out_.close();
    return;
  }
  const std::string count = std::to_string(plan_.elements(round_up(extent, 16)));
  out_.open("const auto element = [&](const int i)");
  Place paired = place;
  if (columns.size() == 1 && extent % 2 == 0) pair_values(&paired, columns, {o.body});
  Block block(plan_, paired);
  block.expect({o.body});
  out_.line("const int r = " + plan_.row_text() + ", v = min_(" + plan_.column_text() + ", " +
            std::to_string(extent - 1) + ");");
  out_.line("(void)r, (void)v;");
  const std::string text = block.value(o.body);
  block.print(out_);
  out_.line("return " + text + ";");
  out_.close(";");
  // Two neighbours in one store where they are neighbours in memory.
  const auto last = affine(o.index.back());
  const bool pairs =
      columns.size() == 1 && extent % 2 == 0 && tensor.aligned && tensor.strides.back() == "1" &&
      last && dtype_size(o.dtype) <= 4 && is_float(compute_type(o.dtype)) &&
      is_const(last->coefficient(columns[0]), 1) && rest_is_multiple(*last, columns[0], 2);
  Block index(plan_, place);
  if (pairs && dtype_size(o.dtype) == 2 && extent % 32 == 0 &&
      rest_is_multiple(*last, columns[0], 8)) {
    const std::string type = memory_text(o.dtype);
    out_.line("#pragma unroll");
    out_.open("for (int j = 0; j < " + std::to_string(plan_.held * (extent / 32)) + "; ++j)");
    const std::string held = std::to_string(plan_.held), eight = std::to_string(2 * plan_.held);
    out_.line("const int r = j % " + held + ", block = j / " + held + " * 4 * " + eight +
              " + 2 * r, v = j / " + held + " * 32 + 8 * t;");
    out_.line("u32 x[4];");
    out_.line("#pragma unroll");
    out_.line("for (int k = 0; k < 4; ++k) x[k] = pack<" + type + ">(element(block + " + eight +
              " * k), element(block + " + eight + " * k + 1));");
    out_.line("quad_transpose(x);");
    const std::string at = index.address(tensor, o.index);
    index.print(out_);
    out_.line("if (row_ok[r]) store16(" + at + ", Quad{x[0], x[1], x[2], x[3]});");
    out_.close();
    out_.close();
    return;
  }
  out_.line("#pragma unroll");
  out_.open("for (int i = 0; i < " + count + "; i += " + (pairs ? "2" : "1") + ")");
  out_.line("const int r = " + plan_.row_text() + ", v = " + plan_.column_text() + ";");
  const std::string at = index.address(tensor, o.index);
  index.print(out_);
  out_.line("if (row_ok[r] && v < " + std::to_string(extent) + ") " +
            (pairs ? "write2(" + at + ", element(i), element(i + 1));"
                   : "write(" + at + ", element(i));"));
  out_.close();
  out_.close();
}

}  // namespace flashlight::codegen::cuda
