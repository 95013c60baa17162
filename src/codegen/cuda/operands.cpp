#include "codegen/cuda/operands.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

/// Neighbours in memory are neighbours along the rows: threads are dealt along them.
bool rows_are_contiguous(const Plan& plan, const Operand& o) {
  if (o.body->op != Op::Load) return false;
  const auto t = plan.tensors.find(o.body->name());
  if (t == plan.tensors.end()) return false;
  for (size_t d = 0; d < o.body->args.size(); ++d)
    if (t->second.strides[d] == "1") return uses(o.body->args[d], o.row);
  return false;
}

/// The first column of a piece: columns are neighbours in memory.
void bind_piece(Place* place, const Operand& o, const std::string& x) {
  for (Expr a : o.columns) place->axes[a] = a == o.columns.back() ? x : "0";
}

void bind_columns(Place* place, const Operand& o, const std::string& x) {
  int64_t step = 1;
  for (size_t k = o.columns.size(); k-- > 0;) {
    const int64_t extent = extent_of(o.columns[k]);
    std::string at = step == 1 ? x : x + " / " + std::to_string(step);
    if (k > 0) at = "(" + at + ") % " + std::to_string(extent);
    place->axes[o.columns[k]] = "(" + at + ")";
    step *= extent;
  }
}

}  // namespace

int64_t words_of_thread(const Operand& o, int64_t count, int threads) {
  if (o.copied) return 0;
  if (o.widened) return 2 * ((count * o.padded / 4 + threads - 1) / threads);
  return (count * o.padded + threads - 1) / threads;
}

std::string words_text(const Operand& o, int64_t words) {
  return std::string(o.widened ? "u32 " : "float ") + o.id + "_next[" + std::to_string(words) +
         "];";
}

namespace {

/// Four neighbours of 16 bits at a time, which become float32.
void print_widened(Writer& out, const Plan& plan, const Operand& o, const Place& given,
                   const std::string& first, const std::string& end, int64_t count,
                   const Location& to, const std::string& thread, int threads, Phase phase) {
  const int64_t total = count * o.padded / 4, pieces = words_of_thread(o, count, threads) / 2;
  const std::string id = o.id + "_next", type = memory_text(o.widened->dtype);
  auto open = [&] {
    out.line("#pragma unroll");
    out.open("for (int k = 0; k < " + std::to_string(pieces) + "; ++k)");
    out.line("const int c = " + thread + " + k * " + std::to_string(threads) + ";");
    if (total % threads) out.line("if (c >= " + std::to_string(total) + ") break;");
    out.line("const int y = c / " + std::to_string(o.padded / 4) + ", x = c % " +
             std::to_string(o.padded / 4) + " * 4;");
  };
  if (phase == Phase::Both) out.open(""), out.line(words_text(o, 2 * pieces));
  if (phase != Phase::Put) {
    Place place = given;
    place.axes[o.row] = "at";
    bind_piece(&place, o, "x");
    open();
    out.line("const int at = " + first + " + y;");  // nothing is read where it is out of range
    out.line(id + "[2 * k] = " + id + "[2 * k + 1] = 0;");
    out.open("if (at < " + end + " && x < " + std::to_string(o.extent) + ")");
    Block block(plan, place);
    const std::string from = block.address(*o.widened, o.body->args);
    block.print(out);
    out.line("const Pair v = load8(" + from + ");");
    out.line(id + "[2 * k] = v.x, " + id + "[2 * k + 1] = v.y;");
    out.close();
    out.close();
  }
  if (phase != Phase::Fetch) {
    open();
    const auto half = [&](const char* which, const char* word) {
      return "__float_as_uint(" + std::string(which) + "<" + type + ">(" + id + "[2 * k" + word +
             "]))";
    };
    out.line("sts128(" + to.base + " + y * " + std::to_string(to.pitch) + " + x * 4, Quad{" +
             half("low", "") + ", " + half("high", "") + ", " + half("low", " + 1") + ", " +
             half("high", " + 1") + "});");
    out.close();
  }
  if (phase == Phase::Both) out.close();
}

}  // namespace

