#include "codegen/cuda/hopper.h"

#include <algorithm>

#include "codegen/cuda/hopper_text.h"
#include "codegen/cuda/notes.h"
#include "ir/simplify.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

std::vector<std::string> Hopper::weights(const tile::Pass& stage) {
  std::vector<std::string> out;
  for (const tile::State* s : products(stage))
    if (std::find(out.begin(), out.end(), s->contraction->a) == out.end())
      out.push_back(s->contraction->a);
  return out;
}

void Hopper::print_issue_scores(size_t stage) {
  out_.open("const auto issue_scores_" + str(int64_t(stage)) + " = [&](const u32 qb)");
  out_.line("(void)qb;");
  out_.line("wgmma_fence();");
  for (const tile::Contraction& c : stages_[stage].contractions) {
    const Operand &a = a_of(c), &b = b_of(c);
    const std::string buffer =
        copies_.row_buffers > 1 ? " + qb * " + str(copies_.of(a).bytes / 16) : "";
    out_.line("scores_hopper<" + std::string(math_text(a.math)) + ", " + str(plan_.n) + ", " +
              str(a.padded) + ", " + str(copies_.of(a).rows) + ", " +
              str(int64_t(starts_[stage].count(c.value))) + ">(" + plan_.value(c.value).id +
              ", desc_" + a.id + buffer + ", desc_" + b.id + " + k.stage * " +
              str(copies_.of(b).bytes / 16) + ");");
  }
  out_.line("wgmma_commit();");
  out_.close(";");
}

void Hopper::print_issue_values(size_t stage) {
  out_.open("const auto issue_values_" + str(int64_t(stage)) + " = [&]()");
  for (const tile::State* s : products(stages_[stage])) {
    const Operand& b = plan_.operand(s->contraction->b);
    out_.line("values_hopper<" + std::string(math_text(b.math)) + ", " + str(plan_.n) + ", " +
              str(b.padded) + ">(" + plan_.value(s->name).id + ", " +
              plan_.value(s->contraction->a).id + "_packed, desc_" + b.id + " + v.stage * " +
              str(copies_.of(b).bytes / 16) + ");");
  }
  out_.line("wgmma_commit();");
  out_.close(";");
}

/// softmax_<k>(tile, fast, first): from the score fragments to the packed weights. Values of the
/// stage before are under way unless it is the first.
void Hopper::print_softmax(size_t index) {
  const tile::Pass& stage = stages_[index];
  out_.open("const auto softmax_" + str(int64_t(index)) +
            " = [&](const int tile, const bool fast, const bool pending, const bool last_use)");
  text_.print_scales(stage);
  out_.line("const int lo = tile * " + str(plan_.n) + ", col0 = lo + 2 * t;");
  text_.use_prefetched(stage);
  const bool last = index + 1 == stages_.size();
  const auto release_read = [&] {
    if (!last) return;
    out_.line("__syncwarp();  // tiles of this buffer are read by all lanes");
    out_.line("release_k();");
  };
  const auto branch = [&](const tile::Pass& pass, const FragmentText::Step& step) {
    text_.print_step(pass, step);
    for (const std::string& w : weights(stage)) {
      const std::string id = plan_.value(w).id;
      out_.line("#pragma unroll");
      out_.line("for (int i = 0; i < " + str(plan_.n / 2) + "; ++i) " + id + "_out[i] = " + id +
                "[i];");
    }
  };
  out_.open("if (fast)");
  branch(stage, {.full = true, .frozen = frozen_, .deferred = true, .folded = frozen_});
  out_.otherwise();
  if (started_) {
    out_.open("if (work.tracked)");
    for (const auto& [value, start] : starts_[index]) text_.print_scores(value, start.after);
    branch(unstarted_[index], {.full = false, .frozen = false, .deferred = true});
    if (!late_tiles_) release_read();
    out_.otherwise();
  }
  // Where tracked units have their own text, this one may rely on print_overflow().
  const bool after_full =
      frozen_ && !is_const(pass_.full.lo, 0) && !known_equal(pass_.full.lo, pass_.live.lo);
  branch(stage, {.full = false,
                 .frozen = false,
                 .deferred = true,
                 .folded = started_,
                 .watched = after_full ? "!work.tracked" : ""});
  if (started_) out_.close();
  out_.close();
  text_.forget_prefetched();
  if (late_tiles_) release_read();
  out_.open("if (pending)");
  out_.line("wgmma_wait<0>();");
  out_.line("if (last_use) release_v();");
  out_.close();
  pack(stage);
  text_.print_rescale(stage, "rescaled && pending");  // before the first there is nothing
  out_.close(";");
}

