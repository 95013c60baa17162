// Text in front of kernels under test: what they allocate is poison that ends at a page that may
// not be touched, so that a kernel which leaves its scratch memory crashes at once.
#pragma once
#include <stdexcept>
#include <string>

namespace flashlight::fuzz {

inline const char* kGuardedAlloc = R"(
#include <sys/mman.h>
#include <string.h>
extern "C" __attribute__((visibility("hidden"))) void* guarded_alloc(unsigned long, unsigned long n) {
  const unsigned long page = 4096, usable = (n + page - 1) / page * page, all = usable + 2 * page;
  char* map = (char*)mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  *(unsigned long*)map = all;
  memset(map + page, 0xff, usable);
  mprotect(map, page, PROT_READ);
  mprotect(map + page + usable, page, PROT_NONE);
  return map + page + (usable - n);
}
extern "C" __attribute__((visibility("hidden"))) void guarded_free(void* p) {
  if (!p) return;
  char* map = (char*)((unsigned long)p / 4096 * 4096 - 4096);
  munmap(map, *(unsigned long*)map);
}
#define aligned_alloc guarded_alloc
#define free guarded_free
)";

/// A device header with sizes rounded up to vectors alone, not to pages.
inline std::string exact_sizes(const std::string& name, std::string text) {
  if (name != "par.h") return text;
  const std::string padded = "(bytes + 4095) / 4096 * 4096";
  const size_t at = text.find(padded);
  if (at == std::string::npos) throw std::runtime_error("par.h rounds sizes in another way");
  return text.replace(at, padded.size(), "(bytes + 62) / 64 * 64");
}

}  // namespace flashlight::fuzz
