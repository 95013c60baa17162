// A growing array of plain values. Much quicker to compile than std::vector, and every emulated
// kernel compiles it.
#pragma once
#include <stdlib.h>
#include <string.h>

namespace emulator {

template <class T>
struct List {
  T* items = nullptr;
  size_t size = 0, room = 0;

  T& operator[](size_t k) { return items[k]; }
  const T& operator[](size_t k) const { return items[k]; }
  T* begin() { return items; }
  T* end() { return items + size; }
  void clear() { size = 0; }
  void push(const T& item) {
    if (size == room) {
      room = room ? 2 * room : 16;
      items = static_cast<T*>(realloc(items, room * sizeof(T)));
    }
    items[size++] = item;
  }
  void erase(size_t at, size_t count) {
    size -= count;
    memmove(static_cast<void*>(items + at), items + at + count, (size - at) * sizeof(T));
  }
};

}  // namespace emulator