void Hopper::pack(const tile::Pass& stage) {
  for (const std::string& w : weights(stage)) {
    const std::string id = plan_.value(w).id;
    Math math = Math::Bf16;
    for (const tile::State* s : products(stage))
      if (s->contraction->a == w) math = plan_.operand(s->contraction->b).math;
    out_.line("#pragma unroll");
    out_.line("for (int i = 0; i < " + str(plan_.n / 4) + "; ++i) " + id + "_packed[i] = pack<" +
              std::string(math_text(math)) + ">(" + id + "_out[2 * i], " + id +
              "_out[2 * i + 1]);");
  }
}

void Hopper::print_first_tile() {
  const std::string fast = frozen_ ? "false" : "is_full(own_last)";
  const size_t m = stages_.size();
  out_.line("softmax_0(own_last, " + fast + ", false, false);");
  if (skips_) {
    out_.open("for (int i = own_last; i < last_tile; ++i)");
    out_.line("wait_v();");
    out_.line("release_v();");
    out_.close();
  }
  for (size_t k = 1; k < m; ++k) {
    const std::string at = str(int64_t(k)), before = str(int64_t(k - 1));
    if (k == 1) out_.line("wait_v();");
    start_scores(k, "work.tracked");
    out_.line("issue_scores_" + at + "(qb);");
    out_.line("issue_values_" + before + "();");
    text_.print_prefetch(stages_[k], "own_last");
    out_.line("wgmma_wait<1>();");
    if (k + 1 == m) release_scores();
    out_.line("softmax_" + at + "(own_last, " + fast + ", true, false);");
  }
}

void Hopper::print_step() {
  const size_t m = stages_.size();
  out_.open("const auto step = [&](const int tile, const bool fast)");
  for (size_t k = 0; k < m; ++k) {
    const std::string at = str(int64_t(k)), before = str(int64_t((k + m - 1) % m));
    if (k == (m == 1 ? 0 : 1)) out_.line("wait_v();");
    if (k == 0) out_.line("wait_k();");
    start_scores(k, "!fast && work.tracked");
    if (turns()) out_.line("named_sync(turn, 256);");
    out_.line("issue_scores_" + at + "(qb);");
    out_.line("issue_values_" + before + "();");
    if (turns()) out_.line("named_arrive(next_turn, 256);");
    text_.print_prefetch(stages_[k], "tile");
    out_.line("wgmma_wait<1>();");
    if (k + 1 == m) release_scores("fast || !work.tracked");
    out_.line("scheduling_fence(tile < 0, bars);");
    out_.line("softmax_" + at + "(tile, fast, true, " + (k == 0 ? "true" : "false") + ");");
  }
  out_.close(";");
}

/// What a warpgroup that computes has for all units: descriptors, fragments, how tiles are taken.
void Hopper::print_consumer_state() {
  out_.line("const int group = warpgroup - 1" + first_of_team(groups()) + ";");
  out_.line("const int turn = 2 + group, next_turn = 2 + (group == " + str(groups() - 1) +
            " ? 0 : group + 1);");
  out_.line("(void)turn, (void)next_turn;");
  out_.line("const bool elected = lane == 0;");
  // All from one, so that the compiler does not make each anew where it is used.
  out_.line("const u64 desc_shared = smem_desc(shared, 0, 1024, 128);");
  for (const Operand& o : plan_.operands) {
    const HopperPlan::Copy& c = copies_.of(o);
    const bool n_major =
        std::find(copies_.values.begin(), copies_.values.end(), &o) != copies_.values.end();
    out_.line("const u64 desc_" + o.id + " = desc_shared + smem_desc(" + str(c.offset) + ", " +
              (n_major ? str(c.rows * 128) : "16") + ", 0, 0)" +
              (plan_.is_loop_operand(o) ? "" : " + group * 512") + ";");
  }
  out_.line("Ring k{0, 0}, v{0, 0};");
  out_.line("u32 it = 0;  // units begun: parity and buffer of row operands and of work slots");
  for (const tile::Contraction& c : pass_.contractions)
    out_.line("float " + plan_.value(c.value).id + "[" + str(plan_.n / 2) + "];");
  for (const std::string& w : weights(pass_)) {
    const std::string id = plan_.value(w).id;
    out_.line("u32 " + id + "_packed[" + str(plan_.n / 4) + "];");
    out_.line("float " + id + "_out[" + str(plan_.n / 2) + "];");
  }
  for (const tile::State* s : products(pass_))
    out_.line("float " + plan_.value(s->name).id + "[" + str(plan_.value(s->name).padded / 2) +
              "];");
  give_tiles();
  for (size_t k = 0; k < stages_.size(); ++k)
    print_start_scores(k), print_issue_scores(k), print_issue_values(k);
  // What comes next is looked for as soon as its place is known: mostly it is there, and the answer
  // comes under other work.
  for (const std::string r : {"k", "v"}) {
    const std::string bar = r + "_full + 8 * " + r + ".stage, " + r + ".parity";
    out_.line("bool " + r + "_here = false;");
    out_.line("const auto wait_" + r + " = [&]() { if (!" + r + "_here) mbar_wait(" + bar +
              "); };");
    out_.open("const auto release_" + r + " = [&]()");
    out_.line("mbar_arrive_if(elected, " + r + "_empty + 8 * " + r + ".stage);");
    out_.line(r + ".next();");
    out_.line(r + "_here = mbar_test(" + bar + ");");
    out_.close(";");
  }
  // Tiles past the rows of this warpgroup are handed back unread.
  out_.open("const auto skipped = [&](const Work& work, const u32 b)");
  if (skips_) {
    print_posted("b", "0");
    print_own_tiles();
    out_.line("(void)work;");
    out_.line("return last_tile - own_last;");
  } else {
    out_.line("(void)work, (void)b;");
    out_.line("return 0;");
  }
  out_.close(";");
  out_.open("const auto wait_first_k = [&](const int skip)");
  out_.open("for (int i = 0; i < skip; ++i)");
  out_.line("wait_k();");
  out_.line("release_k();");
  out_.close();
  out_.line("wait_k();");
  out_.close(";");
}

