#include "runtime/cuda/library.h"

#include <dlfcn.h>
#include <link.h>

#include <utility>

namespace flashlight::runtime::cuda {

void* Library::address(const char* name) const { return dlsym(handle, name); }

Library open_library(const std::string& path) {
  Library out;
  out.handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!out) return out;
  out.path = path;
  link_map* map = nullptr;
  if (dlinfo(out.handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0] != 0) out.path = map->l_name;
  return out;
}

std::vector<std::string> loaded_libraries(const std::string& prefix) {
  std::pair<const std::string&, std::vector<std::string>> found{prefix, {}};
  const auto visit = [](dl_phdr_info* info, size_t, void* out) {
    auto& [wanted, paths] = *static_cast<decltype(found)*>(out);
    const std::string path = info->dlpi_name;
    if (path.substr(path.rfind('/') + 1).rfind(wanted, 0) == 0) paths.push_back(path);
    return 0;
  };
  dl_iterate_phdr(visit, &found);
  return found.second;
}

}  // namespace flashlight::runtime::cuda
