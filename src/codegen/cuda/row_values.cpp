#include "codegen/cuda/row_values.h"

#include <algorithm>

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

bool low_precision(DType t) { return t == DType::BF16 || t == DType::F16; }

}  // namespace

int64_t RowValuesText::pitch(const RowValues& v) const {
  return (low_precision(v.tensor->dtype) ? 2 : 4) * plan_.n + 16;
}

/// Rows and slots both fall on different banks.
int64_t RowValuesText::row_pitch(const RowValues& v) const { return plan_.slots * pitch(v) + 16; }

int64_t RowValuesText::sum_pitch(const RowValues& v) const { return 4 * v.extent + 16; }

int64_t RowValuesText::sums(const RowValues& v) const {
  if (low_precision(v.tensor->dtype)) return v.extent / 4 * (plan_.slots > 8 ? 2 : 1);
  return (v.extent + 31) / 32 * plan_.slots;
}

int64_t RowValuesText::words(const tile::Pass& pass) const {
  int64_t words = 0;
  for (const RowValues* v : in(pass)) words += rows_of_warp() * sums(*v);
  return words;
}

int64_t RowValuesText::place(int64_t first, int64_t shared, int64_t limit) {
  int64_t sums = 0;
  size_t most = 0;
  for (const RowValues& v : plan_.row_values) {
    if (v.tensor->dtype != DType::F32 && !low_precision(v.tensor->dtype))
      refuse("values of " + v.state + " have another type than float32, float16 and bfloat16");
    Memory& m = memory_[v.state];
    m.weights = shared, shared += rows() * row_pitch(v);
    m.scales = shared, shared += round_up(4 * rows() * plan_.slots, 16);
    m.sums = sums, sums += rows() * plan_.slots * sum_pitch(v);
    if (low_precision(v.tensor->dtype)) chunk_bytes_ = std::max(chunk_bytes_, chunk_bytes(v));
  }
  for (const tile::Pass& p : plan_.kernel.passes) most = std::max(most, list(p).size());
  // Sums lie where the loop's operands were, or, where a loop may follow, the ring.
  const auto& passes = plan_.kernel.passes;
  const int64_t base = passes.size() == 1 && !passes[0].certificate ? first : shared;
  for (auto& [state, m] : memory_) m.sums += base;
  ring_ = shared;
  if (most == 0) return std::max(shared, base + sums);
  // Two tiles ahead are enough for all of the memory's speed.
  const auto bytes = [&] { return chunk_bytes_ * buffers_ * all_warps(); };
  buffers_ = 2 * static_cast<int>(most);
  const auto suits = [&] {
    for (const tile::Pass& p : plan_.kernel.passes)
      if (const int n = chunks(p); n > 0 && n % buffers_ && buffers_ % n) return false;
    return shared + bytes() <= limit;
  };
  while (buffers_ > 1 && !suits()) --buffers_;
  return std::max(base + sums, shared + bytes());
}

std::vector<const RowValues*> RowValuesText::in(const tile::Pass& pass) const {
  std::vector<const RowValues*> out;
  for (const RowValues& v : plan_.row_values)
    for (const tile::State& s : pass.states)
      if (s.name == v.state) out.push_back(&v);
  return out;
}

std::vector<RowValuesText::Chunk> RowValuesText::list(const tile::Pass& pass) const {
  std::vector<Chunk> out;
  for (const RowValues* v : in(pass))
    for (int k = 0; k < rows_of_warp() && low_precision(v->tensor->dtype); ++k)
      for (int part = 0; part < plan_.n / 16; ++part) out.push_back({v, k, part});
  return out;
}

std::string RowValuesText::type(const RowValues& v) const {
  return "RowProduct<" + std::string(memory_text(v.tensor->dtype)) + ", " +
         std::to_string(plan_.slots) + ", " + std::to_string(v.extent) + ", " +
         std::to_string(pitch(v)) + ">";
}

std::string RowValuesText::row_of(int k) const {
  return "own_row + " + std::to_string(k * all_warps());
}

std::string RowValuesText::guard(int k) const {
  if ((k + 1) * all_warps() <= rows()) return "";
  return row_of(k) + " < " + std::to_string(rows());
}

/// For rows of this warp.
void RowValuesText::open_rows() {
  out_.line("#pragma unroll");
  out_.open("for (int k = 0; k < " + std::to_string(rows_of_warp()) + "; ++k)");
  out_.line("const int y = own_row + k * " + std::to_string(all_warps()) + ";");
  if (rows() % all_warps()) out_.line("if (y >= " + std::to_string(rows()) + ") break;");
}