void print_elements(Writer& out, const Plan& plan, const Operand& o, const Place& given,
                    const std::string& first, const std::string& end, int64_t count,
                    const Location& to, const std::string& thread, int threads, Phase phase) {
  if (o.widened)
    return print_widened(out, plan, o, given, first, end, count, to, thread, threads, phase);
  const std::string n = std::to_string(o.padded), rows = std::to_string(count), id = o.id + "_next";
  const int64_t total = count * o.padded, words = words_of_thread(o, count, threads);
  auto open = [&](int64_t from, int64_t most) {
    out.line("#pragma unroll");
    out.open("for (int k = 0; k < " + std::to_string(most) + "; ++k)");
    out.line("const int c = " + thread + " + (k + " + std::to_string(from) + ") * " +
             std::to_string(threads) + ";");
    if (total % threads) out.line("if (c >= " + std::to_string(total) + ") break;");
    if (rows_are_contiguous(plan, o))
      out.line("const int y = c % " + rows + ", x = c / " + rows + ";");
    else
      out.line("const int y = c / " + n + ", x = c % " + n + ";");
  };
  auto fetch = [&](int64_t from, int64_t most) {
    Place place = given;
    place.axes[o.row] = "at";
    open(from, most);
    out.line("const bool there = " + first + " + y < " + end + ";");
    out.line("const int at = " + first + " + y;");  // nothing is read where it is out of range
    bind_columns(&place, o, "x");
    out.line(id + "[k] = 0.f;");
    out.open("if (there && x < " + std::to_string(o.extent) + ")");
    Block block(plan, place);
    block.expect({o.body});
    const std::string value = block.value(o.body);
    block.print(out);
    out.line(id + "[k] = " + value + ";");
    out.close();
    out.close();
  };
  auto put = [&](int64_t from, int64_t most) {
    open(from, most);
    out.line("put<" + std::string(math_text(o.math)) + ">(" + to.base + " + y * " +
             std::to_string(to.pitch) + " + x * " + std::to_string(math_bytes(o.math)) + ", " + id +
             "[k]);");
    out.close();
  };
  if (phase == Phase::Fetch) return fetch(0, words);
  if (phase == Phase::Put) return put(0, words);
  constexpr int64_t kTogether = 8;  // loads under way, so that one does not wait for the other
  for (int64_t from = 0; from < words; from += kTogether) {
    const int64_t most = std::min(kTogether, words - from);
    out.open("");
    out.line("float " + id + "[" + std::to_string(most) + "];");
    fetch(from, most), put(from, most);
    out.close();
  }
}

namespace {

/// The loop of a thread over its pieces of rows that are copied: row `y`, column `x`. `together`:
/// how many are printed one after the other; empty: all.
void open_pieces(Writer& out, const Operand& o, int64_t count, const std::string& thread,
                 int threads, const std::string& together) {
  const int64_t piece = o.piece / math_bytes(o.math), pieces = o.padded / piece;
  const int64_t total = count * pieces;  // a constant count, or nothing is unrolled
  out.line("#pragma unroll" + (together.empty() ? "" : " " + together));
  out.open("for (int k = 0; k < " + std::to_string((total + threads - 1) / threads) + "; ++k)");
  out.line("const int c = " + thread + " + k * " + std::to_string(threads) + ";");
  if (total % threads) out.line("if (c >= " + std::to_string(total) + ") break;");
  out.line("const int y = c / " + std::to_string(pieces) + ", x = c % " + std::to_string(pieces) +
           " * " + std::to_string(piece) + ";");
}

}  // namespace

void print_load(Writer& out, const Plan& plan, const Operand& o, const Place& given,
                const std::string& first, const std::string& end, int64_t count, const Location& to,
                const std::string& thread, int threads) {
  if (!o.copied)
    return print_elements(out, plan, o, given, first, end, count, to, thread, threads, Phase::Both);
  const std::string bytes = std::to_string(math_bytes(o.math)), piece = std::to_string(o.piece);
  Place place = given;
  place.axes[o.row] = "at";
  // Warps of 32 rows have no registers left for the addresses of many.
  open_pieces(out, o, count, thread, threads, plan.held == 4 ? "1" : "");
  out.line("const bool there = " + first + " + y < " + end + ";");
  out.line("const int at = there ? " + first + " + y : 0;");
  bind_piece(&place, o,
             o.extent == o.padded ? "x" : "(x < " + std::to_string(o.extent) + " ? x : 0)");
  Block block(plan, place);
  const std::string from = block.address(*o.copied, o.body->args);
  block.print(out);
  std::string size = "there ? " + piece + " : 0";
  if (o.extent != o.padded)
    size = "there ? max_(0, min_(" + piece + ", (" + std::to_string(o.extent) + " - x) * " + bytes +
           ")) : 0";
  out.line("cp_async" + piece + "(" + to.base + " + y * " + std::to_string(to.pitch) + " + x * " +
           bytes + ", " + from + ", " + size + ");");
  out.close();
}

bool is_rounded(const Operand& o) { return o.copied && o.math == Math::Tf32; }

void print_round(Writer& out, const Operand& o, int64_t count, const Location& to,
                 const std::string& thread, int threads) {
  open_pieces(out, o, count, thread, threads, "2");
  out.line("round" + std::to_string(o.piece) + "(" + to.base + " + y * " +
           std::to_string(to.pitch) + " + x * " + std::to_string(math_bytes(o.math)) + ");");
  out.close();
}

}  // namespace flashlight::codegen::cuda
