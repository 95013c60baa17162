#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "support/hash.h"

namespace flashlight::runtime {

/** A folder on disk that maps a key to a folder of files, shared by processes.
 *
 *  Promises: an entry is complete or absent (built aside, then renamed); one process builds an
 * entry while the others wait for it; an entry that was truncated or altered is noticed (checksums)
 * and built again; a folder that cannot be written is replaced, with one warning, by a private
 * temporary one that lives as long as the process. Thread-safe. See
 * tests/unit/runtime/cache_test.cpp. */
class Cache {
 public:
  using Builder = std::function<void(const std::filesystem::path& folder)>;

  explicit Cache(std::filesystem::path root);

  /** The folder of `key`'s files. If there is none, `build` writes them into the folder it is
   * given; what it throws passes through and leaves no entry. */
  std::filesystem::path get(const Hash128& key, const Builder& build);

  /** The folder of `key` if it is there and intact; never writes. */
  std::optional<std::filesystem::path> find(const Hash128& key) const;

  /** Where entries go now. */
  std::filesystem::path root() const;

  /** FLASHLIGHT_CACHE_DIR, else $XDG_CACHE_HOME/flashlight, else ~/.cache/flashlight. */
  static std::filesystem::path default_root();

 private:
  std::filesystem::path get_under(const std::filesystem::path& root, const Hash128& key,
                                  const Builder& build);
  std::filesystem::path use_private_root(const std::string& reason);

  mutable std::mutex mutex_;  // guards root_
  std::filesystem::path root_;
  bool private_ = false;
};

/** The cache at default_root(); a changed environment gives another one. Never destroyed. */
Cache& default_cache();

}  // namespace flashlight::runtime
