#include "codegen/cuda/wgmma.h"

#include "codegen/cuda/hopper_text.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {
namespace {

/// "%first, %first+1, ..."
std::string operands(int first, int count) {
  std::string text;
  for (int k = 0; k < count; ++k) text.append(k ? ", %" : "%").append(str(first + k));
  return text;
}

/// A list of operands: constraint and name[0], name[1], ...
std::string bound(const std::string& constraint, const std::string& name, int count) {
  std::string text;
  for (int k = 0; k < count; ++k)
    text.append(k ? ", \"" : "\"").append(constraint + "\"(" + name + "[" + str(k) + "])");
  return text;
}

/// "wgmma... {d}," of m64 x columns x k16.
std::string instruction(const std::string& type, int columns, int depth) {
  if ((type != "Bf16" && type != "F16") || columns % 8 != 0 || columns < 8 || columns > 256 ||
      depth % 16 != 0 || depth < 16)
    throw InternalError("there is no product of " + type + " with " + str(columns) +
                        " columns and depth " + str(depth));
  const std::string name = type == "F16" ? "f16" : "bf16";
  return "wgmma.mma_async.sync.aligned.m64n" + str(columns) + "k16.f32." + name + "." + name +
         " {" + operands(0, columns / 2) + "}, ";
}

std::string function(const std::string& head, const std::string& block, const std::string& outputs,
                     const std::string& inputs) {
  return "#ifndef FLASHLIGHT_EMULATE\ntemplate <>\nMEMBER void " + head +
         " {\n  asm volatile(\"{\\n.reg .pred p, q;\\nsetp.ne.b32 p, 0, 0;\\n"
         "setp.ne.b32 q, 1, 0;\\n" +
         block + "}\"\n               : " + outputs + "\n               : " + inputs +
         ");\n}\n#endif\n";
}

/// A descriptor as an input: what does not change in a loop is advanced outside of it.
std::string advanced(const std::string& descriptor, const std::string& bytes) {
  return "\"l\"(desc_advance(" + descriptor + ", " + bytes + "))";
}

}  // namespace

std::string scores_text(const std::string& type, int n, int k, int rows_a, bool started) {
  const int registers = n / 2;
  std::string block, inputs;
  for (int step = 0; step < k / 16; ++step) {
    block += instruction(type, n, k) + operands(registers + 2 * step, 2) + ", " +
             (step > 0 || started ? "q" : "p") + ", 1, 1, 0, 0;\\n";
    const std::string at = "columns_at(" + str(step) + ", ";
    inputs += (step ? ", " : "") + advanced("a", at + str(rows_a) + ")") + ", " +
              advanced("b", at + str(n) + ")");
  }
  const std::string d = "(&s)[" + str(registers) + "]";
  return function("scores_hopper<" + type + ", " + str(n) + ", " + str(k) + ", " + str(rows_a) +
                      ", " + (started ? "1" : "0") + ">(float " + d + ", u64 a, u64 b)",
                  block, bound("+f", "s", registers), inputs);
}

std::string values_text(const std::string& type, int n, int v) {
  const int registers = v / 2, packed = n / 4;
  std::string block, inputs = bound("r", "p", packed);
  for (int step = 0; step < n / 16; ++step) {
    block += instruction(type, v, n) + "{" + operands(registers + 4 * step, 4) + "}, " +
             operands(registers + packed + step, 1) + ", q, 1, 1, 1;\\n";
    inputs += ", " + advanced("b", "rows_at(" + str(step) + ")");
  }
  return function("values_hopper<" + type + ", " + str(n) + ", " + str(v) + ">(float (&o)[" +
                      str(registers) + "], const u32 (&p)[" + str(packed) + "], u64 b)",
                  block, bound("+f", "o", registers), inputs);
}

}  // namespace flashlight::codegen::cuda
