#include "runtime/cpu/compile.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "runtime/cpu/cpu_info.h"
#include "runtime/cpu/load.h"
#include "runtime/process.h"
#include "runtime/warning.h"
#include "support/error.h"
#include "unit/runtime/scratch_folder.h"

namespace flashlight::runtime::cpu {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr const char* kExport = "extern \"C\" __attribute__((visibility(\"default\"))) ";

Source source_of(const std::string& body) { return {kExport + body, {}, host_isa()}; }

int call(const Module& module, const std::string& name) {
  return reinterpret_cast<int (*)()>(module.symbol(name))();
}

/** A compiler that leaves a line in a file each time it runs. */
class CompileTest : public testing::Test {
 protected:
  std::string script(const std::string& name, const std::string& text) {
    const fs::path path = scratch.path / name;
    write_text(path, "#!/bin/sh\n" + text + "\n");
    fs::permissions(path, fs::perms::owner_all);
    return path.string();
  }
  std::string counting_compiler() {
    return script("counting", "echo run >> " + (scratch.path / "runs").string() + "\nexec " +
                                  find_program("c++") + " \"$@\"");
  }
  long runs() const {
    const std::string text = read_text(scratch.path / "runs");
    return std::count(text.begin(), text.end(), '\n');
  }
  CompileError error_of(const Source& source, const CompileOptions& options = {}) {
    Cache cache(scratch.path / "cache");
    try {
      compile(source, cache, options);
    } catch (const CompileError& error) {
      return error;
    }
    ADD_FAILURE() << "compiled";
    return CompileError("none");
  }

