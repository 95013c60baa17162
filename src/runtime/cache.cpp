#include "runtime/cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <system_error>
#include <vector>

#include "runtime/warning.h"
#include "support/env.h"
#include "support/error.h"

namespace flashlight::runtime {
namespace fs = std::filesystem;
namespace {

constexpr const char* kManifest = "manifest";

/** The cache folder does not let us write; anything a builder throws is another matter. */
struct Unwritable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail_write(const fs::path& path) {
  throw Unwritable(path.string() + ": " + std::strerror(errno));
}

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// one line per file: checksum, name
std::string manifest_of(const fs::path& folder) {
  std::map<std::string, std::string> sums;
  for (const auto& item : fs::directory_iterator(folder)) {
    const std::string name = item.path().filename().string();
    if (name == kManifest || !item.is_regular_file()) continue;
    sums[name] = hash_bytes(read_file(item.path()).value_or("")).hex();
  }
  std::string text;
  for (const auto& [name, sum] : sums) text += sum + " " + name + "\n";
  return text;
}

bool intact(const fs::path& entry) {
  const auto manifest = read_file(entry / kManifest);
  if (!manifest || manifest->empty() || manifest->back() != '\n') return false;
  std::istringstream lines(*manifest);
  std::string sum, name;
  while (lines >> sum >> name) {
    const auto data = read_file(entry / name);
    if (!data || hash_bytes(*data).hex() != sum) return false;
  }
  return true;
}

fs::path make_temporary(const fs::path& prefix) {
  std::string name = prefix.string() + "XXXXXX";
  if (mkdtemp(name.data()) == nullptr) fail_write(prefix);
  return name;
}

/** Removes the folder at the end of the scope; after a rename there is none any more. */
struct Removed {
  fs::path folder;
  ~Removed() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
};

/** Held while an entry is built. The kernel drops it when its holder dies; the file stays, because
 *  removing it would let a third process lock another file of that name. */
class EntryLock {
 public:
  explicit EntryLock(const fs::path& path)
      : fd_(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail_write(path);
    // Where locks are not supported (some network folders) the rename below still keeps us right.
    while (flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~EntryLock() { close(fd_); }
  EntryLock(const EntryLock&) = delete;
  EntryLock& operator=(const EntryLock&) = delete;

 private:
  int fd_;
};

void publish(const fs::path& built, const fs::path& entry) {
  const std::string manifest = manifest_of(built);
  std::ofstream(built / kManifest, std::ios::binary) << manifest;
  if (!intact(built)) throw Unwritable(built.string() + ": what was written does not read back");
  std::error_code error;
  fs::rename(built, entry, error);
  if (error && !intact(entry)) throw Unwritable(entry.string() + ": " + error.message());
}

}  // namespace

Cache::Cache(fs::path root) : root_(std::move(root)) {}

fs::path Cache::root() const {
  std::lock_guard lock(mutex_);
  return root_;
}

std::optional<fs::path> Cache::find(const Hash128& key) const {
  fs::path entry = root() / key.hex();
  if (!intact(entry)) return std::nullopt;
  return entry;
}

fs::path Cache::get(const Hash128& key, const Builder& build) {
  if (auto entry = find(key)) {
    if (debug_wants("cache")) debug_print("cache", "hit " + entry->string());
    return *entry;
  }
  if (debug_wants("cache")) debug_print("cache", "miss " + key.hex());
  try {
    return get_under(root(), key, build);
  } catch (const Unwritable& reason) {
    return get_under(use_private_root(reason.what()), key, build);
  }
}

fs::path Cache::get_under(const fs::path& root, const Hash128& key, const Builder& build) {
  std::error_code error;
  fs::create_directories(root, error);
  if (error) throw Unwritable(root.string() + ": " + error.message());
  const fs::path entry = root / key.hex();
  EntryLock lock(root / (key.hex() + ".lock"));
  if (intact(entry)) return entry;  // built by another while we waited
  Removed aside{make_temporary(root / ".build-")};
  // A broken entry is moved away first: a process that has it loaded keeps its mapping.
  if (fs::exists(entry)) fs::rename(entry, aside.folder / "broken", error);
  const fs::path folder = aside.folder / "entry";
  if (!fs::create_directory(folder, error))
    throw Unwritable(folder.string() + ": " + error.message());
  build(folder);
  publish(folder, entry);
  return entry;
}

fs::path Cache::use_private_root(const std::string& reason) {
  std::lock_guard lock(mutex_);
  if (private_) return root_;
  fs::path folder;
  try {
    folder = make_temporary(fs::temp_directory_path() / "flashlight-");
  } catch (const std::exception& error) {
    throw CompileError("no folder for compiled kernels can be written: " + reason + "; " +
                       error.what());
  }
  warn("the cache folder cannot be used (" + reason + "); kernels of this process go to " +
       folder.string() +
       " and are compiled again next time. FLASHLIGHT_CACHE_DIR names another folder");
  static std::vector<fs::path>* folders = new std::vector<fs::path>;
  if (folders->empty()) {
    std::atexit([] {
      std::error_code ignored;
      for (const fs::path& each : *folders) fs::remove_all(each, ignored);
    });
  }
  folders->push_back(folder);
  private_ = true;
  root_ = folder;
  return root_;
}

fs::path Cache::default_root() {
  const std::string asked = read_env().cache_dir;
  if (!asked.empty()) return asked;
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != 0)
    return fs::path(xdg) / "flashlight";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr && *home != 0 ? home : "/nonexistent") / ".cache" / "flashlight";
}

Cache& default_cache() {
  static std::mutex mutex;
  static auto* caches = new std::map<fs::path, std::unique_ptr<Cache>>;  // leaked, see module.h
  std::lock_guard lock(mutex);
  auto& cache = (*caches)[Cache::default_root()];
  if (!cache) cache = std::make_unique<Cache>(Cache::default_root());
  return *cache;
}

}  // namespace flashlight::runtime
