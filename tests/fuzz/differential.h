// Runs trials on the tile interpreter and, compiled many at a time, as machine code.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>

#include "codegen/cpu/device/abi.h"
#include "codegen/cpu/device_headers.h"
#include "codegen/cpu/emit.h"
#include "fuzz/guarded_alloc.h"
#include "fuzz/trial.h"
#include "runtime/cpu/compile.h"
#include "runtime/cpu/load.h"
#include "runtime/process.h"
#include "tile/interpret.h"

namespace flashlight::fuzz {

struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What a crash was about: printed by the signal handler.
inline char g_current[128] = "";

inline void report_crashes() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    std::signal(signal, [](int) {
      const ssize_t ignored = write(2, g_current, std::strlen(g_current));
      _exit(ignored < 0 ? 138 : 139);
    });
}

/// Largest error allowed of an element of this size, in units of 1 + |expected|.
inline double tolerance(const Trial& t, const Call& call, ir::DType dtype, double expected) {
  bool twice = false;
  for (const tile::Kernel& k : t.kernels) twice = twice || k.compute == ir::Type::F64;
  double length = 16;
  for (const ir::Computation& c : t.program.computations)
    for (ir::Expr a : c.reduce_axes)
      length += static_cast<double>(ir::evaluate(a->extent(), call.symbols));
  double relative = 0;  // of what is stored
  if (dtype == ir::DType::BF16) relative = 0x1p-8;
  if (dtype == ir::DType::F16) relative = 0x1p-11;
  return (twice ? 0x1p-50 : 0x1p-23) * 2 * length + relative * std::abs(expected);
}

/// Throws where the values differ by more than `allowed(dtype, expected)`.
template <class F>
void compare(const Trial& t, const Call& call, const std::map<std::string, ir::Array>& got,
             const F& allowed) {
  for (size_t o = 0; o < t.program.outputs.size(); ++o) {
    const std::string& name = t.program.outputs[o].name;
    const ir::DType dtype = t.program.computation(name)->dtype;
    const ir::Array &a = got.at(name), &b = call.expected[o];
    for (size_t e = 0; e < b.data.size(); ++e) {
      const double x = a.data[e], y = b.data[e];
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      const double error = std::abs(x - y) / (1 + std::abs(y));
      if (error <= allowed(dtype, y)) continue;
      std::ostringstream out;
      out << name << ", element " << e << " of " << b.data.size() << ": " << x << ", not " << y
          << " (error " << error << ")";
      throw Wrong(out.str());
    }
  }
}

inline std::vector<int64_t> sizes_of(const std::vector<ir::Expr>& shape, const ir::Bindings& s) {
  std::vector<int64_t> out;
  for (ir::Expr e : shape) out.push_back(ir::evaluate(e, s));
  return out;
}

inline void run_tiles(const Trial& t) {
  for (const Call& call : t.calls) {
    std::map<std::string, ir::Array> memory;
    for (size_t k = 0; k < call.inputs.size(); ++k)
      memory[t.program.inputs[k].name] = call.inputs[k];
    for (const tile::Kernel& k : t.kernels) {
      std::vector<ir::Array> args;
      for (const ir::Input& i : k.inputs) args.push_back(memory.at(i.name));
      std::vector<ir::Array> results = tile::interpret(k, args, call.symbols);
      for (size_t o = 0; o < results.size(); ++o) memory[k.outputs[o].name] = results[o];
    }
    compare(t, call, memory, [](ir::DType, double) { return 1e-9; });
  }
}

/// Kernels of several trials in one translation unit: the headers are most of what is compiled.
class Batch {
 public:
  explicit Batch(std::string isa) : isa_(std::move(isa)) {}

  void add(const Trial& t) {
    for (const tile::Kernel& k : t.kernels) {
      const std::string text = codegen::cpu::emit(k).text;
      text_ += "namespace of_" + k.name + " {\n" + without_includes(text) + "}\n";
    }
  }

