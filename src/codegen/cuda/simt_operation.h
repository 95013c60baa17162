// One operation of the general path. Private to simt*.cpp.
#pragma once
#include "codegen/cuda/simt_text.h"

namespace flashlight::codegen::cuda {

/// What `emit` prints, after a barrier if it touches what another thread may still be using.
template <class F>
void SimtText::operation(const F& emit) {
  Writer outer = std::move(out_);
  out_ = Writer();
  scalars_ = 0;
  reading_.clear(), writing_.clear();
  emit();
  const std::string text = out_.text();
  out_ = std::move(outer);
  const auto meets = [](const std::set<SimtArray*>& a, const std::set<SimtArray*>& b) {
    for (SimtArray* x : a)
      if (b.count(x)) return true;
    return false;
  };
  if (meets(reading_, written_) || meets(writing_, written_) || meets(writing_, read_)) barrier();
  out_.append(text);
  for (SimtArray* a : reading_) a->use(time_), read_.insert(a);
  for (SimtArray* a : writing_) a->use(time_), written_.insert(a);
}

}  // namespace flashlight::codegen::cuda