void Hopper::print_consumer() {
  print_consumer_state();
  const bool single = stages_.size() == 1;
  out_.line("Work work = take_work(it);");
  out_.line("if (work.unit < 0) return;");
  if (turns()) out_.line("if (group == 0) named_arrive(turn, 256);");
  out_.line("mbar_wait(q_full, 0);");
  out_.line("wait_first_k(skipped(work, 0));");
  start_scores(0, "work.tracked");
  out_.line("issue_scores_0(0);");
  out_.line("wgmma_wait<0>();");
  if (single) release_scores();
  out_.open("while (work.unit >= 0)");
  out_.line("// the scores of the unit's first tile are there");
  out_.line("const u32 qb = it & 1;");
  print_posted("qb", own_row());
  print_own_tiles();
  text_.print_full(pass_, own_place());
  text_.print_prologue();
  text_.print_states(pass_, false);
  text_.print_hoisted(pass_);
  text_.declare_fragments(pass_);
  text_.print_touch_values();
  text_.print_pointers(pass_);
  out_.line("const float share = 1.f;");
  out_.line("(void)share, (void)qb;");
  out_.line("const int first_full = (full_lo + " + str(plan_.n - 1) + ") / " + str(plan_.n) + ";");
  out_.line("const int last_full = " + std::string(frozen_ ? "work.tracked ? -1 : " : "") +
            "full_hi / " + str(plan_.n) + " - 1;");
  out_.open("const auto is_full = [&](const int tile)");
  out_.line("return tile >= first_full && tile <= last_full;");
  out_.close(";");
  for (size_t k = 0; k < stages_.size(); ++k) print_softmax(k);
  text_.print_prefetch(stages_[0], "own_last");
  print_first_tile();
  print_step();
  // A loop of its own for each kind of tile: both bodies in one loop ask for more registers.
  out_.line("int tile = own_last - 1;");
  out_.line("#pragma unroll 1");
  out_.open("while (tile >= first_tile)");
  out_.line("#pragma unroll 1");
  out_.line("for (; tile >= first_tile && !is_full(tile); --tile) step(tile, false);");
  out_.line("#pragma unroll 1");
  out_.line("for (; tile >= max_(first_tile, first_full); --tile) step(tile, true);");
  out_.close();
  print_drain();
  out_.close();
}