  void compile() {
    std::string folder =
        (std::filesystem::temp_directory_path() / "flashlight_fuzz_XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
    const std::filesystem::path path = folder;
    std::string all = kGuardedAlloc;
    for (const auto& [name, text] : codegen::cpu::device_headers()) {
      std::ofstream(path / name) << exact_sizes(std::string(name), std::string(text));
      all += "#include \"" + std::string(name) + "\"\n";
    }
    std::ofstream(path / "kernels.cpp") << all << text_;
    static runtime::Cache cache(std::filesystem::temp_directory_path() / "flashlight_fuzz_cache");
    std::vector<std::string> command =
        runtime::cpu::compile_command(runtime::cpu::find_compiler(cache), isa_);
    const char* level = std::getenv("FLASHLIGHT_FUZZ_OPTIMIZE");
    command.insert(command.end(),
                   {level == nullptr ? "-O1" : level, "-w", "-o", (path / "kernels.so").string(),
                    (path / "kernels.cpp").string()});
    const runtime::ProcessResult result = runtime::run_process(command, std::chrono::minutes(20));
    if (!result.ok()) {
      std::filesystem::remove_all(path);
      const size_t at = result.output.find("error");
      throw CompileError("does not compile",
                         result.output.substr(at == std::string::npos ? 0 : at, 2000));
    }
    module_ = runtime::cpu::load((path / "kernels.so").string());
    std::filesystem::remove_all(path);  // it stays mapped
  }

  void run(const Trial& t) const {
    for (const Call& call : t.calls) {
      std::map<std::string, std::unique_ptr<GuardedTensor>> memory;
      for (size_t k = 0; k < call.inputs.size(); ++k) {
        const ir::Input& i = t.program.inputs[k];
        memory[i.name] = make(t, i.name, i.dtype, i.shape, call);
        memory[i.name]->write(call.inputs[k]);
      }
      std::map<std::string, ir::Array> got;
      for (const tile::Kernel& k : t.kernels) {
        for (const ir::Store& o : k.outputs)
          memory[o.name] = make(t, o.name, o.dtype, o.shape, call);
        run(k, call, memory);
        for (auto& [name, tensor] : memory)
          if (got.count(name) || t.program.input(name)) tensor->check();
        for (const ir::Store& o : k.outputs) {
          GuardedTensor& out = *memory.at(o.name);
          got[o.name] = out.read();
          out.check();
          out.write(got[o.name]);
        }
      }
      compare(t, call, got, [&](ir::DType d, double y) { return tolerance(t, call, d, y); });
    }
  }

 private:
  static std::string without_includes(const std::string& text) {
    std::istringstream in(text);
    std::string out;
    for (std::string line; std::getline(in, line);)
      if (line.rfind("#include", 0) != 0) out += line + "\n";
    return out;
  }

  static std::unique_ptr<GuardedTensor> make(const Trial& t, const std::string& name,
                                             ir::DType dtype, const std::vector<ir::Expr>& shape,
                                             const Call& call) {
    return std::make_unique<GuardedTensor>(name, dtype, sizes_of(shape, call.symbols),
                                           t.layouts.at(name));
  }

  void run(const tile::Kernel& k, const Call& call,
           const std::map<std::string, std::unique_ptr<GuardedTensor>>& memory) const {
    std::vector<void*> data;
    std::vector<const int64_t*> strides;
    const auto add = [&](const std::string& name) {
      data.push_back(memory.at(name)->data()), strides.push_back(memory.at(name)->strides());
    };
    for (const ir::Input& i : k.inputs) add(i.name);
    for (const ir::Store& o : k.outputs) add(o.name);
    std::vector<int64_t> symbols;
    for (const ir::SymbolInfo& i : k.symbols) symbols.push_back(call.symbols.at(i.name));
    std::snprintf(g_current, sizeof g_current, "crash in kernel %s\n", k.name.c_str());
    const fl_args args{data.data(), strides.data(), symbols.data()};
    const auto entry = reinterpret_cast<int (*)(const fl_args*)>(module_->symbol(k.name));
    if (entry(&args) != 0) throw std::runtime_error("the kernel ran out of memory");
  }

  std::string isa_, text_;
  std::shared_ptr<const runtime::Module> module_;
};

struct Summary {
  int programs = 0, agree = 0, refused = 0, wrong = 0;
  std::string text() const {
    return std::to_string(programs) + " programs, " + std::to_string(agree) + " agree, " +
           std::to_string(refused) + " refused, " + std::to_string(wrong) + " wrong";
  }
};

/// Seeds of one range, and what became of them.
class Differential {
 public:
  /// Without code, programs agree when both interpreters do.
  Differential(bool verbose, bool code) : verbose_(verbose), code_(code) { report_crashes(); }