void RowValuesText::print_declare(const tile::Pass& pass) {
  if (!in(pass).empty()) out_.line("const int own_row = warp_uniform((int)(threadIdx.x / 32));");
  for (const RowValues* v : in(pass)) {
    const std::string id = plan_.value(v->state).id, rows = std::to_string(rows_of_warp());
    out_.line("float " + id + "_part[" + rows + "][" + type(*v) + "::kSums];");
    out_.line("#pragma unroll");
    out_.line("for (int k = 0; k < " + rows + "; ++k)");
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + type(*v) + "::kSums; ++i) " + id + "_part[k][i] = 0.f;");
    print_from(*v);
  }
}

/// Where the values of a row and an element that exists begin.
void RowValuesText::print_from(const RowValues& v) {
  const std::string id = plan_.value(v.state).id;
  Place place = text_.uniform_place();
  place.axes[plan_.rows] = "at", place.axes[plan_.loop] = "col", place.axes[v.column] = "0";
  Block block(plan_, place);
  out_.open("const auto " + id + "_from = [&](const int y, const int begin)");
  out_.line("const int at = min_(row_lo + y, rows_end - 1), col = min_(begin, cols_end - 1);");
  const std::string address = block.address(*v.tensor, v.body->args);
  block.print(out_);
  out_.line("return " + address + ";");
  out_.close(";");
  for (size_t d = 0; d < v.body->args.size(); ++d)
    if (v.body->args[d] == plan_.loop)
      out_.line("const i64 " + id + "_stride = " + v.tensor->strides[d] + ";");
}

std::string RowValuesText::buffer(const std::vector<Chunk>& chunks, int number) const {
  const int count = static_cast<int>(chunks.size());
  if (buffers_ > count)
    return "ring + ((tile - first_tile) % " + std::to_string(buffers_ / count) + " * " +
           std::to_string(count) + " + " + std::to_string(number) + ") * " +
           std::to_string(chunk_bytes_);
  return "ring + " + std::to_string(number % buffers_ * chunk_bytes_);
}

/// Chunk `number` of a tile, to where the one that is `buffers_` before it was.
void RowValuesText::print_fetch(const std::vector<Chunk>& chunks, int number,
                                const std::string& tile) {
  const Chunk& c = chunks[static_cast<size_t>(number)];
  const std::string id = plan_.value(c.values->state).id;
  out_.open("if (" + tile + " < end_tile" + (guard(c.k).empty() ? "" : " && " + guard(c.k)) + ")");
  out_.line("const int begin = warp_uniform((" + tile + ") * " + std::to_string(plan_.n) + " + " +
            std::to_string(16 * c.part) + ");");
  out_.line(type(*c.values) + "::fetch(to, " + id + "_from(" + row_of(c.k) + ", begin), " + id +
            "_stride, cols_end - begin);");
  out_.close();
  out_.line("cp_async_commit();");
}

void RowValuesText::print_begin(const tile::Pass& pass, const std::string& load) {
  const std::vector<Chunk> chunks = list(pass);
  const int count = static_cast<int>(chunks.size());
  if (count == 0) {
    if (!load.empty()) out_.line(load);
    return;
  }
  out_.line("const u32 ring = " + at(ring_) + " + own_row * " +
            std::to_string(buffers_ * chunk_bytes_) + ";");
  // The groups of tiles before the first one, in which its chunks would be asked for.
  for (int k = -(buffers_ + count - 1) / count * count; k < 0; ++k) {
    if (k % count == 0) out_.line(k == -count && !load.empty() ? load : "cp_async_commit();");
    const int number = k + buffers_;
    if (number < 0) {
      out_.line("cp_async_commit();");
      continue;
    }
    out_.open("");
    out_.line("const u32 to = ring + " + std::to_string(number * chunk_bytes_) + ";");
    print_fetch(chunks, number % count, "first_tile + " + std::to_string(number / count));
    out_.close();
  }
}

void RowValuesText::print_scales(const tile::Pass& pass) {
  for (const RowValues* v : in(pass))
    out_.line("float " + plan_.value(v->state).id + "_scale[2] = {1.f, 1.f};");
}

