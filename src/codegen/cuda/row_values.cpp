#include "codegen/cuda/row_values.h"

#include <algorithm>

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

bool low_precision(DType t) { return t == DType::BF16 || t == DType::F16; }

}  // namespace

int64_t RowValuesText::pitch(const RowValues& v) const {
  return low_precision(v.tensor->dtype) ? 2 * plan_.n + 32 : 4 * plan_.n + 16;
}

int64_t RowValuesText::sum_pitch(const RowValues& v) const { return 4 * v.extent + 16; }

int64_t RowValuesText::place(int64_t shared) {
  for (const RowValues& v : plan_.row_values) {
    if (v.tensor->dtype != DType::F32 && !low_precision(v.tensor->dtype))
      refuse("values of " + v.state + " have another type than float32, float16 and bfloat16");
    const int64_t all = static_cast<int64_t>(rows()) * plan_.slots;
    Memory& m = memory_[v.state];
    m.weights = shared, shared += all * pitch(v);
    m.scales = shared, shared += round_up(4 * all, 16);
    m.sums = shared, shared += all * sum_pitch(v);
  }
  return shared;
}

std::vector<const RowValues*> RowValuesText::in(const tile::Pass& pass) const {
  std::vector<const RowValues*> out;
  for (const RowValues& v : plan_.row_values)
    for (const tile::State& s : pass.states)
      if (s.name == v.state) out.push_back(&v);
  return out;
}

std::string RowValuesText::type(const RowValues& v) const {
  return "RowProduct<" + std::string(memory_text(v.tensor->dtype)) + ", " +
         std::to_string(plan_.n) + ", " + std::to_string(plan_.slots) + ", " +
         std::to_string(v.extent) + ", " + std::to_string(pitch(v)) + ">";
}

/// Values are on their way while scores are made, as far as registers hold them; or while weights
/// go to shared memory; or row by row. By ptxas: 16 words beside scores in tiles of 32 spill.
int RowValuesText::early_rows(const RowValues& v) const {
  return static_cast<int>(std::min<int64_t>(rows_of_warp(), 12 / std::max<int64_t>(words(v), 1)));
}

int RowValuesText::ready_rows(const RowValues& v) const {
  return static_cast<int>(std::min<int64_t>(rows_of_warp(), 64 / std::max<int64_t>(words(v), 1)));
}

void RowValuesText::fetch_rows(const RowValues& v, int from, int to) {
  if (from >= to) return;
  open_rows(from, to);
  fetch(v);
  out_.close();
}

/// For rows of this warp.
void RowValuesText::open_rows(int from, int to) {
  out_.line("#pragma unroll");
  out_.open("for (int k = " + std::to_string(from) + "; k < " + std::to_string(to) + "; ++k)");
  out_.line("const int y = (int)(threadIdx.x / 32) + k * " + std::to_string(all_warps()) + ";");
  if (rows() % all_warps()) out_.line("if (y >= " + std::to_string(rows()) + ") break;");
}

void RowValuesText::print_declare(const tile::Pass& pass) {
  for (const RowValues* v : in(pass)) {
    const std::string id = plan_.value(v->state).id, rows = std::to_string(rows_of_warp());
    out_.line("float " + id + "_part[" + rows + "][" + type(*v) + "::kSums];");
    out_.line("#pragma unroll");
    out_.line("for (int k = 0; k < " + rows + "; ++k)");
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + type(*v) + "::kSums; ++i) " + id + "_part[k][i] = 0.f;");
  }
}

/// Declares <id>_from, its stride, and the words of each row.
void RowValuesText::print_fetch(const tile::Pass& pass) {
  for (const RowValues* v : in(pass)) {
    const std::string id = plan_.value(v->state).id, rows = std::to_string(rows_of_warp());
    out_.line("float " + id + "_scale[2] = {1.f, 1.f};");
    out_.line("u32 " + id + "_words[" + rows + "][" + type(*v) + "::kWords];");
    Place place = text_.uniform_place();
    place.axes[plan_.rows] = "at", place.axes[plan_.loop] = "lo", place.axes[v->column] = "0";
    Block block(plan_, place);
    out_.open("const auto " + id + "_from = [&](const int y)");
    out_.line("const int at = min_(row_lo + y, rows_end - 1);");
    const std::string address = block.address(*v->tensor, v->body->args);
    block.print(out_);
    out_.line("return " + address + ";");
    out_.close(";");
    for (size_t d = 0; d < v->body->args.size(); ++d)
      if (v->body->args[d] == plan_.loop)
        out_.line("const i64 " + id + "_stride = " + v->tensor->strides[d] + ";");
    fetch_rows(*v, 0, early_rows(*v));
  }
}

