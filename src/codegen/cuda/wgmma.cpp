#include "codegen/cuda/wgmma.h"

#include "support/error.h"

namespace flashlight::codegen::cuda {
namespace {

std::string operand(int k) { return "%" + std::to_string(k); }

/// "%first, %first+1, ..."
std::string operands(int first, int count) {
  std::string text;
  for (int k = 0; k < count; k++) text += (k ? ", " : "") + operand(first + k);
  return text;
}

struct Form {
  const char* name;
  bool registers;  // a comes in registers, not by descriptor
  bool n_major;
};

std::string function(const Form& form, int n, const std::string& type) {
  const int regs = n / 2, a = form.registers ? 4 : 1;
  const bool tf32 = type == "tf32";
  const std::string shape = "m64n" + std::to_string(n) + (tf32 ? "k8" : "k16");
  std::string modes = "p, 1, 1";  // accumulate?, no negation
  if (!tf32) modes += std::string(form.registers ? "" : ", 0") + (form.n_major ? ", 1" : ", 0");
  std::string outputs, inputs;
  for (int k = 0; k < regs; k++) outputs += (k ? ", " : "") + ("\"+f\"(d[" + std::to_string(k) + "])");
  for (int k = 0; k < a; k++)
    inputs += form.registers ? "\"r\"(a[" + std::to_string(k) + "]), " : "\"l\"(a), ";
  const std::string a_operand =
      form.registers ? "{" + operands(regs, 4) + "}" : operand(regs);
  return std::string("  template <int Accumulate>\n  DEVICE void ") + form.name + "(float (&d)[" +
         std::to_string(regs) + "], " + (form.registers ? "const u32* a" : "u64 a") +
         ", u64 b) {\n    asm volatile(\"{\\n.reg .pred p;\\nsetp.ne.b32 p, " +
         operand(regs + a + 1) + ", 0;\\nwgmma.mma_async.sync.aligned." + shape + ".f32." + type +
         "." + type + " {" + operands(0, regs) + "}, " + a_operand + ", " + operand(regs + a) +
         ", " + modes + ";\\n}\"\n                 : " + outputs + "\n                 : " +
         inputs + "\"l\"(b), \"n\"(Accumulate));\n  }\n";
}

}  // namespace

std::string wgmma_text(int n, const std::string& type) {
  const std::string name = type == "bf16"   ? "Bf16"
                           : type == "f16"  ? "F16"
                           : type == "tf32" ? "Tf32"
                                            : "";
  if (name.empty() || n % 8 != 0 || n < 8 || n > 256)
    throw InternalError("there is no wgmma of " + type + " with " + std::to_string(n) + " columns");
  std::string text = "#ifndef FLASHLIGHT_EMULATE\ntemplate <>\nstruct Wgmma<" + std::to_string(n) +
                     ", " + name + "> {\n";
  text += function({"ss", false, false}, n, type) + function({"rs", true, false}, n, type);
  if (type != "tf32")
    text += function({"ss_tn", false, true}, n, type) + function({"rs_tn", true, true}, n, type);
  return text + "};\n#endif\n";
}

}  // namespace flashlight::codegen::cuda
