#include "runtime/cpu/load.h"

#include <dlfcn.h>
#include <link.h>

#include <vector>

#include "support/error.h"

namespace flashlight::runtime::cpu {
namespace {

bool starts_with_any(const std::string& name) {
  for (const char* prefix : {"libgomp", "libomp.", "libiomp5"})
    if (name.rfind(prefix, 0) == 0) return true;
  return false;
}

std::vector<std::string> loaded_runtimes() {
  std::vector<std::string> paths;
  const auto visit = [](dl_phdr_info* info, size_t, void* out) {
    const std::string path = info->dlpi_name;
    if (starts_with_any(path.substr(path.rfind('/') + 1)))
      static_cast<std::vector<std::string>*>(out)->push_back(path);
    return 0;
  };
  dl_iterate_phdr(visit, &paths);
  return paths;
}

/** Makes one runtime global. By path, not by name: a wheel may carry it under a name of its own
 *  (libgomp-a34b3233.so.1), and asking for libgomp.so.1 would bring a second pool. */
std::string bind_openmp() {
  for (const std::string& path : loaded_runtimes())
    if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) != nullptr) return path;
  for (const char* name : {"libgomp.so.1", "libomp.so.5", "libomp.so", "libiomp5.so"})
    if (dlopen(name, RTLD_NOW | RTLD_GLOBAL) != nullptr) return name;
  return "";
}

class SharedObject : public Module {
 public:
  SharedObject(std::string path, void* handle) : path_(std::move(path)), handle_(handle) {}

  void* symbol(const std::string& name) const override {
    void* address = dlsym(handle_, name.c_str());
    if (address == nullptr) throw CompileError(path_ + " does not define " + name);
    return address;
  }
  const std::string& path() const override { return path_; }

 private:
  std::string path_;
  void* handle_;  // never closed, see module.h
};

}  // namespace

const std::string& openmp_runtime() {
  static const std::string* runtime = new std::string(bind_openmp());
  return *runtime;
}

std::shared_ptr<const Module> load(const std::string& path) {
  const bool openmp = !openmp_runtime().empty();
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    throw CompileError(
        "a compiled kernel cannot be loaded" +
            std::string(openmp ? "" : "; no OpenMP runtime (libgomp.so.1) was found"),
        reason == nullptr ? "" : reason);
  }
  return std::make_shared<SharedObject>(path, handle);
}

}  // namespace flashlight::runtime::cpu
