// The warpgroup of a Hopper kernel that does not compute: one thread claims units of work and loads
// their rows, one loads the tiles of the loop. And where the others find what was loaded.
#include "codegen/cuda/hopper_text.h"
#include "codegen/cuda/wgmma.h"

namespace flashlight::codegen::cuda {

using namespace ir;

/// Shared memory, of the team where there are several: two warps load for each.
void Hopper::print_shared() {
  if (teams() == 1) {
    out_.line("SHARED_MEMORY(smem);");
    out_.line("const u32 shared = smem_addr(smem);");
  } else {
    out_.line("const int team = warpgroup == 0 ? warp / 2 : (warpgroup - 1) / " + str(groups()) +
              ";");
    out_.line("SHARED_MEMORY(all_teams);");
    out_.line("unsigned char* const smem = all_teams + team * " + str(copies_.shared) + ";");
    // Uniform, so that descriptors and barriers stay out of the registers of each thread.
    out_.line("const u32 shared = (u32)warp_uniform((int)smem_addr(smem));");
  }
}

/// Text: less what the teams before have, where a team has `count`.
std::string Hopper::first_of_team(int count) const {
  return teams() == 1 ? "" : " - team * " + str(count);
}

/// Text: the first row of this thread among those of the unit.
std::string Hopper::own_row() const {
  return "16 * (warp - 4" + first_of_team(plan_.warps) + ") + g";
}

void Hopper::print_barriers() {
  const int stages = plan_.stages, arrivals = 4 * groups();
  out_.line("const u32 bars = shared + " + str(copies_.bars) + ";");
  out_.line(
      "const u32 q_full = bars, q_empty = bars + 16, work_full = bars + 32, work_empty = bars + "
      "48, claim = bars + 64;");
  out_.line("const u32 k_full = bars + 72, k_empty = k_full + " + str(8 * stages) +
            ", v_full = k_empty + " + str(8 * stages) + ", v_empty = v_full + " + str(8 * stages) +
            ";");
  out_.line("volatile int* const slots = (volatile int*)(smem + " + str(copies_.slots) +
            ");  // [2]{unit, tracked, overflow, first_tile, last_tile, " +
            join(text_.posted(), ", ") + "}");
  out_.open(teams() == 1 ? "if (threadIdx.x == 0)"
                         : "if (warpgroup == 0 && threadIdx.x % 64 == 0)");
  out_.open("for (int i = 0; i < 2; ++i)");
  out_.line("mbar_init(q_full + 8 * i, 1);");
  out_.line("mbar_init(q_empty + 8 * i, " + str(arrivals) + ");");
  out_.line("mbar_init(work_full + 8 * i, 1);");
  out_.line("mbar_init(work_empty + 8 * i, " + str(arrivals + 1) +
            ");  // and the thread that loads");
  out_.line(slot("i", 2) + " = 0;");
  out_.close();
  out_.open("for (int i = 0; i < " + str(stages) + "; ++i)");
  out_.line("mbar_init(k_full + 8 * i, 1);");
  out_.line("mbar_init(v_full + 8 * i, 1);");
  out_.line("mbar_init(k_empty + 8 * i, " + str(arrivals) + ");");
  out_.line("mbar_init(v_empty + 8 * i, " + str(arrivals) + ");");
  out_.close();
  out_.line("mbar_init(claim, 1);");
  out_.line("mbar_init_fence();");
  out_.close();
  out_.line("__syncthreads();");
}

/// A unit without a live tile gets one that is masked throughout.
void Hopper::print_tiles() {
  const std::string n = str(plan_.n);
  text_.print_live(pass_, text_.uniform_place());
  const std::string all = pass_.certificate ? "work.tracked ? " : "";
  out_.line("const int first_tile = min_(" + (all.empty() ? "live_lo" : all + "0 : live_lo") +
            ", max_(cols_end - 1, 0)) / " + n + ";");
  out_.line("const int last_tile = max_((max_(" +
            (all.empty() ? "live_hi" : all + "cols_end : live_hi") + ", 1) - 1) / " + n +
            ", first_tile);");
}

/// The unit in a work slot. Who posts it has divided; all others only read.
void Hopper::print_posted(const std::string& buffer, const std::string& first_row) {
  text_.print_sizes();
  int at = 3;
  for (const char* name : {"first_tile", "last_tile"})
    out_.line("const int " + std::string(name) + " = " + slot(buffer, at++) + ";");
  for (const std::string& name : text_.posted())
    out_.line("const int " + name + " = " + slot(buffer, at++) + ";");
  out_.line("(void)first_tile, (void)last_tile;");
  text_.print_rows_of_unit(first_row);
}

/// The rows of a warpgroup in place of those of the unit.
Place Hopper::own_place() const {
  Place place = text_.uniform_place();
  place.values[plan_.rows->name() + ".lo"] = "own_lo";
  place.values[plan_.rows->name() + ".hi"] = "own_hi";
  return place;
}

/// own_last: the last tile that has live elements for the rows of this warpgroup.
void Hopper::print_own_tiles() {
  out_.line(
      "const int own_lo = row_lo + 64 * group, own_hi = max_(min_(own_lo + 64, rows_end), own_lo + "
      "1);");
  out_.line("(void)own_hi;");
  if (!skips_) {
    out_.line("const int own_last = last_tile;");
    return;
  }
  const Place place = own_place();
  Block block(plan_, place);
  const std::string hi = block.value(pass_.live.hi);
  block.print(out_);
  out_.line("const int own_end = (int)(" + hi + ");");
  // A warpgroup that waits for scores holds a buffer of values: it may be so far behind, no more.
  const std::string furthest = "max_((own_end - 1) / " + str(plan_.n) +
                               ", max_(first_tile, last_tile - " + str(plan_.stages) + "))";
  out_.line("const int own_last = " + std::string(redoes() ? "work.tracked ? last_tile : " : "") +
            "min_(" + furthest + ", last_tile);");
}

void Hopper::print_load(const Operand& o, const std::string& to, const std::string& bar,
                        const std::string& row) {
  const HopperPlan::Copy& c = copies_.of(o);
  Place place = text_.uniform_place();
  place.axes[o.row] = row;
  for (int64_t chunk = 0; chunk < c.chunks; ++chunk) {
    place.axes[o.columns[0]] = str(64 * chunk);
    print_copy(c, o.body->args, place, to + " + " + str(chunk * c.rows * 128), bar);
  }
}

void Hopper::print_copy(const HopperPlan::Copy& c, const std::vector<Expr>& at, const Place& place,
                        const std::string& to, const std::string& bar) {
  Block block(plan_, place);
  std::vector<std::string> where;
  for (int d : c.dims) where.push_back("(int)(" + block.value(at[static_cast<size_t>(d)]) + ")");
  block.print(out_);
  out_.line("tma_load_" + str(static_cast<int64_t>(c.dims.size())) + "d(" + to + ", &p.maps[" +
            str(c.map) + "], " + bar + ", " + join(where, ", ") + ");");
}

/// The tiles of elements that the scores of a loop tile meet.
void Hopper::print_load_tiles() {
  for (const HopperPlan::Tile& tile : copies_.tiles)
    for (int64_t chunk = 0; chunk < tile.copy.chunks; ++chunk) {
      const HopperPlan::Copy& c = tile.copy;
      Place place = text_.uniform_place();
      place.axes[plan_.rows] = "row_lo";
      place.axes[plan_.loop] = "(tile * " + str(plan_.n) + " + " + str(64 * chunk) + ")";
      print_copy(
          c, tile.load->args, place,
          "shared + " + str(c.offset + chunk * c.rows * 128) + " + k.stage * " + str(c.bytes),
          "bar");
    }
}

/// Elements of the tiles in the ring, read where they are needed: registers are few.
void Hopper::give_tiles() {
  if (copies_.tiles.empty()) return;
  // Rows of 128 bytes; the pieces of 16 of row r lie where TMA's swizzle puts them, at piece ^ r
  // % 8.
  out_.line("const u32 tile_row = (shared + (" + own_row() + ") * 128 + 4 * t) ^ g << 4;");
  out_.line("const u32 tile_line = shared + 4 * t;");
  out_.line("(void)tile_row, (void)tile_line;");
  for (const HopperPlan::Tile& tile : copies_.tiles) {
    const HopperPlan::Copy& c = tile.copy;
    const std::string buffer = str(c.offset) + " + k.stage * " + str(c.bytes);
    if (tile.by_row)
      text_.give_words(tile.load, *tile.tensor, 2,
                       "((tile_row + " + buffer + ") ^ (i >> 2 & 7) << 4) + (i >> 5) * " +
                           str(c.rows * 128) + " + 512 * (i & 2)");
    else
      text_.give_words(tile.load, *tile.tensor, 4, "tile_line + " + buffer + " + (i >> 2) * 16");
  }
}

/// What stands before the kernel.
void Hopper::print_types(int64_t words) {
  out_.line("// " + plan_.kernel.name + ": " + str(groups()) + " warpgroups of 64 rows, loop by " +
            str(plan_.n) + (frozen_ ? ", references frozen" : ""));
  out_.line("#include \"warpgroup.cuh\"");
  out_.line();
  std::set<std::string> specializations;
  for (size_t k = 0; k < stages_.size(); ++k) {
    for (const tile::Contraction& c : stages_[k].contractions)
      specializations.insert(
          scores_text(math_text(a_of(c).math), plan_.n, static_cast<int>(a_of(c).padded),
                      static_cast<int>(copies_.of(a_of(c)).rows), starts_[k].count(c.value) > 0));
    for (const tile::State* s : products(stages_[k])) {
      const Operand& b = plan_.operand(s->contraction->b);
      specializations.insert(values_text(math_text(b.math), plan_.n, static_cast<int>(b.padded)));
    }
  }
  for (const std::string& text : specializations) out_.append(text);
  out_.line();
  out_.line("struct Params {");
  out_.line("  TensorMap maps[" + str(static_cast<int64_t>(copies_.maps.size())) + "];");
  out_.line("  u64 words[" + str(words) + "];");
  out_.line("};");
  out_.line();
  out_.line("struct Work {");
  out_.line("  int unit, tracked;  // negative: no more. tracked: references follow in every tile");
  out_.line("};");
  out_.line();
  out_.line("struct Ring {  // the buffer at hand and the parity of its phase");
  out_.line("  u32 stage, parity;");
  out_.line("  MEMBER void next() { if (++stage == " + str(plan_.stages) +
            ") stage = 0, parity ^= 1; }");
  out_.line("};");
  out_.line();
}

void Hopper::print_take_work() {
  out_.open("const auto take_work = [&](const u32 it)");
  out_.line("const u32 b = it & 1;");
  out_.line("mbar_wait(work_full + 8 * b, (it >> 1) & 1);");
  out_.line("const Work w{" + slot("b", 0) + ", " + slot("b", 1) + "};");
  out_.line("if (warpgroup > 0) __syncwarp();");
  out_.line("if (lane == 0) mbar_arrive(work_empty + 8 * b);");
  out_.line("return w;");
  out_.close(";");
}

void Hopper::print_producer() {
  out_.open(teams() == 1 ? "if (warp == 0 && lane == 0)" : "if (warp % 2 == 0 && lane == 0)");
  out_.line("Ring k{0, 1}, v{0, 1};  // parity 1: an empty ring does not block");
  out_.open("for (u32 it = 0;; ++it)");
  out_.line("const Work work = take_work(it);");
  out_.line("if (work.unit < 0) break;");
  print_posted("(it & 1)", "0");
  auto loader = [&](const char* ring, const std::vector<const Operand*>& operands, int64_t bytes) {
    const std::string r = ring;
    out_.open("const auto load_" + r + " = [&](const int tile)");
    out_.line("mbar_wait(" + r + "_empty + 8 * " + r + ".stage, " + r + ".parity);");
    out_.line("const u32 bar = " + r + "_full + 8 * " + r + ".stage;");
    out_.line("mbar_arrive_expect(bar, " + str(bytes) + ");");
    for (const Operand* o : operands)
      print_load(*o,
                 "shared + " + str(copies_.of(*o).offset) + " + " + r + ".stage * " +
                     str(copies_.of(*o).bytes),
                 "bar", "tile * " + str(plan_.n));
    if (r == "k") print_load_tiles();
    out_.line(r + ".next();");
    out_.close(";");
  };
  loader("k", copies_.scores, copies_.score_bytes);
  loader("v", copies_.values, copies_.value_bytes);
  out_.line("load_k(last_tile);");
  out_.open("for (int tile = last_tile; tile >= first_tile; --tile)");
  out_.line("if (tile == min_(last_tile, first_tile + 2)) mbar_arrive(claim);");
  out_.line("if (tile > first_tile) load_k(tile - 1);");
  out_.line("load_v(tile);");
  out_.close();
  out_.close();
  out_.close();
}

// Claims a unit, posts it, loads its row operands; a unit that overflowed is posted once more.
void Hopper::print_scheduler() {
  out_.open(teams() == 1 ? "if (warp == 1 && lane == 0)" : "if (warp % 2 == 1 && lane == 0)");
  out_.line("Work last{-1, 0}, before{-1, 0};  // posted one and two turns ago");
  out_.line("bool all_claimed = false;");
  out_.line("const int units = unit_count();");
  const std::string redo = redoes() ? "w.unit >= 0 && !w.tracked && " + slot("b", 2) : "false";
  out_.line("const auto overflowed = [&](const Work& w, u32 b) { (void)w, (void)b; return " + redo +
            "; };");
  out_.open("for (u32 it = 0;; ++it)");
  out_.line("const u32 b = it & 1, parity = (it >> 1) & 1;");
  out_.line(
      "mbar_wait(q_empty + 8 * b, parity ^ 1);  // consumers are through with the unit before the "
      "last");
  out_.line(
      "if (it > 0) mbar_wait(claim, (it - 1) & 1);  // claim late, else the last units are dealt "
      "unevenly");
  out_.line("Work work{-1, 0};");
  out_.open("if (overflowed(before, b))");
  out_.line("work = before, work.tracked = 1;");
  out_.close();
  out_.open("else if (!all_claimed)");
  const std::string claimants = (teams() == 1 ? "" : str(teams()) + " * ") + "(int)gridDim.x";
  const std::string first =
      teams() == 1 ? "(int)blockIdx.x" : "(int)(blockIdx.x + team * gridDim.x)";
  out_.line("const int next = it == 0 ? " + first + " : atomicAdd(counter, 1) + " + claimants +
            ";");
  out_.line("if (next < units) work.unit = next;");
  out_.line("else all_claimed = true;");
  out_.close();
  if (redoes()) {
    out_.open("if (work.unit < 0 && last.unit >= 0 && !last.tracked)");
    out_.line(
        "mbar_wait(q_empty + 8 * (b ^ 1), ((it - 1) >> 1) & 1);  // the end, unless the last one "
        "overflows");
    out_.line("if (overflowed(last, b ^ 1)) work = last, work.tracked = 1, last.unit = -1;");
    out_.close();
  }
  out_.line("before = last, last = work;");
  out_.line("mbar_wait(work_empty + 8 * b, parity ^ 1);");
  out_.line(slot("b", 0) + " = work.unit, " + slot("b", 1) + " = work.tracked, " + slot("b", 2) +
            " = 0;");
  out_.open("if (work.unit >= 0)");
  out_.line("const i64 unit = work.unit;");
  text_.print_unit("0");
  print_tiles();
  int at = 3;
  out_.line(slot("b", at++) + " = first_tile;");
  out_.line(slot("b", at++) + " = last_tile;");
  for (const std::string& name : text_.posted()) out_.line(slot("b", at++) + " = " + name + ";");
  out_.close();
  out_.line("mbar_arrive(work_full + 8 * b);");
  out_.line("if (work.unit < 0) break;");
  print_posted("b", "0");
  if (copies_.row_buffers == 1)
    out_.line(
        "if (it > 0) mbar_wait(q_empty + 8 * (b ^ 1), ((it - 1) >> 1) & 1);  // the only buffer");
  out_.line("mbar_arrive_expect(q_full + 8 * b, " + str(copies_.row_bytes) + ");");
  for (const Operand* o : copies_.row_operands)
    print_load(*o,
               "shared + " + str(copies_.of(*o).offset) +
                   (copies_.row_buffers > 1 ? " + b * " + str(copies_.of(*o).bytes) : ""),
               "q_full + 8 * b", "row_lo");
  out_.close();
  out_.line("__threadfence();  // the last CTA zeroes the counters for the next launch");
  out_.line("if (atomicAdd(counter + 1, 1) == " + claimants +
            " - 1) counter[0] = 0, counter[1] = 0;");
  out_.close();
}

}  // namespace flashlight::codegen::cuda
