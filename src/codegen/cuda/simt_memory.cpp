#include "codegen/cuda/simt_memory.h"

#include <algorithm>

namespace flashlight::codegen::cuda {

void SimtArray::use(int time) {
  first = first < 0 ? time : std::min(first, time);
  last = std::max(last, time);
}

SimtArray* SimtMemory::make(const std::string& name, ir::Type type, std::vector<ir::Expr> axes,
                            std::vector<int64_t> capacity) {
  auto a = std::make_unique<SimtArray>();
  a->name = name, a->type = type, a->axes = std::move(axes), a->capacity = std::move(capacity);
  a->strides.assign(a->axes.size(), 1);
  for (size_t d = a->axes.size(); d-- > 0;) {
    a->strides[d] = a->elements;
    a->elements *= a->capacity[d];
    // Lanes along another axis than the innermost must not meet in one bank.
    const bool innermost = d + 1 == a->axes.size();
    if (innermost && d > 0 && a->capacity[d] % 8 == 0) a->elements++;
  }
  arrays_.push_back(std::move(a));
  return arrays_.back().get();
}

void SimtMemory::keep(int start, int end) {
  for (const auto& a : arrays_)
    if (a->first >= 0 && a->first < start && a->last >= start) a->last = std::max(a->last, end);
}

int64_t SimtMemory::bytes(const SimtArray& a) const {
  const int64_t size = a.type == ir::Type::Bool ? 1 : a.type == ir::Type::Int || !single_ ? 8 : 4;
  return (std::max<int64_t>(a.elements, 1) * size + 15) / 16 * 16;
}

void SimtMemory::place(int64_t shared_limit, bool workspace) {
  std::vector<SimtArray*> by_size;
  for (const auto& a : arrays_) a->in_workspace = false, by_size.push_back(a.get());
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](auto* a, auto* b) { return bytes(*a) > bytes(*b); });
  shared_bytes_ = place(false), workspace_bytes_ = 0;
  for (size_t k = 0; workspace && shared_bytes_ > shared_limit && k < by_size.size(); ++k) {
    by_size[k]->in_workspace = true;
    shared_bytes_ = place(false), workspace_bytes_ = place(true);
  }
}

/// First fit, the largest first; returns the bytes in use.
int64_t SimtMemory::place(bool in_workspace) {
  std::vector<SimtArray*> todo, done;
  for (const auto& a : arrays_)
    if (a->first >= 0 && a->in_workspace == in_workspace) todo.push_back(a.get());
  std::stable_sort(todo.begin(), todo.end(),
                   [&](auto* a, auto* b) { return bytes(*a) > bytes(*b); });
  int64_t top = 0;
  for (SimtArray* a : todo) {
    std::vector<SimtArray*> beside;
    for (SimtArray* b : done)
      if (a->first <= b->last && b->first <= a->last) beside.push_back(b);
    std::sort(beside.begin(), beside.end(), [](auto* x, auto* y) { return x->offset < y->offset; });
    a->offset = 0;
    for (SimtArray* b : beside)
      if (a->offset + bytes(*a) > b->offset && b->offset + bytes(*b) > a->offset)
        a->offset = b->offset + bytes(*b);
    done.push_back(a);
    top = std::max(top, a->offset + bytes(*a));
  }
  return top;
}

}  // namespace flashlight::codegen::cuda
