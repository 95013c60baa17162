#include "runtime/warning.h"

#include <cstdio>
#include <mutex>
#include <set>

namespace flashlight::runtime {
namespace {

struct Receiver {
  std::mutex mutex;
  std::set<std::string> told;
  std::function<void(const std::string&)> handler;
};

// Leaked: a thread may still warn while the process exits.
Receiver& receiver() {
  static Receiver* instance = new Receiver;
  return *instance;
}

}  // namespace

void warn(const std::string& text) {
  Receiver& r = receiver();
  std::function<void(const std::string&)> handler;
  {
    std::lock_guard lock(r.mutex);
    if (!r.told.insert(text).second) return;
    handler = r.handler;
  }
  if (handler) {
    handler(text);
  } else {
    std::fprintf(stderr, "flashlight: warning: %s\n", text.c_str());
  }
}

void set_warning_handler(std::function<void(const std::string&)> handler) {
  Receiver& r = receiver();
  std::lock_guard lock(r.mutex);
  r.handler = std::move(handler);
}

}  // namespace flashlight::runtime
