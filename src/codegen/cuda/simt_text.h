// The text of one kernel on the general path, for given tiles. Private to simt*.cpp.
//
// Everything is an operation: a loop whose points are dealt to the threads of the CTA, which writes
// one array (or an output) and reads others. Barriers are put between operations where one needs
// what another one wrote, or writes over what it reads.
#pragma once
#include <map>
#include <optional>
#include <set>

#include "codegen/cuda/scalar_text.h"
#include "codegen/cuda/simt_memory.h"
#include "tile/kernel.h"

namespace flashlight::codegen::cuda {

struct SimtTiles {
  int64_t rows = 1, columns = 8;
  int threads = 128;
};

class SimtText {
 public:
  SimtText(const tile::Kernel& kernel, SimtTiles tiles);
  void run();
  /// After run(). `memory` placed.
  std::string text(const std::string& entry) const;
  SimtMemory& memory() { return memory_; }
  ir::Expr units() const;

 private:
  using Axes = std::vector<ir::Expr>;
  enum class Role { Grid, Tiled, Whole, Loop };
  struct Axis {
    Role role;
    std::string name;      // of the i64 index; its place in the tile is <name>_at
    int64_t capacity = 1;  // points in a tile
  };
  using Arrays = std::map<std::string, SimtArray*>;
  struct Operand {
    SimtArray* array = nullptr;
    ir::Expr body;  // of what is read in place
  };

  // simt_text.cpp, simt_frame.cpp: names, the frame of the kernel
  const Axis& axis(ir::Expr a) const { return axes_.at(a); }
  int64_t capacity(const Axes& axes) const;
  SimtArray* array(const std::string& name, ir::Type type, const Axes& axes);
  std::string guard(ir::Expr a) const;
  void declare(ir::Expr a, const std::string& at);
  void add_axes();
  void parameters(Writer& out) const;
  void pointers(Writer& out) const;
  void frame(Writer& out) const;
  std::string bound(ir::Expr e, const std::string& name);
  void statements(const std::vector<tile::Statement>& list,
                  const std::vector<tile::Contraction>& contractions, const std::string& scope);
  void store(const ir::Store& output);

  // simt_loops.cpp: operations
  template <class F>
  void operation(const F& emit);
  void barrier();
  std::string element(SimtArray* a);
  std::string leaf(ir::Expr e, const std::vector<std::string>& index);
  std::string input_text(ir::Expr e, std::vector<std::string> index);
  std::string offset_text(const std::string& tensor, const std::string& pointer,
                          const std::vector<std::string>& index) const;
  std::string local_text(ir::Expr e, const std::vector<std::string>& index);
  ScalarText scalar();
  void points(const Axes& axes, const std::string& flat);
  std::string inside(const Axes& axes) const;
  ir::Expr fastest(ir::Expr body, const Axes& axes) const;
  ir::Expr fastest(ir::Expr load) const;
  Axes in_order(Axes axes, ir::Expr last) const;
  void each(SimtArray* to, const Axes& axes, ir::Expr body);
  void reduce(SimtArray* to, const Axes& axes, const Axes& over, ir::Reduce op, ir::Expr body,
              bool onto, ir::Expr alive);

  // simt_contract.cpp: products of arrays, blocked in registers
  struct Block {
    int64_t m = 1, n = 1;
  };
  void contract(const tile::Contraction& c, SimtArray* to, bool onto, ir::Expr alive);
  std::optional<Block> block_of(const tile::Contraction& c, const Operand& a,
                                const Operand& b) const;
  void product(const tile::Contraction& c, SimtArray* to, const Operand& a, const Operand& b,
               Block block, bool onto, ir::Expr alive);
  void block_offsets(const SimtArray& of, const Axes& axes, int64_t count, const std::string& first,
                     const std::string& step, const std::string& name);
  std::string linear(const SimtArray& of, const Axes& axes) const;
  Operand operand(const std::string& name);

  // simt_pass.cpp: passes
  void pass(const tile::Pass& p, int number);
  void make_states(const tile::Pass& p);
  void start(const tile::Pass& p);
  void steps(const tile::Pass& p);
  void phase(const tile::Pass& p, bool after);
  void absorb(const tile::Pass& p, bool with_references, bool full);
  void move(const tile::Pass& p);
  ir::Expr with_factors(ir::Expr body, const Axes& axes);
  ir::Expr moved(const tile::State& s, const std::map<std::string, std::string>& to) const;
  ir::Expr alive(const tile::Pass& p, const tile::State& s) const;
  void finals(const tile::Pass& p);
  void certify(const tile::Pass& p);

  std::map<std::string, tile::Statement> packs_, direct_;  // filled while kernel_ is made
  tile::Kernel kernel_;
  SimtTiles tiles_;
  bool single_;
  Names names_;
  SimtMemory memory_;
  std::map<ir::Expr, Axis> axes_;
  std::map<std::string, std::string> inputs_, outputs_, symbols_, numbers_;
  Writer out_;

  Arrays loads_, values_;  // what Loads and Symbols name now
  Arrays of_variant_[2];   // loads_ after `before`, in partial and full tiles
  std::map<std::string, SimtArray*> made_;
  int time_ = 0, scalars_ = 0;
  std::set<SimtArray*> read_, written_, reading_, writing_;
  std::string scope_;  // prefix of names of arrays in a pass
};

}  // namespace flashlight::codegen::cuda