void RowValuesText::print_put(const tile::Pass& pass,
                              const std::map<std::string, std::string>& weights) {
  for (const RowValues* v : in(pass)) {
    const std::string w = weights.at(v->weights), id = plan_.value(v->state).id,
                      slots = std::to_string(plan_.slots);
    const bool low = low_precision(v->tensor->dtype);
    const Memory& m = memory_[v->state];
    out_.open("");
    out_.line("const int y = 16 * warp + g;");
    out_.line("const u32 to = " + at(m.weights) + " + y * " + std::to_string(row_pitch(*v)) +
              " + slot * " + std::to_string(pitch(*v)) + " + t * " + (low ? "4" : "8") + ";");
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + std::to_string(plan_.n / 2) + "; i += 2)");
    out_.line("  put_pair<" + std::string(memory_text(v->tensor->dtype)) + ">(to + (i & 2) * " +
              std::to_string(4 * row_pitch(*v)) + " + (i >> 2) * " + (low ? "16" : "32") + ", " +
              w + "[i], " + w + "[i + 1]);");
    out_.line("#pragma unroll");
    out_.line("for (int r = 0; r < 2; ++r)");
    out_.line("  if (t == 0) sts32(" + at(m.scales) + " + ((y + 8 * r) * " + slots +
              " + slot) * 4, __float_as_uint(" + id + "_scale[r]));");
    out_.close();
  }
}

void RowValuesText::print_products(const tile::Pass& pass) {
  const auto values = in(pass);
  const std::vector<Chunk> chunks = list(pass);
  const int count = static_cast<int>(chunks.size());
  if (!values.empty()) out_.line("__syncthreads();");
  const auto scale = [&](const RowValues& v, const std::string& k, const std::string& y) {
    out_.line(type(v) + "::scale(" + plan_.value(v.state).id + "_part[" + k + "], " +
              at(memory_[v.state].scales) + " + (" + y + ") * " + std::to_string(4 * plan_.slots) +
              ");");
  };
  const auto weights = [&](const RowValues& v, const std::string& y) {
    return at(memory_[v.state].weights) + " + (" + y + ") * " + std::to_string(row_pitch(v));
  };
  for (int number = 0; number < count; ++number) {
    const Chunk& c = chunks[static_cast<size_t>(number)];
    const std::string k = std::to_string(c.k), part = plan_.value(c.values->state).id + "_part[";
    // Groups that are newer: of the chunks between, and of the tiles that have begun since.
    const int tiles = number < buffers_ ? (buffers_ - number + count - 1) / count : 0;
    out_.line("cp_async_wait<" + std::to_string(buffers_ - 1 + tiles) + ">();");
    out_.line("__syncwarp();");
    out_.open(guard(c.k).empty() ? "" : "if (" + guard(c.k) + ")");
    if (c.part == 0) scale(*c.values, k, row_of(c.k));
    out_.line(type(*c.values) + "::run(" + part + k + "], " + buffer(chunks, number) + ", " +
              weights(*c.values, row_of(c.k)) + " + " + std::to_string(32 * c.part) + ");");
    out_.close();
    out_.line("__syncwarp();");
    out_.open("");
    out_.line("const u32 to = " + buffer(chunks, number) + ";");
    const int next = number + buffers_;
    print_fetch(chunks, next % count, "tile + " + std::to_string(next / count));
    out_.close();
  }
  for (const RowValues* v : values) {
    if (low_precision(v->tensor->dtype)) continue;
    const std::string id = plan_.value(v->state).id;
    open_rows();
    scale(*v, "k", "y");
    out_.line(type(*v) + "::run(" + id + "_part[k], " + weights(*v, "y") + ", " + id +
              "_from(y, lo), " + id + "_stride, cols_end - lo, " + std::to_string(plan_.n) + ");");
    out_.close();
  }
}

void RowValuesText::print_exchange(const tile::Pass& pass) {
  const auto list = in(pass);
  if (list.empty()) return;
  out_.line("cp_async_wait<0>();");  // sums lie where operands were
  out_.line("__syncthreads();");
  for (const RowValues* v : list) {
    const std::string id = plan_.value(v->state).id;
    open_rows();
    out_.line(type(*v) + "::put(" + id + "_part[k], " + at(memory_[v->state].sums) + " + y * " +
              std::to_string(sum_pitch(*v)) + ", " + std::to_string(rows() * sum_pitch(*v)) + ");");
    out_.close();
  }
  out_.line("__syncthreads();");
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
