// Products of arrays on the general path: a thread holds a block of m x n sums in registers.
#include <algorithm>

#include "codegen/cuda/simt_operation.h"
#include "ir/rewrite.h"
#include "support/error.h"

namespace flashlight::codegen::cuda {

using namespace ir;

namespace {

std::vector<Expr> joined(std::initializer_list<std::vector<Expr>> lists) {
  std::vector<Expr> out;
  for (const auto& l : lists) out.insert(out.end(), l.begin(), l.end());
  return out;
}

bool subset(const std::vector<Expr>& axes, const std::vector<Expr>& of) {
  return std::all_of(axes.begin(), axes.end(),
                     [&](Expr a) { return std::count(of.begin(), of.end(), a) > 0; });
}

int64_t blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }

}  // namespace

/// The part of the place of an element that these axes give.
std::string SimtText::linear(const SimtArray& of, const Axes& axes) const {
  std::vector<std::string> terms;
  for (size_t d = 0; d < of.axes.size(); ++d) {
    if (!std::count(axes.begin(), axes.end(), of.axes[d])) continue;
    const std::string stride = of.strides[d] == 1 ? "" : " * " + std::to_string(of.strides[d]);
    terms.push_back(axis(of.axes[d]).name + "_at" + stride);
  }
  return terms.empty() ? "0" : join(terms, " + ");
}

/// A packed operand is made here, for the current step, at its first use.
SimtText::Operand SimtText::operand(const std::string& name) {
  if (const auto it = loads_.find(name); it != loads_.end()) return {it->second, Expr()};
  if (const auto it = direct_.find(name); it != direct_.end()) return {nullptr, it->second.body};
  const auto it = packs_.find(name);
  FLASHLIGHT_CHECK(it != packs_.end(), "operand " + name + " has no value here");
  const tile::Statement& s = it->second;
  SimtArray* to = loads_[name] = array(scope_ + name, s.type, s.axes);
  each(to, s.axes, s.body);
  return {to, Expr()};
}

void SimtText::contract(const tile::Contraction& c, SimtArray* to, bool onto, Expr alive) {
  const Operand a = operand(c.a), b = operand(c.b);
  if (const auto block = block_of(c, a, b)) return product(c, to, a, b, *block, onto, alive);
  const auto term = [](const Operand& o, const std::string& name, Type type) {
    return o.array ? load(name, o.array->axes, type) : o.body;
  };
  Substitution at;
  visit(c.combine, [&](Expr n) {
    if (n->op != Op::Symbol) return;
    at[n] = n->name() == "a" ? term(a, c.a, n->type) : term(b, c.b, n->type);
  });
  reduce(to, joined({c.batch, c.m, c.n}), c.k, c.op, substitute(c.combine, at), onto, alive);
}

/// The largest block that leaves every thread something to do. None: one lane per element or more.
std::optional<SimtText::Block> SimtText::block_of(const tile::Contraction& c, const Operand& a,
                                                  const Operand& b) const {
  if (!a.array || !b.array) return std::nullopt;
  if (!subset(a.array->axes, joined({c.batch, c.m, c.k}))) return std::nullopt;
  if (!subset(b.array->axes, joined({c.batch, c.n, c.k}))) return std::nullopt;
  const int64_t m = capacity(c.m), n = capacity(c.n), batch = capacity(c.batch);
  if (batch * m * n < tiles_.threads / 2 || capacity(c.k) == 0) return std::nullopt;
  constexpr Block kBlocks[] = {{8, 4}, {4, 4}, {2, 4}, {1, 4}, {2, 2}, {1, 2}};
  for (const Block& x : kBlocks)
    if (x.m <= m && x.n <= n && batch * blocks(m, x.m) * blocks(n, x.n) * 4 >= tiles_.threads * 3)
      return x;
  return Block{};
}

/// int name[count]: where points first + i * step (at most the last one) of the axes lie in `of`.
void SimtText::block_offsets(const SimtArray& of, const Axes& axes, int64_t count,
                             const std::string& first, const std::string& step,
                             const std::string& name) {
  const std::string n = std::to_string(count);
  out_.line("int " + name + "[" + n + "];");
  out_.line("#pragma unroll");
  out_.open("for (int i = 0; i < " + n + "; ++i)");
  out_.line("const int f = min(" + first + " + i * " + step + ", " +
            std::to_string(capacity(axes) - 1) + ");");
  points(axes, "f");
  out_.line(name + "[i] = " + linear(of, axes) + ";");
  out_.close();
}

