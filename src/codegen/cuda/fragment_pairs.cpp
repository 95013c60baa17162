// Bias tiles, masks, gates: 16-bit data whose columns are those of a fragment. A lane holds two
// neighbours of each eight, so that one load of 32 bits brings both.
#include <algorithm>

#include "codegen/cuda/fragment_text.h"
#include "ir/rewrite.h"
#include "ir/simplify.h"

namespace flashlight::codegen::cuda {

using namespace ir;

std::vector<Expr> bodies_of(const tile::Pass& pass) {
  std::vector<Expr> out;
  for (auto* list : {&pass.before, &pass.after, &pass.before_full, &pass.after_full})
    for (const tile::Statement& s : *list) out.push_back(s.body);
  for (const tile::State& s : pass.states) out.push_back(s.body), out.push_back(s.body_full);
  return out;
}

/// Neighbours along `column` are neighbours in memory, the first of a pair at a multiple of both.
bool FragmentText::is_pair(Expr load, Expr column) const {
  if (load->op != Op::Load || load->args.empty()) return false;
  const auto t = plan_.tensors.find(load->name());
  if (t == plan_.tensors.end() || !t->second.aligned || t->second.strides.back() != "1")
    return false;
  if (t->second.dtype != DType::BF16 && t->second.dtype != DType::F16) return false;
  const auto last = affine(load->args.back());
  if (!last || !is_const(last->coefficient(column), 1)) return false;
  const auto even = [](Expr e) { return is_const(e) && int_const(e) % 2 == 0; };
  for (const auto& [axis, c] : last->coefficients)
    if (axis != column && !even(c)) return false;
  if (!even(last->rest)) return false;
  for (size_t d = 0; d + 1 < load->args.size(); ++d)
    if (uses(load->args[d], column)) return false;
  return true;
}

namespace {

/// Loads that are evaluated whatever conditions say.
void certain_loads(Expr e, std::unordered_set<Expr>* seen, std::vector<Expr>* out) {
  if (!e || !seen->insert(e).second || e->op == Op::Axis) return;
  if (e->op == Op::Load) out->push_back(e);
  if (e->op == Op::Where) return certain_loads(e->args[0], seen, out);
  for (Expr a : e->args) certain_loads(a, seen, out);
}

}  // namespace

void FragmentText::print_pointers(const tile::Pass& pass) {
  std::unordered_set<Expr> seen;
  std::vector<Expr> loads;
  for (Expr body : bodies_of(pass)) certain_loads(body, &seen, &loads);
  for (Expr l : loads) {
    if (pair_words_.count(l) || words_.count(l) || !is_pair(l, plan_.loop)) continue;
    const std::string id = "pair" + std::to_string(pair_words_.size());
    const Tensor& tensor = plan_.tensors.at(l->name());
    Place place = row_place();
    place.axes[plan_.loop] = "0";
    place.guarded = true;
    Block block(plan_, place);
    block.expect(l->args);
    out_.line("const " + std::string(memory_text(tensor.dtype)) + "* " + id + "_row" +
              plan_.rows_text() + ";");
    out_.line("u32 " + id + "[" + std::to_string(plan_.elements(plan_.n) / 2) + "];");
    out_.line("#pragma unroll");
    out_.open(plan_.each_row());
    const std::string at = block.address(tensor, l->args);
    block.print(out_);
    out_.line(id + "_row[r] = " + at + ";");
    out_.close();
    pair_words_[l] = id;
  }
}

void FragmentText::print_prefetch(const tile::Pass& stage, const std::string& tile) {
  std::unordered_set<Expr> seen;
  std::vector<Expr> loads;
  for (Expr body : bodies_of(stage)) certain_loads(body, &seen, &loads);
  for (Expr l : loads) {
    const auto word = pair_words_.find(l);
    if (word == pair_words_.end()) continue;
    const std::string &id = word->second, held = std::to_string(plan_.held);
    out_.line("#pragma unroll");
    out_.open("for (int i = 0; i < " + std::to_string(plan_.elements(plan_.n) / 2) + "; ++i)");
    out_.line("const int r = i % " + held + ", col = " + tile + " * " + std::to_string(plan_.n) +
              " + 2 * t + 8 * (i / " + held + ");");
    out_.line(id + "[i] = col + 1 < cols_end ? load4(" + id +
              "_row[r] + col) : col < cols_end ? (u32)" + id + "_row[r][col].bits : 0u;");
    out_.close();
  }
}

void FragmentText::use_prefetched(const tile::Pass& stage) {
  std::unordered_set<Expr> seen;
  std::vector<Expr> loads;
  for (Expr body : bodies_of(stage)) certain_loads(body, &seen, &loads);
  for (Expr l : loads)
    if (const auto word = pair_words_.find(l); word != pair_words_.end())
      prefetched_[l] = "pick<" + std::string(memory_text(plan_.tensors.at(l->name()).dtype)) +
                       ">(" + word->second + "[i >> 1], i & 1)";
}

void FragmentText::give_words(Expr load, const Tensor& tensor, int each,
                              const std::string& address) {
  const std::string id = "words" + std::to_string(words_.size());
  words_[load] = {id, address, each};
  give_element(load, "pick<" + std::string(memory_text(tensor.dtype)) + ">(" + id + ", i & 1)");
}

void FragmentText::print_scores(const std::string& value, Expr body) {
  out_.open("");
  out_.line("const int col0 = 0;  // nobody asks");
  open_elements(true, body);
  const Place place = element_place();
  Block block(plan_, place);
  block.expect({body});
  const std::string text = block.value(body);
  block.print(out_);
  out_.line(plan_.value(value).id + "[i] = " + text + ";");
  out_.close();
  out_.close();
}

/// Loads along the columns of a value fragment, as halves of what two elements load together.
void FragmentText::pair_values(Place* place, const std::vector<Expr>& columns,
                               const std::vector<Expr>& bodies) const {
  std::unordered_set<Expr> seen;
  std::vector<Expr> loads;
  for (Expr body : bodies) certain_loads(body, &seen, &loads);
  for (Expr l : loads) {
    if (!is_pair(l, columns[0])) continue;
    const std::string type = memory_text(plan_.tensors.at(l->name()).dtype);
    if (const auto ready = value_words_.find(l); ready != value_words_.end()) {
      place->known[l] = "pick<" + type + ">(" + ready->second + "[i >> 1], i & 1)";
      continue;
    }
    Place first = *place;
    first.axes[columns[0]] = "(v & ~1)";
    Block block(plan_, first);
    const Tensor& tensor = plan_.tensors.at(l->name());
    const std::string at = block.address(tensor, l->args);
    if (!block.lines().empty()) continue;
    place->known[l] = "pick<" + type + ">(load4(" + at + "), i & 1)";
  }
}

/// Visits the pairs that outputs read along their one column: load, column, and the address of the
/// pair at column `v`.
void FragmentText::each_value_pair(
    const std::function<void(Expr, Expr, const std::string&)>& visitor) {
  std::unordered_set<Expr> seen;
  for (const Store& o : plan_.kernel.outputs) {
    const std::vector<Expr> columns = stored_columns(plan_, o);
    if (columns.size() != 1 || extent_of(columns[0]) % 2 != 0) continue;
    std::vector<Expr> loads;
    certain_loads(o.body, &seen, &loads);
    for (Expr l : loads) {
      if (!is_pair(l, columns[0])) continue;
      Place place = row_place();
      place.axes[columns[0]] = "v";
      Block block(plan_, place);
      const std::string at = block.address(plan_.tensors.at(l->name()), l->args);
      if (block.lines().empty()) visitor(l, columns[0], at);
    }
  }
}

void FragmentText::print_touch_values() {
  each_value_pair([&](Expr, Expr column, const std::string& at) {
    const std::string extent = std::to_string(extent_of(column));
    out_.line("#pragma unroll");
    out_.open(plan_.each_row());
    out_.line("for (int v = 64 * t; v < " + extent + "; v += 256) prefetch_l2(" + at + ");");
    out_.close();
  });
}

void FragmentText::print_value_words() {
  value_words_.clear();
  each_value_pair([&](Expr load, Expr column, const std::string& at) {
    const int64_t extent = extent_of(column), count = plan_.elements(round_up(extent, 16)) / 2;
    const std::string id = "value_words" + std::to_string(value_words_.size()),
                      held = std::to_string(plan_.held);
    out_.line("u32 " + id + "[" + std::to_string(count) + "];");
    out_.line("#pragma unroll");
    out_.open("for (int w = 0; w < " + std::to_string(count) + "; ++w)");
    out_.line("const int r = w % " + held + ", v = min_(8 * (w / " + held + ") + 2 * t, " +
              std::to_string(extent - 2) + ");");
    out_.line(id + "[w] = load4(" + at + ");");
    out_.close();
    value_words_[load] = id;
  });
}

}  // namespace flashlight::codegen::cuda
