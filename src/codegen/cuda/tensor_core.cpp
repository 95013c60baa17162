#include "codegen/cuda/tensor_core.h"

#include "codegen/cuda/fragment_text.h"
#include "codegen/cuda/notes.h"
#include "codegen/cuda/operands.h"
#include "codegen/cuda/row_values.h"
#include "codegen/cuda/staged.h"

namespace flashlight::codegen::cuda {
namespace {

using namespace ir;

class TensorCore {
 public:
  TensorCore(const tile::Kernel& kernel, int64_t shared_limit)
      : plan_(kernel, true), text_(plan_, out_), limit_(shared_limit) {}

  Source run();

 private:
  int threads() const { return 32 * plan_.warps * plan_.slots; }
  static int64_t pitch(const Operand& o) { return o.padded * math_bytes(o.math) + 16; }
  int64_t rows_of(const Operand& o) const {
    return plan_.is_loop_operand(o) ? plan_.n : plan_.unit_rows();
  }
  int64_t bytes_of(const Operand& o) const {
    return rows_of(o) * pitch(o) * (plan_.is_loop_operand(o) ? plan_.stages : 1);
  }
  void place_operands();
  std::string base(const Operand& o, const std::string& stage) const;
  std::vector<const Operand*> value_operands(const tile::Pass& pass) const;
  std::vector<const Operand*> loop_operands(const tile::Pass& pass) const;
  /// Who loads an operand: the first thread's number is 0.
  std::pair<std::string, int> loaders(const Operand& o) const;
  void load(const Operand& o, const std::string& first, const std::string& end,
            const std::string& stage);
  void print_elements_of(const Operand& o, Phase phase);
  void round(const Operand& o, const std::string& stage);
  bool ahead(const tile::Pass& pass) const;
  void print_loads(const tile::Pass& pass);
  void print_ring(const tile::Pass& pass);
  void print_combine(const tile::Pass& pass);
  void print_scores(const tile::Pass& pass);
  void print_products(const tile::Pass& pass);
  void print_pass(const tile::Pass& pass, size_t index);
  void print_tile(const tile::Pass& pass);
  std::string held() const { return std::to_string(plan_.held); }
  std::string pad(const Operand& o) const { return std::to_string(pitch(o)); }

