#include "codegen/cuda/tensor_core.h"

#include "codegen/cuda/fragment_text.h"
#include "codegen/cuda/notes.h"
#include "codegen/cuda/operands.h"

namespace flashlight::codegen::cuda {
namespace {

using namespace ir;

class TensorCore {
 public:
  TensorCore(const tile::Kernel& kernel, int64_t shared_limit)
      : plan_(kernel), text_(plan_, out_), limit_(shared_limit) {}

  Source run();

 private:
  int threads() const { return 32 * plan_.warps; }
  static int64_t pitch(const Operand& o) { return o.padded * math_bytes(o.math) + 16; }
  int64_t rows_of(const Operand& o) const {
    return plan_.is_loop_operand(o) ? plan_.n : 16 * plan_.warps;
  }
  void place_operands();
  std::string base(const Operand& o, const std::string& stage) const;
  std::vector<const Operand*> loop_operands(const tile::Pass& pass) const;
  void print_pass(const tile::Pass& pass, size_t index);
  void print_tile(const tile::Pass& pass);
  std::string pad(const Operand& o) const { return std::to_string(pitch(o)); }

  Plan plan_;
  Writer out_;
  FragmentText text_;
  int64_t limit_, shared_ = 16;  // the first word: a flag of the CTA
  std::map<const Operand*, int64_t> offset_;
};

void TensorCore::place_operands() {
  for (const Operand& o : plan_.operands) {
    offset_[&o] = shared_;
    shared_ += rows_of(o) * pitch(o) * (plan_.is_loop_operand(o) ? plan_.stages : 1);
  }
  if (shared_ > limit_)
    refuse("its tiles need " + std::to_string(shared_) + " bytes of shared memory, there are " +
           std::to_string(limit_));
}

std::string TensorCore::base(const Operand& o, const std::string& stage) const {
  std::string at = "shared + " + std::to_string(offset_.at(&o));
  if (plan_.is_loop_operand(o) && plan_.stages > 1)
    at += " + " + stage + " * " + std::to_string(rows_of(o) * pitch(o));
  return at;
}

std::vector<const Operand*> TensorCore::loop_operands(const tile::Pass& pass) const {
  std::vector<const Operand*> out;
  auto add = [&](const std::string& name) {
    const Operand* o = &plan_.operand(name);
    if (std::find(out.begin(), out.end(), o) == out.end()) out.push_back(o);
  };
  for (const tile::Contraction& c : pass.contractions) add(c.b);
  for (const tile::State& s : pass.states)
    if (s.contraction) add(s.contraction->b);
  return out;
}

/// Products of the tile in `stage`, and what is between them.
void TensorCore::print_tile(const tile::Pass& pass) {
  out_.line("const int col0 = tile * " + std::to_string(plan_.n) + " + 2 * t;");
  for (const tile::Contraction& c : pass.contractions) {
    const Operand &a = plan_.operand(c.a), &b = plan_.operand(c.b);
    const std::string id = plan_.value(c.value).id;
    out_.line("float " + id + "[" + std::to_string(plan_.n / 2) + "];");
    out_.line("Scores<" + std::string(math_text(a.math)) + ", " + std::to_string(plan_.n) + ", " +
              std::to_string(a.padded) + ", " + pad(a) + ", " + pad(b) + ">::run(" + id + ", " +
              base(a, "") + " + warp * " + std::to_string(16 * pitch(a)) + ", " + base(b, "stage") + ");");
  }
  // The weights of both branches go to one array, so that the products stand outside of them.
  std::vector<std::string> weights;
  for (const tile::State& s : pass.states)
    if (s.contraction && std::find(weights.begin(), weights.end(), s.contraction->a) == weights.end())
      weights.push_back(s.contraction->a);
  auto is_score = [&](const std::string& name) {
    for (const tile::Contraction& c : pass.contractions)
      if (c.value == name) return true;
    return false;
  };
  for (const std::string& w : weights)
    if (!is_score(w))
      out_.line("float " + plan_.value(w).id + "_out[" + std::to_string(plan_.n / 2) + "];");
  auto branch = [&](bool full) {
    text_.print_step(pass, {.full = full});
    for (const std::string& w : weights) {
      const std::string id = plan_.value(w).id;
      if (is_score(w)) continue;
      out_.line("#pragma unroll");
      out_.line("for (int i = 0; i < " + std::to_string(plan_.n / 2) + "; ++i) " + id + "_out[i] = " +
                id + "[i];");
    }
  };
  out_.open("if (lo >= full_lo && hi <= full_hi)");
  branch(true);
  out_.otherwise();
  branch(false);
  out_.close();
  for (const tile::State& s : pass.states) {
    if (!s.contraction) continue;
    const Operand& b = plan_.operand(s.contraction->b);
    const std::string w = plan_.value(s.contraction->a).id + (is_score(s.contraction->a) ? "" : "_out");
    out_.line("Values<" + std::string(math_text(b.math)) + ", " + std::to_string(plan_.n) + ", " +
              std::to_string(b.padded) + ", " + pad(b) + ">::run(" + plan_.value(s.name).id + ", " + w +
              ", " + base(b, "stage") + ");");
  }
}

void TensorCore::print_pass(const tile::Pass& pass, size_t index) {
  const std::string n = std::to_string(plan_.n), again = "again" + std::to_string(index);
  out_.line();
  out_.line("// ---- pass " + std::to_string(index));
  text_.print_states(pass);
  out_.open("");
  text_.print_range(pass);
  text_.print_hoisted(pass);
  const bool certified = static_cast<bool>(pass.certificate);
  if (certified) out_.open("for (int " + again + " = 0; " + again + " < 2; ++" + again + ")");
  text_.declare_fragments(pass);
  const std::string lo = certified ? again + " ? 0 : live_lo" : "live_lo",
                    hi = certified ? again + " ? cols_end : live_hi" : "live_hi";
  out_.line("const int from = " + lo + ", to = " + hi + ";");
  out_.line("const int first_tile = from / " + n + ", end_tile = to > from ? (to + " + n + " - 1) / " + n +
            " : first_tile;");
  const auto operands = loop_operands(pass);
  out_.open("const auto load = [&](const int tile, const int stage)");
  out_.line("(void)stage;");
  for (const Operand* o : operands)
    print_load(out_, plan_, *o, text_.uniform_place(), "tile * " + n, "cols_end", plan_.n,
               {base(*o, "stage"), pitch(*o)}, "(int)threadIdx.x", threads());
  out_.line("cp_async_commit();");
  out_.close(";");
  const bool ring = plan_.stages > 1;
  out_.line("__syncthreads();");  // a pass before may still read the ring
  if (ring) out_.line("if (first_tile < end_tile) load(first_tile, 0);");
  out_.line("#pragma unroll 1");
  out_.open("for (int tile = first_tile; tile < end_tile; ++tile)");
  if (ring) {
    out_.line("const int stage = (tile - first_tile) & 1;");
    out_.line("if (tile + 1 < end_tile) load(tile + 1, stage ^ 1);");
    out_.line("else cp_async_commit();");
    out_.line("cp_async_wait<1>();");
  } else {
    out_.line("const int stage = 0;");
    out_.line("load(tile, 0);");
    out_.line("cp_async_wait<0>();");
  }
  out_.line("__syncthreads();");
  out_.line("const int lo = tile * " + n + ", hi = lo + " + n + ";");
  out_.line("const float share = (float)(min_(hi, to) - from) / (float)(to - from);");
  out_.line("(void)share, (void)stage;");
  print_tile(pass);
  out_.line("__syncthreads();");
  out_.close();
  text_.print_finals(pass);
  if (certified) {
    const std::string bad = text_.certificate(pass);
    out_.line("if (" + again + " || !any_thread(" + bad + ", shared)) break;");
    out_.close();
  }
  out_.close();
}

Source TensorCore::run() {
  if (plan_.stages > 2) refuse("more than two stages");
  place_operands();
  const size_t words = plan_.tensors.size() + plan_.kernel.symbols.size() + [&] {
    size_t n = 0;
    for (const auto& [name, t] : plan_.tensors) n += t.shape.size();
    return n;
  }();
  Source source;
  source.entry = identifier("fl_" + plan_.kernel.name);
  source.threads = threads();
  source.shared_bytes = static_cast<int>(shared_);
  source.units = text_.units();
  out_.line("// " + plan_.kernel.name + ": rows by " + std::to_string(16 * plan_.warps) + ", loop by " +
            std::to_string(plan_.n));
  out_.line("#include \"fragment.cuh\"");
  out_.line();
  out_.open("struct Params");
  out_.line("u64 words[" + std::to_string(words) + "];");
  out_.close(";");
  out_.line();
  out_.open("extern \"C\" __global__ void __launch_bounds__(" + std::to_string(threads()) + ", 1) " +
            source.entry + "(const __grid_constant__ Params p)");
  out_.line("SHARED_MEMORY(smem);");
  out_.line("const u32 shared = smem_addr(smem);");
  out_.line("const int lane = lane_id(), warp = warp_uniform((int)(threadIdx.x / 32)), g = lane >> 2, t = lane & 3;");
  text_.print_arguments();
  out_.line("const i64 unit = blockIdx.x;");
  text_.print_unit("16 * warp + g");
  for (const Operand& o : plan_.operands)
    if (!plan_.is_loop_operand(o))
      print_load(out_, plan_, o, text_.uniform_place(), "row_lo", "rows_end", 16 * plan_.warps,
                 {base(o, ""), pitch(o)}, "(int)threadIdx.x", threads());
  out_.line("cp_async_commit();");
  text_.print_prologue();
  for (size_t k = 0; k < plan_.kernel.passes.size(); ++k) print_pass(plan_.kernel.passes[k], k);
  out_.line();
  text_.print_epilogue();
  out_.close();
  source.notes = notes_of(text_, plan_.kernel.passes.at(0), false, "");
  source.notes.insert(source.notes.begin(), "roles: " + std::to_string(plan_.warps) +
                                                " warps of 16 rows each, which load by cp.async and "
                                                "compute; one CTA per unit of work");
  source.text = out_.text();
  return source;
}

}  // namespace

Source emit_tensor_core(const tile::Kernel& kernel, int64_t shared_limit) {
  return TensorCore(kernel, shared_limit).run();
}

}  // namespace flashlight::codegen::cuda