void RowValuesText::fetch(const RowValues& v) {
  const std::string id = plan_.value(v.state).id;
  out_.line(type(v) + "::fetch(" + id + "_words[k], " + id + "_from(y), " + id +
            "_stride, cols_end - lo);");
}

void RowValuesText::print_put(const tile::Pass& pass,
                              const std::map<std::string, std::string>& weights) {
  const auto list = in(pass);
  for (const RowValues* v : list) {
    const std::string w = weights.at(v->weights), id = plan_.value(v->state).id,
                      slots = std::to_string(plan_.slots);
    const bool low = low_precision(v->tensor->dtype);
    out_.open("");
    out_.line("const int y = (16 * warp + g) * " + slots + " + slot;");
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + std::to_string(plan_.n / 2) + "; i += 2)");
    out_.line("  put_pair<" + std::string(memory_text(v->tensor->dtype)) + ">(" +
              at(memory_[v->state].weights) + " + (y + " + std::to_string(4 * plan_.slots) +
              " * (i & 2)) * " + std::to_string(pitch(*v)) + " + (8 * (i >> 2) + 2 * t) * " +
              (low ? "2" : "4") + ", " + w + "[i], " + w + "[i + 1]);");
    out_.line("#pragma unroll");
    out_.line("for (int r = 0; r < 2; ++r)");
    out_.line("  if (t == 0) sts32(" + at(memory_[v->state].scales) + " + (y + " +
              std::to_string(8 * plan_.slots) + " * r) * 4, __float_as_uint(" + id +
              "_scale[r]));");
    out_.close();
    fetch_rows(*v, early_rows(*v), ready_rows(*v));
  }
}

void RowValuesText::print_products(const tile::Pass& pass) {
  const auto list = in(pass);
  if (!list.empty()) out_.line("__syncthreads();");
  for (const RowValues* v : list) {
    const std::string id = plan_.value(v->state).id, slots = std::to_string(plan_.slots);
    const Memory& m = memory_[v->state];
    open_rows(0, rows_of_warp());
    if (ready_rows(*v) < rows_of_warp()) {
      out_.open("if (k >= " + std::to_string(ready_rows(*v)) + ")");
      fetch(*v);
      out_.close();
    }
    out_.line(type(*v) + "::scale(" + id + "_part[k], " + at(m.scales) + " + y * " +
              std::to_string(4 * plan_.slots) + ");");
    out_.line(type(*v) + "::run(" + id + "_part[k], " + id + "_words[k], " + at(m.weights) +
              " + y * " + std::to_string(plan_.slots * pitch(*v)) + ", " + id + "_from(y), " + id +
              "_stride, cols_end - lo);");
    out_.close();
  }
}

void RowValuesText::print_exchange(const tile::Pass& pass) {
  const auto list = in(pass);
  for (const RowValues* v : list) {
    const std::string id = plan_.value(v->state).id;
    open_rows(0, rows_of_warp());
    out_.line(type(*v) + "::put(" + id + "_part[k], " + at(memory_[v->state].sums) + " + y * " +
              std::to_string(sum_pitch(*v)) + ", " + std::to_string(rows() * sum_pitch(*v)) + ");");
    out_.close();
  }
  if (!list.empty()) out_.line("__syncthreads();");
  for (const RowValues* v : list) {
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + std::to_string(v->extent / 2) + "; ++i)");
    out_.line("  " + plan_.value(v->state).id + "[i] = __uint_as_float(lds32(" +
              at(memory_[v->state].sums) + " + (slot * " + std::to_string(rows()) +
              " + 16 * warp + g + 4 * (i & 2)) * " + std::to_string(sum_pitch(*v)) +
              " + (8 * (i >> 2) + 2 * t + (i & 1)) * 4));");
  }
}

}  // namespace flashlight::codegen::cuda