  Plan plan_;
  Writer out_;
  FragmentText text_;
  RowValuesText rows_{plan_, text_, out_};
  StagedText staged_{plan_, text_, out_};
  /// What a warp has for the left side of a product in float32.
  int64_t weights_bytes() const { return plan_.warp_rows() * (4 * plan_.n + 16); }
  int64_t limit_, shared_ = 16;  // the first word: a flag of the CTA
  int64_t weights_at_ = 0;
  std::map<const Operand*, int64_t> offset_;
  std::map<std::string, std::string> weights_;  // left sides of products -> arrays
};

void TensorCore::place_operands() {
  const int64_t first = shared_;
  for (const Operand& o : plan_.operands) {
    offset_[&o] = shared_;
    shared_ += bytes_of(o) * (o.own ? plan_.slots : 1);
  }
  weights_at_ = shared_;
  bool exact = false;
  for (const tile::Pass& p : plan_.kernel.passes)
    for (const Operand* o : value_operands(p)) exact |= o->math == Math::F32;
  if (exact) shared_ += weights_bytes() * plan_.warps * plan_.slots;
  shared_ = rows_.place(first, staged_.place(shared_), limit_);
  if (shared_ > limit_)
    refuse("its tiles need " + std::to_string(shared_) + " bytes of shared memory, there are " +
           std::to_string(limit_));
}

std::string TensorCore::base(const Operand& o, const std::string& stage) const {
  std::string at = "shared + " + std::to_string(offset_.at(&o));
  if (plan_.is_loop_operand(o) && plan_.stages > 1)
    at += " + " + stage + " * " + std::to_string(rows_of(o) * pitch(o));
  if (o.own) at += " + slot * " + std::to_string(bytes_of(o));
  return at;
}

/// Those that products with weights read.
std::vector<const Operand*> TensorCore::value_operands(const tile::Pass& pass) const {
  std::vector<const Operand*> out;
  for (const tile::State& s : pass.states)
    if (s.contraction) out.push_back(&plan_.operand(s.contraction->b));
  for (const tile::State& s : pass.states)
    if (const auto sum = plan_.column_sums.find(s.name); sum != plan_.column_sums.end())
      out.push_back(&plan_.operands[static_cast<size_t>(sum->second)]);
  return out;
}

std::vector<const Operand*> TensorCore::loop_operands(const tile::Pass& pass) const {
  std::vector<const Operand*> all, out;
  for (const tile::Contraction& c : pass.contractions) all.push_back(&plan_.operand(c.b));
  for (const Operand* o : value_operands(pass)) all.push_back(o);
  for (const Operand* o : all)
    if (std::find(out.begin(), out.end(), o) == out.end()) out.push_back(o);
  return out;
}

std::pair<std::string, int> TensorCore::loaders(const Operand& o) const {
  const int own = 32 * plan_.warps;
  if (!o.own || plan_.slots == 1) return {"(int)threadIdx.x", threads()};
  return {"(int)threadIdx.x - slot * " + std::to_string(own), own};
}

/// Rows from `first` of an operand, by all threads or by those that have it to themselves.
void TensorCore::load(const Operand& o, const std::string& first, const std::string& end,
                      const std::string& stage) {
  const auto [thread, count] = loaders(o);
  print_load(out_, plan_, o, text_.uniform_place(), first, end, rows_of(o),
             {base(o, stage), pitch(o)}, thread, count);
}

void TensorCore::round(const Operand& o, const std::string& stage) {
  const auto [thread, count] = loaders(o);
  if (is_rounded(o)) print_round(out_, o, rows_of(o), {base(o, stage), pitch(o)}, thread, count);
}

void TensorCore::print_elements_of(const Operand& o, Phase phase) {
  const auto [thread, count] = loaders(o);
  print_elements(out_, plan_, o, text_.uniform_place(), "next", "cols_end", rows_of(o),
                 {base(o, "(stage ^ 1)"), pitch(o)}, thread, count, phase);
}

/// Whether registers hold the next tile's elements that are computed, while this tile is.
bool TensorCore::ahead(const tile::Pass& pass) const {
  constexpr int64_t kMost = 128;  // more spills, as addresses and rows take a hundred
  int64_t words = 0;
  for (const Operand* o : loop_operands(pass))
    words += words_of_thread(*o, rows_of(*o), loaders(*o).second);
  if (plan_.stages < 2 || words == 0 || words > 24) return false;
  words += static_cast<int64_t>(pass.contractions.size() + plan_.staged_in(pass).size()) *
           plan_.elements(plan_.n);
  for (const tile::State& s : pass.states)
    if (plan_.value(s.name).kind == Kind::Value && !plan_.is_row_values(s.name))
      words += plan_.words(plan_.value(s.name));
  return words + rows_.words(pass) <= kMost;
}

/// What is done with two elements of scores that are no products.
void TensorCore::print_combine(const tile::Pass& pass) {
  for (const tile::Contraction& c : pass.contractions) {
    if (is_product(c)) continue;
    out_.open("struct " + plan_.value(c.value).id + "_combine");
    out_.line("DEVICE float start() { return " + identity_text(c.op, Type::F32) + "; }");
    out_.open("DEVICE void fold(float& d, float a, float b)");
    Place place;
    place.values = {{"a", "a"}, {"b", "b"}};
    Block block(plan_, place);
    block.expect({c.combine});
    const std::string text = block.value(c.combine);
    block.print(out_);
    out_.line("d = " + fold_text(c.op, "d", text) + ";");
    out_.close();
    out_.close(";");
    out_.line();
  }
}

void TensorCore::print_scores(const tile::Pass& pass) {
  for (const tile::Contraction& c : pass.contractions) {
    const Operand &a = plan_.operand(c.a), &b = plan_.operand(c.b);
    const std::string id = plan_.value(c.value).id;
    out_.line("float " + id + "[" + std::to_string(plan_.elements(plan_.n)) + "];");
    const bool product = is_product(c);
    out_.line(
        (product ? "Scores<" + std::string(math_text(a.math)) : "Combined<" + id + "_combine") +
        ", " + std::to_string(plan_.n) + ", " + std::to_string(product ? a.padded : a.extent) +
        ", " + pad(a) + ", " + pad(b) + ", " + held() + ">::run(" + id + ", " + base(a, "") +
        " + warp * " + std::to_string(plan_.warp_rows() * pitch(a)) + ", " + base(b, "stage") +
        ");");
  }
}

void TensorCore::print_products(const tile::Pass& pass) {
  const std::string room = ", shared + " + std::to_string(weights_at_) +
                           " + warp_uniform((int)(threadIdx.x / 32)) * " +
                           std::to_string(weights_bytes());
  auto product = [&](const tile::State& s, const Operand& b, const std::string& weights) {
    out_.line("Values<" + std::string(math_text(b.math)) + ", " + std::to_string(plan_.n) + ", " +
              std::to_string(b.padded) + ", " + pad(b) + ", " + held() + ">::run(" +
              plan_.value(s.name).id + ", " + weights + ", " + base(b, "stage") +
              (b.math == Math::F32 ? room : "") + ");");
  };
  for (const tile::State& s : pass.states) {
    const auto sum = plan_.column_sums.find(s.name);
    if (s.contraction) {
      product(s, plan_.operand(s.contraction->b), weights_[s.contraction->a]);
    } else if (sum != plan_.column_sums.end()) {
      out_.open("");
      out_.line("float ones[" + std::to_string(plan_.elements(plan_.n)) + "];");
      out_.line("#pragma unroll");
      out_.line("for (int i = 0; i < " + std::to_string(plan_.elements(plan_.n)) +
                "; ++i) ones[i] = 1.f;");
      product(s, plan_.operands[static_cast<size_t>(sum->second)], "ones");
      out_.close();
    }
  }
}

/// Products of the tile in `stage`, and what is between them.
void TensorCore::print_tile(const tile::Pass& pass) {
  out_.line("const int col0 = tile * " + std::to_string(plan_.n) + " + 2 * t;");
  rows_.print_scales(pass);
  print_scores(pass);
  staged_.print_read(pass);
  // The weights of both branches go to one array, so that the products stand outside of them.
  std::vector<std::string> copied;
  weights_.clear();
  for (const tile::State& s : pass.states) {
    const std::string w = plan_.weights_of(s);
    if (w.empty() || weights_.count(w)) continue;
    const bool is_score = std::any_of(pass.contractions.begin(), pass.contractions.end(),
                                      [&](const tile::Contraction& c) { return c.value == w; });
    weights_[w] = plan_.value(w).id + (is_score ? "" : "_out");
    if (is_score) continue;
    copied.push_back(w);
    out_.line("float " + weights_[w] + "[" + std::to_string(plan_.elements(plan_.n)) + "];");
  }
  auto branch = [&](bool full) {
    text_.print_step(pass, {.full = full});
    for (const std::string& w : copied) {
      out_.line("#pragma unroll");
      out_.line("for (int i = 0; i < " + std::to_string(plan_.elements(plan_.n)) + "; ++i) " +
                weights_[w] + "[i] = " + plan_.value(w).id + "[i];");
    }
  };
  out_.open("if (lo >= full_lo && hi <= full_hi)");
  branch(true);
  out_.otherwise();
  branch(false);
  out_.close();
  rows_.print_put(pass, weights_);
  print_products(pass);
  rows_.print_products(pass);
}

/// `load`: the loop operands of a tile. Elements only where they do not come a tile ahead.
void TensorCore::print_loads(const tile::Pass& pass) {
  const auto operands = loop_operands(pass);
  out_.open("const auto load = [&](const int tile, const int stage, const bool computed)");
  // Opaque to the compiler, which else keeps a pointer for every load of a tile.
  out_.line("const int begin = warp_uniform(tile * " + std::to_string(plan_.n) + ");");
  out_.line("(void)stage, (void)computed, (void)begin;");
  const bool ahead_of = ahead(pass);
  for (const Operand* o : operands) {
    const bool elements = ahead_of && !o->copied;
    if (elements) out_.open("if (computed)");
    load(*o, "begin", "cols_end", "stage");
    if (elements) out_.close();
  }
  staged_.print_load(pass);
  out_.line("cp_async_commit();");
  out_.close(";");
}

void TensorCore::print_ring(const tile::Pass& pass) {
  const auto operands = loop_operands(pass);
  const bool ring = plan_.stages > 1, fetch = ahead(pass);
  out_.line("__syncthreads();");  // a pass before may still read the ring
  rows_.print_begin(pass, ring ? "if (first_tile < end_tile) load(first_tile, 0, true);" : "");
  out_.line("#pragma unroll 1");
  out_.open("for (int tile = first_tile; tile < end_tile; ++tile)");
  if (ring) {
    out_.line("const int stage = (tile - first_tile) & 1;");
    out_.line("if (tile + 1 < end_tile) load(tile + 1, stage ^ 1, " +
              std::string(fetch ? "false" : "true") + ");");
    out_.line("else cp_async_commit();");
    out_.line("cp_async_wait<" + std::to_string(1 + rows_.chunks(pass)) + ">();");
  } else {
    out_.line("const int stage = 0;");
    out_.line("load(tile, 0, true);");
    out_.line("cp_async_wait<0>();");
  }
  for (const Operand* o : operands) round(*o, "stage");
  out_.line("__syncthreads();");
  if (fetch)
    out_.line("const int next = warp_uniform((tile + 1) * " + std::to_string(plan_.n) + ");");
  for (const Operand* o : operands) {
    const int64_t words = fetch ? words_of_thread(*o, rows_of(*o), loaders(*o).second) : 0;
    if (words == 0) continue;
    out_.line(words_text(*o, words));
    print_elements_of(*o, Phase::Fetch);
  }
  const std::string n = std::to_string(plan_.n);
  out_.line(
      "const int lo = " +
      std::string(plan_.row_values.empty() ? "tile * " + n : "warp_uniform(tile * " + n + ")") +
      ", hi = lo + " + n + ";");
  out_.line("const float share = (float)(min_(hi, to) - from) / (float)(to - from);");
  out_.line("(void)share, (void)stage;");
  print_tile(pass);
  for (const Operand* o : operands)
    if (fetch && !o->copied) print_elements_of(*o, Phase::Put);
  out_.line("__syncthreads();");
  out_.close();
}

void TensorCore::print_pass(const tile::Pass& pass, size_t index) {
  const std::string n = std::to_string(plan_.n), again = "again" + std::to_string(index);
  out_.line();
  out_.line("// ---- pass " + std::to_string(index));
  text_.print_states(pass);
  out_.open("");
  text_.print_live(pass, text_.uniform_place());
  text_.print_full(pass, text_.uniform_place());
  text_.print_hoisted(pass);
  const bool certified = static_cast<bool>(pass.certificate);
  if (certified) out_.open("for (int " + again + " = 0; " + again + " < 2; ++" + again + ")");
  text_.declare_fragments(pass);
  rows_.print_declare(pass);
  const std::string lo = certified ? again + " ? 0 : live_lo" : "live_lo",
                    hi = certified ? again + " ? cols_end : live_hi" : "live_hi";
  out_.line("const int from = " + lo + ", to = " + hi + ";");
  out_.line("const int first_tile = from / " + n + ", end_tile = to > from ? (to + " + n +
            " - 1) / " + n + " : first_tile;");
  print_loads(pass);
  print_ring(pass);
  rows_.print_exchange(pass);
  text_.print_finals(pass);
  if (certified) {
    const std::string bad = text_.certificate(pass);
    out_.line("if (" + again + " || !any_thread(" + bad + ", shared)) break;");
    out_.close();
  }
  out_.close();
  text_.forget_hoisted();
}

Source TensorCore::run() {
  if (plan_.stages > 2) refuse("more than two stages");
  place_operands();
  bool combined = false;
  Source source;
  source.entry = identifier("fl_" + plan_.kernel.name);
  source.threads = threads();
  source.shared_bytes = static_cast<int>(shared_);
  source.units = text_.units();
  out_.line("// " + plan_.kernel.name + ": rows by " + std::to_string(plan_.unit_rows()) +
            ", loop by " + std::to_string(plan_.n));
  out_.line("#include \"fragment.cuh\"");
  for (const tile::Pass& p : plan_.kernel.passes)
    for (const tile::Contraction& c : p.contractions)
      if (!is_product(c)) combined = true;
  if (combined) out_.line("#include \"combined.cuh\"");
  if (!plan_.row_values.empty()) out_.line("#include \"row_values.cuh\"");
  out_.line();
  for (const tile::Pass& p : plan_.kernel.passes) print_combine(p);
  out_.open("struct Params");
  out_.line("u64 words[" + std::to_string(plan_.parameter_words()) + "];");
  out_.close(";");
  out_.line();
  out_.open("extern \"C\" __global__ void __launch_bounds__(" + std::to_string(threads()) +
            ", 1) " + source.entry + "(const __grid_constant__ Params p)");
  out_.line("SHARED_MEMORY(smem);");
  out_.line("const u32 shared = smem_addr(smem);");
  const std::string warp = "warp_uniform((int)(threadIdx.x / 32))",
                    warps = std::to_string(plan_.warps);
  out_.line("const int lane = lane_id(), g = lane >> 2, t = lane & 3;");
  out_.line(plan_.across ? "const int slot = " + warp + " / " + warps + ", warp = " + warp + " % " +
                               warps + ";"
                         : "const int warp = " + warp + ";");
  text_.print_arguments();
  out_.line("const i64 unit = blockIdx.x;");
  text_.print_unit(std::to_string(plan_.warp_rows()) + " * warp + g");
  for (const Operand& o : plan_.operands)
    if (!plan_.is_loop_operand(o)) load(o, "row_lo", "rows_end", "");
  out_.line("cp_async_commit();");
  if (plan_.kernel.specialization.tf32) out_.line("cp_async_wait<0>();");
  for (const Operand& o : plan_.operands)
    if (!plan_.is_loop_operand(o)) round(o, "");
  text_.print_prologue();
  for (size_t k = 0; k < plan_.kernel.passes.size(); ++k) print_pass(plan_.kernel.passes[k], k);
  out_.line();
  text_.print_epilogue();
  out_.close();
  source.notes = notes_of(text_, plan_.kernel.passes.at(0), false, "");
  source.notes.insert(source.notes.begin(),
                      "roles: " + warps + " warps of " + std::to_string(plan_.warp_rows()) +
                          " rows each, which load by cp.async and compute; one CTA per unit");
  source.text = out_.text();
  return source;
}

}  // namespace

Source emit_tensor_core(const tile::Kernel& kernel, int64_t shared_limit) {
  return TensorCore(kernel, shared_limit).run();
}

}  // namespace flashlight::codegen::cuda
