// Random attention-like programs with inputs on which they are well conditioned: the one generator
// behind every differential test (IR interpreter, tile interpreter, kernels). The same seed gives
// the same program and the same inputs on every machine; so no two arguments of one call may both
// draw numbers, as their order is the compiler's.
#pragma once
#include <cmath>
#include <limits>
#include <random>

#include "ir/builder.h"
#include "ir/interpret.h"

namespace flashlight::fuzz {

struct RandomProgram {
  ir::Program program;
  std::vector<ir::Array> inputs;  // values that the inputs' dtypes hold exactly
  ir::Bindings symbols;
  std::string summary;  // what the generator chose, for messages
};

enum class Sort {
  Any,
  /// For matrix units: bf16 or f16, weights rounded before they meet the values, lengths of several
  /// tiles; scores that may be far apart, rows without a key.
  Half,
};

class Generator {
 public:
  explicit Generator(uint64_t seed, Sort sort = Sort::Any) : rng_(seed), sort_(sort) {}

  RandomProgram run() {
    sizes();
    values_ = heads(input("v", {batch_, kv_heads_, keys_, value_dim_}));
    const int maps = chance(0.25) ? 2 : 1;
    ir::Tensor out = attend(0);
    if (maps == 2) {
      note("difference");
      out = map(ir::Op::Sub, {out, map(ir::Op::Mul, {scalar(0.3), attend(1)})});
    }
    epilogue(out);
    return {builder_.finish(), std::move(inputs_), std::move(symbols_), std::move(summary_)};
  }

 private:
  using T = ir::Tensor;

