#include "codegen/cuda/staged.h"

namespace flashlight::codegen::cuda {

using namespace ir;

int64_t StagedText::element(const Staged& s) const {
  return dtype_size(s.tensor->dtype) * (s.by_slot ? plan_.slots : 1);
}

int64_t StagedText::bytes(const Staged& s) const {
  return plan_.unit_rows() * pitch(s) * (s.own ? plan_.slots : 1);
}

int64_t StagedText::place(int64_t shared) {
  for (const Staged& s : plan_.staged) offset_[&s] = shared, shared += bytes(s) * plan_.stages;
  return shared;
}

std::string StagedText::base(const Staged& s) const {
  return "shared + " + std::to_string(offset_.at(&s)) + " + stage * " + std::to_string(bytes(s));
}

void StagedText::print_load(const tile::Pass& pass) {
  for (const Staged* s : plan_.staged_in(pass)) {
    const int64_t size = dtype_size(s->tensor->dtype), pieces = plan_.n * element(*s) / 16;
    const int rows = plan_.unit_rows();
    const int64_t total = pieces * rows * (s->own ? plan_.slots : 1);
    Place place = text_.uniform_place();
    place.axes[plan_.rows] = "at", place.axes[plan_.loop] = "from_col";
    out_.line("#pragma unroll");
    const int64_t each = (total + threads() - 1) / threads();
    out_.open("for (int k = 0; k < " + std::to_string(each) + "; ++k)");
    out_.line("const int c = (int)threadIdx.x + k * " + std::to_string(threads()) + ";");
    if (total % threads()) out_.line("if (c >= " + std::to_string(total) + ") break;");
    out_.line("const int x = c % " + std::to_string(pieces) + ", y = c / " +
              std::to_string(pieces) + (s->own ? " % " + std::to_string(rows) : "") + ";");
    if (s->own) {
      out_.line("const int of = c / " + std::to_string(pieces * rows) + ";");
      place.axes[plan_.across] = "of";
    }
    const int64_t per_piece = s->by_slot ? 1 : 16 / size,
                  of_element = s->by_slot ? element(*s) / 16 : 1;
    const std::string column = "begin + x " + (s->by_slot ? "/ " + std::to_string(of_element)
                                                          : "* " + std::to_string(per_piece));
    out_.line("const int at = min_(row_lo + y, rows_end - 1), left = cols_end - (" + column + ");");
    out_.line("const int from_col = left > 0 ? " + column + " : 0;");
    if (s->by_slot)
      place.axes[plan_.across] =
          "x % " + std::to_string(of_element) + " * " + std::to_string(16 / size);
    Block block(plan_, place);
    const std::string from = block.address(*s->tensor, s->load->args);
    block.print(out_);
    const std::string there =
        s->by_slot ? "left > 0 ? 16 : 0" : "max_(0, min_(16, left * " + std::to_string(size) + "))";
    out_.line("cp_async16(" + base(*s) + " + " +
              (s->own ? "(of * " + std::to_string(rows) + " + y)" : "y") + " * " +
              std::to_string(pitch(*s)) + " + x * 16, " + from + ", " + there + ");");
    out_.close();
  }
}

void StagedText::print_read(const tile::Pass& pass) {
  for (const Staged* s : plan_.staged_in(pass)) {
    const std::string type = memory_text(s->tensor->dtype), words = s->id + "_words";
    const bool low = dtype_size(s->tensor->dtype) == 2, pairs = low && !s->by_slot;
    out_.line("u32 " + words + "[" + std::to_string(plan_.elements(plan_.n) / (pairs ? 2 : 1)) +
              "];");
    out_.line("#pragma unroll");
    out_.open("for (int i = 0; i < " + std::to_string(plan_.elements(plan_.n)) +
              "; i += " + (pairs ? "2" : "1") + ")");
    std::string row =
        std::to_string(plan_.warp_rows()) + " * warp + g + 8 * (" + plan_.row_text() + ")";
    if (s->own) row += " + slot * " + std::to_string(plan_.unit_rows());
    std::string at = base(*s) + " + (" + row + ") * " + std::to_string(pitch(*s)) + " + (" +
                     plan_.column_text() + ") * " + std::to_string(element(*s));
    if (s->by_slot) at += " + slot * " + std::to_string(dtype_size(s->tensor->dtype));
    out_.line(words +
              (pairs ? "[i >> 1] = lds32("
               : low ? "[i] = lds16("
                     : "[i] = lds32(") +
              at + ");");
    out_.close();
    std::string value = "__uint_as_float(" + words + "[i])";
    if (pairs)
      value = "(i & 1 ? high<" + type + ">(" + words + "[i >> 1]) : low<" + type + ">(" + words +
              "[i >> 1]))";
    else if (low)
      value = "to_float(" + type + "{(u16)" + words + "[i]})";
    text_.give_element(s->load, value);
  }
}

}  // namespace flashlight::codegen::cuda