  ScratchFolder scratch;
  fs::path root = scratch.path / "cache";
};

TEST_F(CompileTest, RunsWhatWasCompiled) {
  Cache cache(root);
  const auto module = compile(source_of("int answer() { return 42; }"), cache);
  EXPECT_EQ(call(*module, "answer"), 42);
  EXPECT_THROW(module->symbol("question"), CompileError);
  EXPECT_TRUE(fs::exists(fs::path(module->path()).parent_path() / "kernel.cpp"));
}

TEST_F(CompileTest, AHitStartsNoProcess) {
  const ScopedEnv cxx("FLASHLIGHT_CXX", counting_compiler());
  const Source source = source_of("int answer() { return 1; }");
  {
    Cache cache(root);
    compile(source, cache);
    EXPECT_EQ(runs(), 2) << "its version and the kernel";
  }
  Cache again(root);
  EXPECT_EQ(call(*compile(source, again), "answer"), 1);
  EXPECT_EQ(runs(), 2);
}

TEST_F(CompileTest, TextHeadersAndIsaAreInTheKey) {
  const ScopedEnv cxx("FLASHLIGHT_CXX", counting_compiler());
  Cache cache(root);
  const std::string text =
      std::string("#include \"value.h\"\n") + kExport + "int f() { return value; }";
  EXPECT_EQ(call(*compile({text, {{"value.h", "enum { value = 1 };"}}, "generic"}, cache), "f"), 1);
  EXPECT_EQ(call(*compile({text, {{"value.h", "enum { value = 2 };"}}, "generic"}, cache), "f"), 2);
  EXPECT_EQ(
      call(*compile({text + "\n", {{"value.h", "enum { value = 2 };"}}, "generic"}, cache), "f"),
      2);
  EXPECT_EQ(runs(), 4);
  if (!isa_supported("avx2")) return;
  compile({text, {{"value.h", "enum { value = 1 };"}}, "avx2"}, cache);
  EXPECT_EQ(runs(), 5);
}

TEST_F(CompileTest, AnotherBuildOfTheCompilerIsAnotherKey) {
  const std::string path = counting_compiler();
  const ScopedEnv cxx("FLASHLIGHT_CXX", path);
  Cache cache(root);
  const std::string real = find_program("c++");
  const std::string before = find_compiler(cache).version;
  script("counting",
         "[ \"$1\" = --version ] && echo 'c++ of tomorrow' && exit 0\nexec " + real + " \"$@\"");
  EXPECT_NE(find_compiler(cache).version, before);
}

TEST_F(CompileTest, ATruncatedObjectIsBuiltAgain) {
  const Source source = source_of("int answer() { return 7; }");
  Cache cache(root);
  // In a child, so that this process does not have the broken file mapped already.
  const pid_t pid = fork();
  if (pid == 0) {
    compile(source, cache);
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
  int objects = 0;
  for (const auto& item : fs::recursive_directory_iterator(root)) {
    if (item.path().filename() != "kernel.so") continue;
    fs::resize_file(item.path(), fs::file_size(item.path()) / 2);
    objects++;
  }
  ASSERT_EQ(objects, 1);
  EXPECT_EQ(call(*compile(source, cache), "answer"), 7);
}

TEST_F(CompileTest, TwoProcessesCompileOnce) {
  const ScopedEnv cxx("FLASHLIGHT_CXX", counting_compiler());
  const Source source = source_of("int answer() { return 9; }");
  pid_t children[2];
  for (pid_t& pid : children) {
    pid = fork();
    if (pid == 0) {
      Cache cache(root);
      _exit(call(*compile(source, cache), "answer") == 9 ? 0 : 1);
    }
  }
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(runs(), 2) << "one version, one kernel";
}

TEST_F(CompileTest, AnUnusableCacheFolderStillCompiles) {
  write_text(root, "a file, not a folder");
  std::vector<std::string> warnings;
  set_warning_handler([&](const std::string& text) { warnings.push_back(text); });
  Cache cache(root);
  EXPECT_EQ(call(*compile(source_of("int answer() { return 3; }"), cache), "answer"), 3);
  set_warning_handler({});
  EXPECT_EQ(warnings.size(), 1u);
}

TEST_F(CompileTest, AWrongTextGivesTheCompilersLog) {
  const CompileError error = error_of(source_of("int answer() { return nonsense; }"));
  EXPECT_NE(error.log().find("nonsense"), std::string::npos);
  EXPECT_NE(error.message().find("-std=c++20"), std::string::npos) << "the command line";
}

TEST_F(CompileTest, NoCompilerIsAClearError) {
  const ScopedEnv none("FLASHLIGHT_CXX", ""), cxx("CXX", ""), path("PATH", "/nonexistent");
  const CompileError error = error_of({"", {}, "generic"});
  EXPECT_NE(error.message().find("no C++ compiler"), std::string::npos);
  EXPECT_NE(error.message().find("FLASHLIGHT_CXX"), std::string::npos);
}

TEST_F(CompileTest, AnAskedCompilerThatIsMissingIsNamed) {
  const ScopedEnv cxx("FLASHLIGHT_CXX", "/nonexistent/c++");
  EXPECT_NE(error_of({"", {}, "generic"}).message().find("/nonexistent/c++"), std::string::npos);
}

TEST_F(CompileTest, AFailingCompilerGivesItsLog) {
  const ScopedEnv cxx(
      "FLASHLIGHT_CXX",
      script("bad",
             "[ \"$1\" = --version ] && echo 'bad 1' && exit 0\necho no license >&2; exit 4"));
  const CompileError error = error_of({"", {}, "generic"});
  EXPECT_NE(error.log().find("no license"), std::string::npos);
  EXPECT_NE(error.message().find("status 4"), std::string::npos);
}

TEST_F(CompileTest, ACompilerThatMakesNothingIsAnError) {
  const ScopedEnv cxx("FLASHLIGHT_CXX", script("lazy", "echo 'lazy 1'; exit 0"));
  EXPECT_NE(error_of({"", {}, "generic"}).message().find("failed"), std::string::npos);
}

TEST_F(CompileTest, AHangingCompilerIsEnded) {
  const ScopedEnv cxx(
      "FLASHLIGHT_CXX",
      script("slow", "[ \"$1\" = --version ] && echo 'slow 1' && exit 0\nsleep 1000"));
  const CompileError error = error_of({"", {}, "generic"}, {.timeout = milliseconds(300)});
  EXPECT_NE(error.message().find("did not end in 300 ms"), std::string::npos);
}

TEST_F(CompileTest, CommandWordsAndClangFlags) {
  Compiler compiler{{"/usr/bin/ccache", "g++"}, "g++ 12", false};
  const auto has = [&](const std::string& flag) {
    const auto command = compile_command(compiler, "generic");
    return std::find(command.begin(), command.end(), flag) != command.end();
  };
  EXPECT_TRUE(has("g++"));
  EXPECT_TRUE(has("-fno-gnu-unique"));
  compiler.clang = true;
  EXPECT_FALSE(has("-fno-gnu-unique"));
}

TEST_F(CompileTest, AKernelFindsTheOpenMpRuntime) {
  ASSERT_FALSE(openmp_runtime().empty());
  Cache cache(root);
  const auto module = compile({"extern \"C\" int omp_get_max_threads();\n" + std::string(kExport) +
                                   "int threads() { return omp_get_max_threads(); }",
                               {},
                               host_isa()},
                              cache);
  EXPECT_GE(call(*module, "threads"), 1);
}

TEST_F(CompileTest, AnObjectWithAMissingSymbolDoesNotLoad) {
  const CompileError error = error_of({"int missing_function();\n" + std::string(kExport) +
                                           "int f() { return missing_function(); }",
                                       {},
                                       "generic"});
  EXPECT_NE(error.log().find("missing_function"), std::string::npos);
}

}  // namespace
}  // namespace flashlight::runtime::cpu