  // ---- choices
  int64_t pick(int64_t n) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(n)); }
  double unit() { return static_cast<double>(rng_() >> 11) * 0x1p-53; }
  bool chance(double p) { return unit() < p; }
  void note(const std::string& what) { summary_ += (summary_.empty() ? "" : ", ") + what; }

  ir::Expr size(int64_t value, double symbolic) {
    if (!chance(symbolic)) return ir::constant(value);
    const std::string name = "s" + std::to_string(symbols_.size());
    symbols_[name] = value;
    return builder_.add_symbol(name, value);
  }

  bool half() const { return sort_ == Sort::Half; }
  /// Weights may be out of the range of their type: only a softmax keeps it.
  bool out_of_range() const { return half() && (far_apart_ || float_dtype_ == ir::DType::F16); }

  void sizes() {
    if (half()) return large_sizes();
    batch_ = size(1 + pick(3), 0.3);
    kv_heads_ = size(1 + pick(3), 0.2);
    group_ = ir::constant(1 + (chance(0.3) ? pick(3) : 0));
    const int64_t rows = 1 + pick(40);
    rows_ = size(rows, 0.5);
    keys_ = chance(0.5) ? rows_ : size(1 + pick(40), 0.5);
    dim_ = size(1 + pick(40), 0.1);
    value_dim_ = chance(0.5) ? dim_ : size(1 + pick(40), 0.1);
    const int64_t d = ir::evaluate(dim_, symbols_);
    scale_ = 1 / std::sqrt(static_cast<double>(d));
    const ir::DType dtypes[] = {ir::DType::BF16, ir::DType::F16, ir::DType::F32};
    float_dtype_ = dtypes[chance(0.2) ? pick(2) : 2];
  }

  void large_sizes() {
    batch_ = size(1 + pick(2), 0.5);
    kv_heads_ = size(1 + pick(2), 0.2);
    group_ = ir::constant(1 + (chance(0.3) ? pick(3) : 0));
    rows_ = size(1 + pick(chance(0.5) ? 300 : 140), 0.7);
    keys_ = chance(0.5) ? rows_ : size(1 + pick(chance(0.5) ? 300 : 140), 0.7);
    const auto width = [this] {
      if (chance(0.1)) return ir::constant(16 * (9 + pick(12)));
      return ir::constant(chance(0.9) ? 8 * (1 + pick(16)) : 1 + pick(80));
    };
    dim_ = width();
    value_dim_ = chance(0.5) ? dim_ : width();
    scale_ = 1 / std::sqrt(static_cast<double>(ir::evaluate(dim_, symbols_)));
    far_apart_ = chance(0.2);
    if (far_apart_) note("far apart"), scale_ *= 30;
    float_dtype_ = chance(0.3) ? ir::DType::F16 : ir::DType::BF16;
  }

  // ---- inputs: multiples of 1/128 in [-1, 1], which even bf16 holds exactly
  T input(const std::string& name, std::vector<ir::Expr> shape) {
    return input(name, float_dtype_, std::move(shape),
                 [this] { return static_cast<double>(pick(257) - 128) / 128; });
  }

  template <typename F>
  T input(const std::string& stem, ir::DType dtype, std::vector<ir::Expr> shape, F value) {
    std::vector<int64_t> sizes;
    for (ir::Expr e : shape) sizes.push_back(ir::evaluate(e, symbols_));
    ir::Array array = ir::make_array(sizes);
    for (double& x : array.data) x = value();
    inputs_.push_back(std::move(array));
    return builder_.input(stem + std::to_string(inputs_.size()), dtype, std::move(shape));
  }

  // ---- vocabulary
  T map(ir::Op op, const std::vector<T>& args) { return builder_.map(op, args, ir::DType::F32); }
  T scalar(double value) {
    return builder_.full({}, ir::constant(value, ir::Type::F32), ir::DType::F32);
  }
  T integer(int64_t value) { return builder_.full({}, ir::constant(value), ir::DType::I64); }
  T test(ir::Op op, const T& a, const T& b) { return builder_.map(op, {a, b}, ir::DType::Bool); }
  T whole(ir::Op op, const T& a, const T& b) { return builder_.map(op, {a, b}, ir::DType::I64); }
  T reduce(ir::Reduce op, const T& a) { return builder_.reduce(op, a, {-1}, true, ir::DType::F32); }
  T positions(ir::Expr length, bool column) {
    const T all =
        builder_.iota(length, ir::constant(int64_t{0}), ir::constant(int64_t{1}), ir::DType::I64);
    return column ? builder_.unsqueeze(all, 1) : all;
  }

  // [batch, kv heads, n, d] as [batch, heads, n, d], with grouped heads spread out
  T heads(const T& t) {
    if (is_const(group_, 1)) return t;
    const std::vector<ir::Expr>& s = t.shape;
    const T wide = builder_.expand(builder_.unsqueeze(t, 2), {s[0], s[1], group_, s[2], s[3]});
    return builder_.view(wide, {s[0], s[1] * group_, s[2], s[3]});
  }

  // ---- scores
  T contraction() {
    const ir::Expr all_heads = kv_heads_ * group_;
    T q;
    if (chance(0.3)) {
      q = builder_.permute(input("q", {batch_, rows_, all_heads, dim_}), {0, 2, 1, 3});
    } else {
      q = input("q", {batch_, all_heads, rows_, dim_});
    }
    const T k = heads(input("k", {batch_, kv_heads_, keys_, dim_}));
    const T s = builder_.matmul(q, builder_.permute(k, {0, 1, 3, 2}), ir::DType::F32);
    return map(ir::Op::Mul, {s, scalar(scale_)});
  }

  T scores() {
    T s = contraction();
    for (int more = chance(far_apart_ ? 0 : 0.2) ? 1 + static_cast<int>(pick(2)) : 0; more > 0;
         --more) {
      note("another contraction");
      const ir::Op op = chance(0.5) ? ir::Op::Add : ir::Op::Mul;
      s = map(op, {s, contraction()});
    }
    for (int64_t n = pick(3); n > 0; --n) s = modified(s);
    for (int64_t n = pick(3); n > 0; --n) s = masked(s);
    return s;
  }

  T modified(const T& s) {
    const ir::Expr all_heads = kv_heads_ * group_;
    switch (pick(7)) {
      case 0:
        note("bias");
        return map(ir::Op::Add, {s, input("bias", {rows_, keys_})});
      case 1:
        note("head bias");
        return map(ir::Op::Add, {s, input("bias", {all_heads, rows_, keys_})});
      case 2: {
        note("alibi");
        const T distance = whole(ir::Op::Sub, positions(rows_, true), positions(keys_, false));
        const T slope =
            input("slope", {all_heads, ir::constant(int64_t{1}), ir::constant(int64_t{1})});
        return map(ir::Op::Sub,
                   {s, map(ir::Op::Mul, {map(ir::Op::Mul, {slope, distance}), scalar(0.125)})});
      }
      case 3:
        note("softcap");
        return map(ir::Op::Mul, {scalar(2), map(ir::Op::Tanh, {map(ir::Op::Div, {s, scalar(2)})})});
      case 4:
        note("clamp");
        return map(ir::Op::Max, {map(ir::Op::Min, {s, scalar(1.5)}), scalar(-1.5)});
      case 5:
        note("key bias");
        return map(ir::Op::Add, {s, input("bias", {batch_, ir::constant(int64_t{1}),
                                                   ir::constant(int64_t{1}), keys_})});
      default:
        note("sigmoid gate");
        return map(ir::Op::Mul, {s, map(ir::Op::Sigmoid, {s})});
    }
  }

  // ---- masks. The first key is always seen, so that no row is empty; but for rows of Sort::Half.
  T predicate() {
    const T i = positions(rows_, true), j = positions(keys_, false);
    const T width = integer(1 + pick(12));
    switch (pick(6)) {
      case 0:
        note("causal");
        return test(ir::Op::Ge, whole(ir::Op::Add, i, integer(pick(8))), j);
      case 1:
        note("window");
        return builder_.map(
            ir::Op::And,
            {test(ir::Op::Ge, i, j), test(ir::Op::Lt, whole(ir::Op::Sub, i, j), width)},
            ir::DType::Bool);
      case 2:
        note("prefix");
        return builder_.map(ir::Op::Or, {test(ir::Op::Ge, i, j), test(ir::Op::Lt, j, width)},
                            ir::DType::Bool);
      case 3:
        note("chunk");
        return test(ir::Op::Eq, whole(ir::Op::FloorDiv, i, width),
                    whole(ir::Op::FloorDiv, j, width));
      case 4: {
        note("documents");
        // In runs, as packed documents lie: some tiles are dead.
        const auto id = [this, at = 0.0]() mutable { return at += pick(12) == 0; };
        const T row = input("row_id", ir::DType::I64, {rows_}, id);
        const T key = input("key_id", ir::DType::I64, {keys_}, id);
        return test(ir::Op::Eq, builder_.unsqueeze(row, 1), key);
      }
      default:
        note("mask input");
        return input("mask", ir::DType::Bool, {rows_, keys_},
                     [this] { return chance(0.6) ? 1.0 : 0.0; });
    }
  }

  T masked(const T& s) {
    const bool empty = half() && chance(0.3);
    const T first = test(ir::Op::Eq, positions(keys_, false), integer(0));
    const T seen = predicate();
    const T keep = empty ? seen : builder_.map(ir::Op::Or, {seen, first}, ir::DType::Bool);
    constexpr double kInf = std::numeric_limits<double>::infinity();
    if (empty) note("empty rows");
    switch (empty ? 2 * pick(2) : pick(4)) {
      case 0:
        note("filled with a finite value");
        return builder_.where(keep, s, scalar(-1e9), ir::DType::F32);
      case 1:
        note("added");
        return map(ir::Op::Add, {s, builder_.where(keep, scalar(0), scalar(half() ? -1e4 : -1e9),
                                                   ir::DType::F32)});
      default:
        return builder_.where(keep, s, scalar(-kInf), ir::DType::F32);
    }
  }

  // ---- weights of the keys, and their contraction with the values
  T contract(const T& weights) {
    const T w = half() ? builder_.cast(weights, float_dtype_) : weights;
    return builder_.matmul(w, values_, ir::DType::F32);
  }

  T attend(int which) {
    const T s = scores();
    if (which == 0 && chance(0.15)) summary_output(s);
    switch (out_of_range() ? 6 : pick(7)) {
      case 0:
        note("sigmoid");
        return contract(map(ir::Op::Sigmoid, {s}));
      case 1: {
        note("normalised relu");
        const T r = map(ir::Op::Max, {s, scalar(0)});
        const T w = chance(0.5) ? map(ir::Op::Mul, {r, r}) : r;
        return map(ir::Op::Div,
                   {contract(w), map(ir::Op::Add, {reduce(ir::Reduce::Sum, w), scalar(1)})});
      }
      case 2: {
        note("normalised power");
        const T p = map(ir::Op::Sigmoid, {s});
        const double power = chance(0.5) ? 1.5 : 3;
        const T w = map(ir::Op::Pow, {p, scalar(power)});
        return contract(map(ir::Op::Div, {w, reduce(ir::Reduce::Sum, w)}));
      }
      case 3:
        return standardised(s);
      default:
        return softmax(s);
    }
  }

  // (s - mean) / deviation of bounded scores
  T standardised(const T& raw) {
    note("standardised");
    const T s = map(ir::Op::Tanh, {raw});
    const T n = builder_.full({}, ir::cast(keys_, ir::Type::F32), ir::DType::F32);
    const T mean = map(ir::Op::Div, {reduce(ir::Reduce::Sum, s), n});
    const T centred = map(ir::Op::Sub, {s, mean});
    const T variance =
        map(ir::Op::Div, {reduce(ir::Reduce::Sum, map(ir::Op::Mul, {centred, centred})), n});
    return contract(map(
        ir::Op::Mul, {centred, map(ir::Op::Rsqrt, {map(ir::Op::Add, {variance, scalar(0.1)})})}));
  }

  T softmax(const T& s) {
    const T m = reduce(ir::Reduce::Max, s);
    const T p = map(ir::Op::Exp, {map(ir::Op::Sub, {s, m})});
    T l = reduce(ir::Reduce::Sum, p);
    if (chance(0.2) && !far_apart_) {
      note("off by one");
      l = map(ir::Op::Add, {l, map(ir::Op::Exp, {map(ir::Op::Neg, {m})})});
    }
    if (chance(0.2)) {
      note("log-sum-exp");
      builder_.output(map(ir::Op::Add, {m, map(ir::Op::Log, {l})}));
    }
    note("softmax");
    if (chance(0.5)) return map(ir::Op::Div, {contract(p), l});
    return contract(map(ir::Op::Div, {p, l}));
  }

  // Bounded below: a minimum of -1e9 says nothing of the others.
  void summary_output(const T& s) {
    const ir::Reduce op = chance(0.5) ? ir::Reduce::Max : ir::Reduce::Min;
    note(std::string("scores' ") + ir::reduce_text(op));
    builder_.output(reduce(op, map(ir::Op::Max, {s, scalar(-2)})));
  }

  void epilogue(T out) {
    if (chance(0.2)) {
      note("gate");
      const T gate = input("gate", {batch_, kv_heads_ * group_, rows_, value_dim_});
      out = map(ir::Op::Mul, {out, map(ir::Op::Sigmoid, {gate})});
    }
    if (chance(0.3)) {
      note("head merge");
      out = builder_.view(builder_.permute(out, {0, 2, 1, 3}),
                          {batch_, rows_, kv_heads_ * group_ * value_dim_});
    }
    builder_.output(builder_.cast(out, float_dtype_));
  }

  std::mt19937_64 rng_;
  Sort sort_;
  bool far_apart_ = false;
  ir::Builder builder_;
  ir::Expr batch_, kv_heads_, group_, rows_, keys_, dim_, value_dim_;
  double scale_ = 1;
  ir::DType float_dtype_ = ir::DType::F32;
  T values_;
  std::vector<ir::Array> inputs_;
  ir::Bindings symbols_;
  std::string summary_;
};

inline RandomProgram random_program(uint64_t seed, Sort sort = Sort::Any) {
  return Generator(seed, sort).run();
}

}  // namespace flashlight::fuzz
