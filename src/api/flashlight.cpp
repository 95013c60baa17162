#include "flashlight/flashlight.h"

#include "api/compile.h"
#include "support/error.h"

namespace flashlight {
namespace {

template <class T>
std::vector<std::string> names(const std::vector<T>& all) {
  std::vector<std::string> out;
  for (const T& one : all) out.push_back(one.name);
  return out;
}

std::vector<api::View> views(const std::vector<Tensor>& tensors,
                             const std::vector<std::string>& names, const ir::Program& program) {
  if (tensors.size() != names.size()) throw Refused("call", "wrong number of tensors");
  std::vector<api::View> out;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].strides.size() != program.shape_of(names[i]).size())
      throw Refused(names[i], "has another number of dimensions");
    out.push_back({tensors[i].data, tensors[i].strides.data()});
  }
  return out;
}

}  // namespace

struct Kernel::Impl {
  api::Compiled compiled;
};

Kernel::Kernel(const std::string& text)
    : impl_(std::make_shared<const Impl>(Impl{api::Compiled(text)})) {}

std::vector<std::string> Kernel::inputs() const { return names(impl_->compiled.program().inputs); }
std::vector<std::string> Kernel::outputs() const {
  return names(impl_->compiled.program().outputs);
}
std::vector<std::string> Kernel::symbols() const {
  return names(impl_->compiled.program().symbols);
}

std::vector<int64_t> Kernel::shape(const std::string& name,
                                   const std::vector<int64_t>& symbols) const {
  const ir::Program& program = impl_->compiled.program();
  if (!program.input(name) && !program.computation(name)) throw Refused(name, "is not defined");
  if (symbols.size() != program.symbols.size()) throw Refused(name, "wrong number of symbols");
  ir::Bindings sizes;
  for (size_t i = 0; i < symbols.size(); ++i) sizes[program.symbols[i].name] = symbols[i];
  std::vector<int64_t> out;
  for (ir::Expr e : program.shape_of(name)) out.push_back(ir::evaluate(e, sizes));
  return out;
}

void Kernel::call(const std::vector<Tensor>& in, const std::vector<Tensor>& out,
                  const std::vector<int64_t>& symbols) const {
  const ir::Program& program = impl_->compiled.program();
  impl_->compiled.call(views(in, inputs(), program), views(out, outputs(), program), symbols);
}

const char* version() { return "0.1.0"; }

}  // namespace flashlight
