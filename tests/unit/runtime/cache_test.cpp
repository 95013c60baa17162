#include "runtime/cache.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "runtime/warning.h"
#include "support/error.h"
#include "unit/runtime/scratch_folder.h"

namespace flashlight::runtime {
namespace {

namespace fs = std::filesystem;

struct CacheTest : testing::Test {
  ScratchFolder scratch;
  Hash128 key = hash_bytes("key");
  int builds = 0;
  Cache::Builder builder(const std::string& text) {
    return [this, text](const fs::path& folder) {
      builds++;
      write_text(folder / "file", text);
    };
  }
};

TEST_F(CacheTest, BuildsOnceAndThenHits) {
  Cache cache(scratch.path / "a" / "b");
  EXPECT_FALSE(cache.find(key));
  EXPECT_EQ(read_text(cache.get(key, builder("one")) / "file"), "one");
  EXPECT_EQ(read_text(cache.get(key, builder("two")) / "file"), "one");
  EXPECT_EQ(read_text(Cache(scratch.path / "a" / "b").get(key, builder("three")) / "file"), "one");
  EXPECT_EQ(builds, 1);
  EXPECT_TRUE(cache.find(key));
}

TEST_F(CacheTest, KeysAreApart) {
  Cache cache(scratch.path);
  cache.get(key, builder("one"));
  EXPECT_EQ(read_text(cache.get(hash_bytes("other"), builder("two")) / "file"), "two");
}

TEST_F(CacheTest, AnAlteredEntryIsBuiltAgain) {
  Cache cache(scratch.path);
  const fs::path file = cache.get(key, builder("one")) / "file";
  write_text(file, "onf");
  EXPECT_EQ(read_text(cache.get(key, builder("two")) / "file"), "two");
  fs::resize_file(file, 1);
  EXPECT_EQ(read_text(cache.get(key, builder("three")) / "file"), "three");
  fs::remove(file);
  EXPECT_EQ(read_text(cache.get(key, builder("four")) / "file"), "four");
  write_text(file.parent_path() / "manifest", "");
  EXPECT_EQ(read_text(cache.get(key, builder("five")) / "file"), "five");
  EXPECT_EQ(builds, 5);
}

TEST_F(CacheTest, AFailedBuildLeavesNoEntry) {
  Cache cache(scratch.path);
  const auto fail = [](const fs::path& folder) {
    write_text(folder / "file", "half");
    throw CompileError("no");
  };
  EXPECT_THROW(cache.get(key, fail), CompileError);
  EXPECT_FALSE(cache.find(key));
  EXPECT_EQ(read_text(cache.get(key, builder("one")) / "file"), "one");
}

// A regular file in place of the folder: unusable even for root, who may write read-only folders.
TEST_F(CacheTest, AnUnusableFolderIsReplacedWithOneWarning) {
  write_text(scratch.path / "file", "in the way");
  std::vector<std::string> warnings;
  set_warning_handler([&](const std::string& text) { warnings.push_back(text); });
  fs::path replaced;
  {
    Cache cache(scratch.path / "file");
    const fs::path entry = cache.get(key, builder("one"));
    replaced = cache.root();
    EXPECT_EQ(read_text(entry / "file"), "one");
    cache.get(hash_bytes("other"), builder("two"));
    EXPECT_EQ(read_text(cache.get(key, builder("three")) / "file"), "one");
  }
  set_warning_handler({});
  EXPECT_EQ(builds, 2);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("FLASHLIGHT_CACHE_DIR"), std::string::npos);
  EXPECT_NE(replaced, scratch.path / "file");
}

TEST_F(CacheTest, AReadOnlyFolderStillGivesItsEntries) {
  Cache(scratch.path).get(key, builder("one"));
  fs::permissions(scratch.path, fs::perms::owner_read | fs::perms::owner_exec);
  set_warning_handler([](const std::string&) { FAIL() << "nothing had to be written"; });
  EXPECT_EQ(read_text(Cache(scratch.path).get(key, builder("two")) / "file"), "one");
  set_warning_handler({});
}

TEST_F(CacheTest, ThreadsBuildOnce) {
  Cache cache(scratch.path);
  std::atomic<int> count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++) {
    threads.emplace_back([&] {
      cache.get(key, [&](const fs::path& folder) {
        count++;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        write_text(folder / "file", "one");
      });
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(count, 1);
}

TEST_F(CacheTest, ProcessesBuildOnce) {
  const auto build = [&](const fs::path& folder) {
    write_text(scratch.path / ("built-by-" + std::to_string(getpid())), "");
    usleep(50'000);
    write_text(folder / "file", "one");
  };
  std::vector<pid_t> children;
  for (int i = 0; i < 4; i++) {
    const pid_t pid = fork();
    if (pid == 0) {
      const fs::path entry = Cache(scratch.path).get(key, build);
      _exit(read_text(entry / "file") == "one" ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  int builders = 0;
  for (const auto& item : fs::directory_iterator(scratch.path))
    builders += item.path().filename().string().rfind("built-by-", 0) == 0;
  EXPECT_EQ(builders, 1);
}

TEST(CacheRoot, ComesFromTheEnvironment) {
  const ScopedEnv home("HOME", "/h"), none("FLASHLIGHT_CACHE_DIR", ""),
      no_xdg("XDG_CACHE_HOME", "");
  EXPECT_EQ(Cache::default_root(), "/h/.cache/flashlight");
  const ScopedEnv xdg("XDG_CACHE_HOME", "/x");
  EXPECT_EQ(Cache::default_root(), "/x/flashlight");
  const ScopedEnv asked("FLASHLIGHT_CACHE_DIR", "/y");
  EXPECT_EQ(Cache::default_root(), "/y");
}

}  // namespace
}  // namespace flashlight::runtime