void SimtText::product(const tile::Contraction& c, SimtArray* to, const Operand& a,
                       const Operand& b, Block block, bool onto, Expr alive) {
  operation([&] {
    const int64_t m_groups = blocks(capacity(c.m), block.m),
                  n_groups = blocks(capacity(c.n), block.n);
    const std::string bm = std::to_string(block.m), bn = std::to_string(block.n),
                      gn = std::to_string(n_groups), gm = std::to_string(m_groups);
    reading_.insert(a.array), reading_.insert(b.array), writing_.insert(to);
    out_.open("for (int t = threadIdx.x; t < " +
              std::to_string(capacity(c.batch) * m_groups * n_groups) + "; t += kThreads)");
    out_.line("const int n0 = t % " + gn + ", m0 = t / " + gn + " % " + gm + " * " + bm + ";");
    points(c.batch, "(t / " + std::to_string(n_groups * m_groups) + ")");
    if (const std::string in = inside(c.batch); !in.empty())
      out_.line("if (!(" + in + ")) continue;");
    block_offsets(*a.array, c.m, block.m, "m0", "1", "of_a");
    block_offsets(*b.array, c.n, block.n, "n0", gn, "of_b");
    const std::string type = type_name(to->type);
    out_.line(type + " sum[" + bm + "][" + bn + "];");
    const std::string over_block =
        "for (int h = 0; h < " + bm + "; ++h) for (int g = 0; g < " + bn + "; ++g)";
    out_.line("#pragma unroll");
    out_.line(over_block + " sum[h][g] = " + identity_text(c.op, to->type, single_) + ";");
    for (Expr k : c.k) {
      const Axis& x = axis(k);
      const std::string end = x.role == Role::Tiled  ? "rows"
                              : x.role == Role::Loop ? "columns"
                                                     : std::to_string(x.capacity);
      if (k == c.k.back()) out_.line("#pragma unroll 4");
      out_.open("for (int " + x.name + "_at = 0; " + x.name + "_at < " + end + "; ++" + x.name +
                "_at)");
    }
    Axes at_a = c.batch, at_b = c.batch;
    at_a.insert(at_a.end(), c.k.begin(), c.k.end()), at_b = at_a;
    out_.line("const " + type_name(a.array->type) + "* const pa = " + a.array->name + " + (" +
              linear(*a.array, at_a) + ");");
    out_.line("const " + type_name(b.array->type) + "* const pb = " + b.array->name + " + (" +
              linear(*b.array, at_b) + ");");
    out_.line(type_name(a.array->type) + " va[" + bm + "];");
    out_.line(type_name(b.array->type) + " vb[" + bn + "];");
    out_.line("#pragma unroll");
    out_.line("for (int h = 0; h < " + bm + "; ++h) va[h] = pa[of_a[h]];");
    out_.line("#pragma unroll");
    out_.line("for (int g = 0; g < " + bn + "; ++g) vb[g] = pb[of_b[g]];");
    out_.line("#pragma unroll");
    out_.open(over_block);
    ScalarText text(
        out_, [](Expr e, const auto&) { return e->name() == "a" ? "va[h]" : "vb[g]"; },
        [](Expr) { return false; }, single_, "w");
    const std::string term = text(c.combine);
    out_.line("sum[h][g] = " + combine_text(c.op, "sum[h][g]", term) + ";");
    out_.close();
    for (size_t k = 0; k < c.k.size(); ++k) out_.close();
    out_.line("#pragma unroll");
    out_.open(over_block);
    out_.line("const int mf = m0 + h, nf = n0 + g * " + gn + ";");
    out_.line("if (mf >= " + std::to_string(capacity(c.m)) +
              " || nf >= " + std::to_string(capacity(c.n)) + ") continue;");
    points(c.m, "mf"), points(c.n, "nf");
    if (const std::string in = inside(joined({c.m, c.n})); !in.empty())
      out_.line("if (!(" + in + ")) continue;");
    if (alive) {
      ScalarText live = scalar();
      const std::string value = live(alive);
      out_.line("if (!" + value + ") continue;");
    }
    const std::string at = to->name + "[" + linear(*to, to->axes) + "]";
    out_.line(at + " = " + (onto ? combine_text(c.op, at, "sum[h][g]") : "sum[h][g]") + ";");
    out_.close();
    out_.close();
  });
}

}  // namespace flashlight::codegen::cuda