/// The last values of this unit and the first scores of the next one: the epilogue runs under
/// these. Where the unit's values decide whether it is done again, they come first.
void Hopper::print_drain() {
  const bool single = stages_.size() == 1, certified = static_cast<bool>(pass_.certificate);
  const std::string last = "issue_values_" + str(int64_t(stages_.size()) - 1) + "();";
  const std::string tell = "elected) " + slot("qb", 2) + " = 1;";
  if (single) out_.line("wait_v();");
  const bool early = all_groups() < 4;  // registers for gates while weights are in use
  if (early) text_.print_value_words();
  if (certified) {
    out_.line("wgmma_fence();");
    out_.line(last);
    out_.line("wgmma_wait<0>();");
    out_.line("release_v();");
    text_.print_finals(pass_, frozen_);
    const std::string failed = text_.certificate(pass_);
    out_.line("if (!work.tracked && __any_sync(~0u, " + failed + ") && " + tell);
  }
  if (frozen_) {
    const std::string over = text_.print_overflow(pass_);
    out_.line("if (!work.tracked && __any_sync(~0u, " + over + ") && " + tell);
  }
  out_.line("__syncwarp();");
  out_.line("if (elected) mbar_arrive(q_empty + 8 * qb);");
  out_.line("++it;");
  out_.line("work = take_work(it);");
  out_.line("const bool more = work.unit >= 0;");
  out_.line("const u32 qn = it & 1;");
  const auto wait_next = [&] {
    out_.open("if (more)");
    out_.line("mbar_wait(q_full + 8 * qn, (it >> 1) & 1);");
    out_.line("wait_first_k(skipped(work, qn));");
    out_.close();
  };
  const bool early_next = turns() || !starts_[0].empty();  // no fragment starts under a product
  if (early_next) wait_next(), start_scores(0, "work.tracked");
  if (turns()) out_.line("named_sync(turn, 256);");
  out_.line("wgmma_fence();");
  if (!certified) out_.line(last);
  if (!early_next) wait_next();
  out_.line(
      "issue_scores_0(qn);  // on stale operands at the end: a branch would serialise every "
      "product");
  if (turns()) out_.line("named_arrive(next_turn, 256);");
  if (!certified) {
    out_.line("wgmma_wait<1>();");
    out_.line("release_v();");
    text_.print_finals(pass_, frozen_);
    if (!early) text_.print_value_words();
  } else if (!early) {
    text_.print_value_words();
  }
  text_.print_epilogue();
  out_.line("wgmma_wait<0>();");
  if (single) release_scores("more && !work.tracked", "more");
}

Source Hopper::run() {
  Source source;
  source.entry = identifier("fl_" + plan_.kernel.name);
  source.threads = threads();
  source.shared_bytes = static_cast<int>(copies_.shared) * teams();
  source.units = text_.units();
  source.ctas_per_sm = 1;
  source.counter = true;
  source.maps = copies_.maps;
  const int64_t words = plan_.parameter_words();
  print_types(words + 1);
  out_.open("extern \"C\" __global__ void __launch_bounds__(" + str(threads()) + ", 1) " +
            source.entry + "(const __grid_constant__ Params p)");
  out_.line(
      "const int lane = lane_id(), warp = warp_uniform((int)(threadIdx.x / 32)), warpgroup = "
      "warp_uniform((int)(threadIdx.x / 128)), g = lane >> 2, t = lane & 3;");
  print_shared();
  text_.print_arguments();
  out_.line("int* const counter = (int*)p.words[" + str(words) + "];");
  print_barriers();
  print_take_work();
  out_.open("const auto unit_count = [&]()");
  Place sizes = text_.uniform_place();
  Block block(plan_, sizes);
  out_.line("return (int)(" + block.value(text_.units()) + ");");
  out_.close(";");
  out_.open("if (warpgroup == 0)");
  // Registers change hands within what the CTA was started with: more than that waits for ever.
  const int n = all_groups();
  const int producer = n == 1 ? 255 : n == 2 ? 40 : 32;
  const int consumer = n == 1 ? 255 : n == 2 ? 232 : n == 3 ? 160 : 112;
  FLASHLIGHT_CHECK(
      n == 1 || 128 * (producer + n * consumer) <= threads() * (65536 / threads() / 8 * 8),
      "warpgroups ask for more registers than there are");
  source.notes =
      notes_of(text_, pass_, true, "elementwise work runs under the values of the tile before");
  source.notes.insert(
      source.notes.begin(),
      "roles: a warpgroup that claims work and loads by TMA (" + str(producer) +
          " registers a thread), " + str(n) + " that compute 64 rows each (" + str(consumer) + ")" +
          (teams() > 1 ? ", in " + str(teams()) + " teams with units of their own" : "") +
          "; one persistent CTA per multiprocessor");
  const bool exchange = n > 1;  // one group's share is all that a thread can have
  if (exchange) out_.line("regs_shrink<" + str(producer) + ">();");
  print_producer();
  print_scheduler();
  out_.otherwise();
  if (exchange) out_.line("regs_grow<" + str(consumer) + ">();");
  print_consumer();
  out_.close();
  out_.close();
  source.text = out_.text();
  return source;
}

Source emit_hopper(const tile::Kernel& kernel, int64_t shared_limit) {
  return Hopper(kernel, shared_limit).run();
}

}  // namespace flashlight::codegen::cuda
