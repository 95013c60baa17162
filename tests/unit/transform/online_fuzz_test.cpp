// Random programs: whatever is derived must agree with the definition, in however many passes.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "online_programs.h"
#include "online_run.h"
#include "transform/describe.h"

namespace flashlight::test {
namespace {

constexpr unsigned kPrograms = 400;

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Reductions program() {
    const int n = 2 + pick(4);
    for (int i = 0; i < n; ++i) {
      const std::string name = "q" + std::to_string(i);
      Reduction r{name, Reduce::Sum, product()};
      if (pick(3) == 0) r = max_of(name, pick(2) ? leaf() : product());
      if (pick(3) == 0) r = max_of(name, ir::where(c, leaf(), lowest));
      out_.push_back(r);
    }
    return out_;
  }

  Columns data() {
    std::normal_distribution<double> normal;
    Columns out;
    const double slope = pick(3) - 1, steep = pick(2) ? 0.2 : 12;
    for (int j = 0; j < kN; ++j) {
      out["x"].push_back(normal(random_) * 2 + slope * steep * (j - 50));
      out["y"].push_back(normal(random_) - slope * steep * (j - 20));
      out["w"].push_back(normal(random_) * 3 + 5);
      out["v"].push_back(normal(random_));
      out["c"].push_back(pick(3) != 0);
    }
    return out;
  }

 private:
  int pick(int n) { return static_cast<int>(random_() % n); }

  Expr leaf() {
    const Expr all[] = {x, y, w, x * num(0.5), x + w};
    return all[pick(5)];
  }

  Expr earlier() { return out_.empty() ? num(1) : var(out_[pick(out_.size())].name); }

  Expr factor() {
    switch (pick(11)) {
      case 0:
      case 1:
        return exp_(leaf() - earlier());
      case 2:
        return exp_((leaf() - earlier()) * num(0.25));
      case 3:
        return leaf() - earlier();
      case 4:
        return f(Op::Abs, exp_(leaf() - earlier()) * w);
      case 5:
        return relu(leaf());
      case 6:
        return ir::where(c, exp_(leaf() - earlier()), num(0));
      case 7:
        return ir::where(c, leaf() - earlier(), leaf());
      case 8:
        return f(Op::Pow, leaf() - earlier() / num(kN), num(2));
      case 9:
        return relu(exp_(x - earlier()) - exp_(f(Op::Neg, earlier())));
      default:
        return f(Op::Sigmoid, leaf() - (pick(2) ? earlier() : num(1)));
    }
  }

  Expr product() {
    Expr e = factor();
    if (pick(3) == 0) e = e * factor();
    if (pick(3) == 0) e = e / (f(Op::Abs, earlier()) + num(1));
    if (pick(4) == 0) e = e - factor();
    return pick(2) ? e * v : e;
  }

  std::mt19937 random_;
  Reductions out_;
};

/// What e would be if no difference cancelled: eager's own rounding is relative to that.
double uncancelled(Expr e, const Env& env) {
  const auto arg = [&](int i) { return uncancelled(e->args[i], env); };
  switch (e->op) {
    case Op::Add:
    case Op::Sub:
      return arg(0) + arg(1);
    case Op::Mul:
      return arg(0) * arg(1);
    case Op::Div:
      return arg(0) / std::fabs(value_of(e->args[1], env));
    case Op::Abs:
      return arg(0);
    case Op::Pow:
      return std::pow(arg(0), 2);
    case Op::Max:
    case Op::Min:
      return std::max(arg(0), arg(1));
    case Op::Where:
      return value_of(e->args[0], env) != 0 ? arg(1) : arg(2);
    default:
      return std::fabs(value_of(e, env));
  }
}

double magnitude(const Reduction& r, const Columns& data, const Env& known) {
  if (r.op != Reduce::Sum) return std::fabs(known.at(r.name));
  double out = 0;
  for (size_t j = 0; j < kN; ++j) {
    Env env = known;
    for (const auto& [name, column] : data) env[name] = column[j];
    out = std::max(out, uncancelled(r.body, env));
  }
  return out;
}

TEST(OnlineFuzz, AgreesWithTheDefinition) {
  const std::vector<Expr> leaves = {x, y, w, c, v};
  int compared = 0;
  for (unsigned seed = 0; seed < kPrograms; ++seed) {
    Generator generate(seed);
    const Reductions program = generate.program();
    const Columns data = generate.data();
    const auto passes = transform::make_online(program, leaves);
    const Env got = run_online(passes, data, {}, kN);
    const Env want = run_definition(program, data, {}, kN);
    for (const Reduction& r : program) {
      const double d = want.at(r.name), g = got.at(r.name);
      // Beyond this the definition itself overflows, or has lost digits to subnormal numbers.
      if (!std::isfinite(d) || std::fabs(d) > 1e100 || std::fabs(d) < 1e-30) break;
      const double scale = magnitude(r, data, want);
      if (std::fabs(d) < 1e-6 * scale) break;
      ++compared;
      ASSERT_LE(std::fabs(g - d), 1e-6 * scale)
          << "seed " << seed << ": " << r.name << " = " << g << ", not " << d << "\n"
          << transform::formula(r.body) << "\n"
          << transform::describe(passes);
    }
  }
  EXPECT_GT(compared, kPrograms);
}

}  // namespace
}  // namespace flashlight::test
