#include "codegen/cuda/simt.h"

#include <algorithm>

#include "codegen/cuda/simt_text.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {
namespace {

using namespace ir;

constexpr int kMultiprocessors = 132;  // units below this leave some of the machine idle

/// Tiles to try, the best first.
std::vector<SimtTiles> candidates(const tile::Kernel& k) {
  constexpr int64_t kSizes[][2] = {{64, 64}, {64, 32}, {32, 64}, {32, 32}, {16, 32}, {16, 16},
                                   {8, 32},  {8, 16},  {4, 16},  {2, 16},  {1, 16},  {1, 8}};
  std::vector<SimtTiles> out;
  for (const auto& [rows, columns] : kSizes) {
    SimtTiles t;
    t.rows = k.tiled.empty() ? 1 : std::min(rows, k.schedule.row_tile);
    t.columns = std::min(columns, k.schedule.loop_tile);
    t.threads = t.rows * t.columns >= 1024 ? 256 : 128;
    out.push_back(t);
  }
  return out;
}

int64_t hint(const tile::Kernel& k, Expr units) {
  Bindings sizes;
  for (const SymbolInfo& s : k.symbols) sizes[s.name] = s.hint;
  for (const auto& [name, value] : k.specialization.fixed) sizes[name] = value;
  return evaluate(units, sizes);
}

Source source(const tile::Kernel& k, const SimtText& text, const SimtMemory& memory,
              const SimtTiles& tiles, const std::string& arch) {
  Source out;
  out.entry = identifier(k.name);
  out.text = text.text(out.entry);
  out.arch = arch;
  out.threads = tiles.threads;
  out.shared_bytes = static_cast<int>(memory.shared_bytes());
  out.workspace_bytes = memory.workspace_bytes();
  if (out.workspace_bytes > 0) out.ctas_per_sm = 1;
  out.units = text.units();
  return out;
}

}  // namespace

int shared_limit(const std::string& arch) {
  constexpr std::pair<const char*, int> kKilobytes[] = {
      {"sm_75", 64},  {"sm_80", 163},  {"sm_86", 99},   {"sm_87", 163}, {"sm_89", 99},
      {"sm_90", 227}, {"sm_100", 227}, {"sm_103", 227}, {"sm_120", 99}, {"sm_121", 99}};
  const std::string plain = arch.substr(0, arch.find_last_of("0123456789") + 1);
  for (const auto& [name, kilobytes] : kKilobytes)
    if (plain == name) return kilobytes << 10;
  return 48 << 10;
}

Source emit_simt(const tile::Kernel& k) { return emit_simt(k, {}); }

Source emit_simt(const tile::Kernel& k, const SimtOptions& options) {
  const std::string arch = k.target.rfind("sm_", 0) == 0 ? k.target : "sm_80";
  const int64_t limit = options.shared_bytes > 0 ? options.shared_bytes : shared_limit(arch);
  const std::vector<SimtTiles> all = candidates(k);
  // Room for two CTAs per multiprocessor, and units for all of these; then room for one.
  for (const int64_t room : {limit / 2 - 1024, limit})
    for (const SimtTiles& tiles : all) {
      SimtText text(k, tiles);
      if (room < limit && tiles.rows > 8 && hint(k, text.units()) < kMultiprocessors) continue;
      text.run();
      text.memory().place(room, false);
      if (text.memory().shared_bytes() <= room) return source(k, text, text.memory(), tiles, arch);
    }
  const auto tiles =
      std::find_if(all.begin(), all.end(), [](const auto& t) { return t.rows <= 8; });
  SimtText text(k, *tiles);
  text.run();
  text.memory().place(limit, true);
  return source(k, text, text.memory(), *tiles, arch);
}

}  // namespace flashlight::codegen::cuda
