// What stands around the work of a unit: parameters, pointers, the loop over units.
#include <algorithm>

#include "codegen/cuda/simt_text.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

const char* memory_type(DType t) {
  constexpr const char* kNames[] = {"bool", "unsigned char", "signed char", "short", "int",
                                    "i64",  "F16",           "Bf16",        "float", "double"};
  return kNames[static_cast<int>(t)];
}

}  // namespace

void SimtText::parameters(Writer& out) const {
  std::vector<std::pair<std::string, DType>> tensors;
  std::vector<size_t> ranks;
  for (const Input& in : kernel_.inputs)
    tensors.emplace_back(inputs_.at(in.name), in.dtype), ranks.push_back(in.shape.size());
  for (const Store& o : kernel_.outputs)
    tensors.emplace_back(outputs_.at(o.name), o.dtype), ranks.push_back(o.shape.size());
  size_t word = 0;
  for (size_t k = 0; k < tensors.size(); ++k) {
    const std::string type = (k < kernel_.inputs.size() ? "const " : "") +
                             std::string(memory_type(tensors[k].second)) + "*";
    out.line(type + " const " + tensors[k].first + " = (" + type + ")p.words[" +
             std::to_string(word++) + "];");
  }
  for (size_t k = 0; k < tensors.size(); ++k)
    for (size_t d = 0; d < ranks[k]; ++d)
      out.line("const i64 " + tensors[k].first + "_s" + std::to_string(d) + " = (i64)p.words[" +
               std::to_string(word++) + "];");
  for (const SymbolInfo& s : kernel_.symbols) {
    const std::string at = std::to_string(word++);
    if (!kernel_.specialization.fixed.count(s.name))
      out.line("const i64 " + symbols_.at(s.name) + " = (i64)p.words[" + at + "];");
  }
  if (memory_.workspace_bytes() == 0) return;
  out.line("unsigned char* const workspace = (unsigned char*)p.words[" + std::to_string(word++) +
           "] + (i64)blockIdx.x * " + std::to_string(memory_.workspace_bytes()) + ";");
}

void SimtText::pointers(Writer& out) const {
  for (const auto& a : memory_.arrays()) {
    if (a->first < 0) continue;
    const std::string type = type_name(a->type) + "*";
    out.line(type + " const " + a->name + " = (" + type + ")(" +
             (a->in_workspace ? "workspace" : "smem") + " + " + std::to_string(a->offset) + ");");
  }
}

std::string SimtText::text(const std::string& entry) const {
  size_t words = kernel_.symbols.size() + (memory_.workspace_bytes() > 0);
  for (const Input& in : kernel_.inputs) words += 1 + in.shape.size();
  for (const Store& o : kernel_.outputs) words += 1 + o.shape.size();
  const std::string threads = std::to_string(tiles_.threads);
  Writer out;
  out.line("#include \"ptx.cuh\"");
  out.line("#include \"math.cuh\"");
  out.line(std::string("typedef ") + (single_ ? "float" : "double") + " Real;");
  out.line("struct Params {");
  out.line("  unsigned long long words[" + std::to_string(std::max<size_t>(words, 1)) + "];");
  out.line("};");
  out.open("extern \"C\" __global__ void __launch_bounds__(" + threads + ") " + entry +
           "(const __grid_constant__ Params p)");
  out.line("SHARED_MEMORY(smem);");
  out.line("constexpr int kThreads = " + threads + ";");
  parameters(out);
  pointers(out);
  frame(out);
  out.close();
  return out.text();
}

/// The loop over units; neighbours have the same grid point, and so read the same columns.
void SimtText::frame(Writer& out) const {
  Writer sizes;
  const auto size = [&](Expr e) {
    ScalarText text(
        sizes, [&](Expr s, const auto&) { return symbols_.at(s->name()); },
        [](Expr) { return false; }, single_, "z" + std::to_string(sizes.text().size()) + "_");
    return text(e);
  };
  std::vector<std::string> decode;
  std::string count;
  if (!kernel_.tiled.empty()) {
    const std::string x = axis(kernel_.tiled[0]).name, n = std::to_string(tiles_.rows);
    sizes.line("const i64 " + x + "_n = " + size(kernel_.tiled[0]->extent()) + ";");
    sizes.line("const i64 " + x + "_tiles = (" + x + "_n + " + n + " - 1) / " + n + ";");
    // The last rows first: where the live range grows with the row, they take longest.
    decode.push_back("const i64 " + x + "_lo = (" + x + "_tiles - 1 - rest % " + x + "_tiles) * " +
                     n + ";");
    decode.push_back("const i64 " + x + "_hi = min(" + x + "_lo + " + n + ", " + x + "_n);");
    decode.push_back("const int rows = (int)(" + x + "_hi - " + x + "_lo);");
    decode.push_back("rest /= " + x + "_tiles;");
    count = " * " + x + "_tiles";
  }
  for (size_t d = kernel_.grid.size(); d-- > 0;) {
    const std::string x = axis(kernel_.grid[d]).name;
    sizes.line("const i64 " + x + "_n = " + size(kernel_.grid[d]->extent()) + ";");
    decode.push_back("const i64 " + x + " = rest % " + x + "_n;");
    decode.push_back("rest /= " + x + "_n;");
    count += " * " + x + "_n";
  }
  out.append(sizes.text());
  out.line("const i64 units = 1" + count + ";");
  out.open("for (i64 unit = blockIdx.x; unit < units; unit += gridDim.x)");
  out.line("i64 rest = unit;");
  for (const std::string& line : decode) out.line(line);
  out.append(out_.text());
  out.close();
}

}  // namespace flashlight::codegen::cuda