  /// Seeds that share a translation unit must share `isa`.
  void run(const std::vector<uint64_t>& seeds, const std::string& isa) {
    std::map<uint64_t, std::vector<Trial>> good;
    for (const uint64_t seed : seeds) {
      ++summary_.programs;
      std::snprintf(g_current, sizeof g_current, "crash in the compiler, seed %ju\n",
                    uintmax_t(seed));
      try {
        std::vector<Trial> trials = TrialMaker(seed, isa).run();
        std::erase_if(trials, [](const Trial& t) { return t.kernels.empty(); });
        Batch emitted(isa);
        for (const Trial& t : trials)
          attempt(t, "tile interpreter", [&] { run_tiles(t), emitted.add(t); });
        if (trials.empty())
          refuse(seed, "no region");
        else if (!failed_.count(seed))
          good[seed] = std::move(trials);
      } catch (const Refused& e) {
        refuse(seed, e.what());
      } catch (const std::exception& e) {
        fail(seed, std::string("the compiler: ") + e.what(), nullptr);
      }
    }
    if (code_)
      run_code(good, isa);
    else
      summary_.agree += static_cast<int>(good.size());
    if (verbose_)
      std::printf("up to seed %ju: %s\n", uintmax_t(seeds.back()), summary_.text().c_str());
  }

  const Summary& summary() const { return summary_; }
  const std::string& failures() const { return failures_; }

 private:
  void run_code(const std::map<uint64_t, std::vector<Trial>>& good, const std::string& isa) {
    Batch batch(isa);
    for (const auto& [seed, trials] : good)
      for (const Trial& t : trials) batch.add(t);
    try {
      if (!good.empty()) batch.compile();
    } catch (const CompileError& e) {
      if (good.size() == 1)
        return fail(good.begin()->first, std::string(e.what()), &good.begin()->second[0]);
      for (const auto& one : good) run_code({one}, isa);  // which one is it?
      return;
    }
    for (const auto& [seed, trials] : good) {
      for (const Trial& t : trials) attempt(t, "machine code", [&] { batch.run(t); });
      if (!failed_.count(seed)) ++summary_.agree;
    }
  }

  template <class F>
  void attempt(const Trial& t, const char* what, const F& f) {
    try {
      f();
    } catch (const std::exception& e) {
      fail(t.seed, std::string(what) + ": " + e.what(), &t);
    }
  }

  void refuse(uint64_t seed, const std::string& why) {
    ++summary_.refused;
    if (verbose_) std::printf("seed %ju refused: %s\n", uintmax_t(seed), why.c_str());
  }

  void fail(uint64_t seed, const std::string& why, const Trial* t) {
    if (failed_.insert(seed).second) ++summary_.wrong;
    std::ostringstream out;
    out << "WRONG seed " << seed << ": " << (t ? t->summary : "") << "\n  " << why << "\n";
    std::printf("%s", out.str().c_str());
    std::fflush(stdout);
    if (t) {
      out << ir::print(t->program);
      for (const tile::Kernel& k : t->kernels) out << tile::print(k);
    }
    if (verbose_) std::printf("%s", out.str().c_str());
    failures_ += out.str();
  }

  bool verbose_, code_;
  Summary summary_;
  std::set<uint64_t> failed_;
  std::string failures_;
};

/// All seeds of [first, first + count), eight of them in a translation unit. Every fourth such
/// block runs as code for the baseline, else for what this machine has best.
inline void run_range(Differential& d, uint64_t first, uint64_t count) {
  constexpr uint64_t kBlock = 8;
  for (uint64_t seed = first; seed < first + count;) {
    const uint64_t block = seed / kBlock;
    std::vector<uint64_t> seeds;
    for (; seed < first + count && seed / kBlock == block; ++seed) seeds.push_back(seed);
    d.run(seeds, block % 4 == 3 ? "generic" : runtime::cpu::host_isa());
  }
}

}  // namespace flashlight::fuzz
