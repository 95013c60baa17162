#pragma once
#include "unit/codegen/device_cases/cases.h"

namespace {

/** The operands of one contraction, with room around C, and what naive double arithmetic makes. */
template <class T>
struct Problem {
  int64_t m, n, k;
  std::vector<T> a = random_values<T>(m * k, -1, 1, 1), b = random_values<T>(k * n, -1, 1, 2);
  std::vector<T> c = random_values<T>(m * n, -1, 1, 3), alpha = random_values<T>(m, 0, 1, 4);

  template <class F>
  std::vector<double> expect(fl::Start start, double initial, F step) const {
    std::vector<double> out(m * n);
    for (int64_t i = 0; i < m; i++) {
      for (int64_t j = 0; j < n; j++) {
        double x = start == fl::Start::Zero ? initial : double(c[i * n + j]);
        if (start == fl::Start::Scale) x *= double(alpha[i]);
        for (int64_t l = 0; l < k; l++) x = step(x, double(a[i * k + l]), double(b[l * n + j]));
        out[i * n + j] = x;
      }
    }
    return out;
  }
};

/** Runs through one layout: packed or row-major B, A by rows or by columns. */
template <class T, int MR, int NV, fl::Start START, class Op>
void check_contraction(Op op, const Problem<T>& p, const std::vector<double>& want, bool packed,
                       bool a_by_columns) {
  constexpr int NR = NV * fl::kLanes<T>;
  const int64_t panels = (p.n + NR - 1) / NR;
  std::vector<T> b(packed ? panels * NR * p.k : 0), a(p.m * p.k);
  if (packed) fl::pack_panels<T, NR>(b.data(), p.b.data(), p.k, p.n, p.n, 1);
  for (int64_t i = 0; i < p.m; i++)
    for (int64_t l = 0; l < p.k; l++)
      a[a_by_columns ? l * p.m + i : i * p.k + l] = p.a[i * p.k + l];
  Guarded<T> c(p.m * p.n);
  std::copy(p.c.begin(), p.c.end(), c.data());
  const fl::Left<T> left =
      a_by_columns ? fl::Left<T>{a.data(), 1, p.m} : fl::Left<T>{a.data(), p.k, 1};
  const fl::Right<T> right =
      packed ? fl::Right<T>{b.data(), NR, p.k * NR} : fl::Right<T>{p.b.data(), p.n, NR};
  fl::contract_block<T, MR, NV, START>(op, p.m, p.n, p.k, left, right, fl::Out<T>{c.data(), p.n},
                                       p.alpha.data());
  EXPECT_TRUE(c.guards_hold());
  // elements are at most k * 4 in size
  const double tolerance = std::numeric_limits<T>::epsilon() * double(4 * p.k + 2);
  for (int64_t e = 0; e < p.m * p.n; e++)
    ASSERT_NEAR(c[e], want[e], tolerance) << p.m << "x" << p.n << "x" << p.k << " element " << e;
}

template <class T, int MR, int NV>
void check_gemm() {
  const auto multiply = [](double c, double a, double b) { return c + a * b; };
  for (const int64_t m : {1, 5, 6, 7, 13, 17}) {
    for (const int64_t n : {1, 7, 8, 16, 17, 33, 63, 64, 65}) {
      for (const int64_t k : {0, 1, 17, 64}) {
        const Problem<T> p{m, n, k};
        for (const bool packed : {false, true}) {
          check_contraction<T, MR, NV, fl::Start::Zero>(
              fl::Dot{}, p, p.expect(fl::Start::Zero, 0, multiply), packed, false);
          check_contraction<T, MR, NV, fl::Start::Keep>(
              fl::Dot{}, p, p.expect(fl::Start::Keep, 0, multiply), packed, true);
          check_contraction<T, MR, NV, fl::Start::Scale>(
              fl::Dot{}, p, p.expect(fl::Start::Scale, 0, multiply), packed, false);
        }
      }
    }
  }
}
DEVICE_TEST(Gemm, EveryShapeInFloat) {
  check_gemm<float, 6, 2>();
  check_gemm<float, 1, 4>();
}
DEVICE_TEST(Gemm, EveryShapeInDouble) { check_gemm<double, 6, 2>(); }

DEVICE_TEST(Gemm, OtherInnerOperations) {
  for_both([](auto zero) {
    typedef decltype(zero) T;
    const double inf = INFINITY;
    for (const int64_t size : {1, 6, 17, 65}) {
      const Problem<T> p{size, size, 17};
      const auto distance =
          fl::inner<fl::Sum>([](auto a, auto b) { return fl::mul(a - b, a - b); });
      check_contraction<T, 6, 2, fl::Start::Zero>(
          distance, p,
          p.expect(fl::Start::Zero, 0,
                   [](double c, double a, double b) { return c + (a - b) * (a - b); }),
          true, false);
      const auto furthest = fl::inner<fl::Max>([](auto a, auto b) { return fl::abs(a - b); });
      check_contraction<T, 6, 2, fl::Start::Zero>(
          furthest, p,
          p.expect(fl::Start::Zero, -inf,
                   [](double c, double a, double b) { return std::max(c, std::fabs(a - b)); }),
          false, false);
      const auto least = fl::inner<fl::Min>([](auto a, auto b) { return fl::add(a, b); });
      check_contraction<T, 6, 2, fl::Start::Keep>(
          least, p,
          p.expect(fl::Start::Keep, 0,
                   [](double c, double a, double b) { return std::min(c, a + b); }),
          true, true);
    }
  });
}

// Operands that end where their arrays end: a sanitizer build sees a read past them.
DEVICE_TEST(Gemm, PaddedSizesNeedNoTails) {
  constexpr int NR = 2 * fl::kLanes<float>;
  const Problem<float> p{12, 2 * NR, 9};
  std::vector<float> c(p.m * p.n);
  fl::gemm_block<float, 6, 2, fl::Start::Zero, 0>(p.m, p.n, p.k, {p.a.data(), p.k, 1},
                                                  {p.b.data(), p.n, NR}, {c.data(), p.n});
  const auto want =
      p.expect(fl::Start::Zero, 0, [](double x, double a, double b) { return x + a * b; });
  for (size_t e = 0; e < want.size(); e++) EXPECT_NEAR(c[e], want[e], 1e-5);
}

template <class T, class S>
void check_pack() {
  constexpr int NR = 2 * fl::kLanes<T>;
  for (const int64_t n : {1, 5, 7, 16, 17, 63, 64, 65}) {
    for (const int64_t k : {1, 6, 17, 64, 65}) {
      for (const int layout : {0, 1, 2}) {  // k contiguous, n contiguous, neither
        const int64_t ks = layout == 0   ? 1
                           : layout == 1 ? n
                                         : 2,
                      ns = layout == 0   ? k
                           : layout == 1 ? 1
                                         : 2 * k;
        std::vector<S> from((k - 1) * ks + (n - 1) * ns + 1);
        for (size_t e = 0; e < from.size(); e++) fl::put(&from[e], T(e % 97));
        const int64_t columns = (n + NR - 1) / NR * NR;
        Guarded<T> to(columns * k);
        fl::pack_panels<T, NR>(to.data(), from.data(), k, n, ks, ns, T(-5));
        ASSERT_TRUE(to.guards_hold());
        for (int64_t c = 0; c < columns; c++)
          for (int64_t r = 0; r < k; r++)
            ASSERT_EQ(to[c / NR * NR * k + r * NR + c % NR],
                      c < n ? T((r * ks + c * ns) % 97) : T(-5))
                << k << "x" << n << " layout " << layout;
        Guarded<T> copy(n * (k + 3));
        fl::copy_rows<T>(copy.data(), k + 3, from.data(), n, k, ns, ks, k + 2, T(-5));
        ASSERT_TRUE(copy.guards_hold());
        for (int64_t r = 0; r < n; r++)
          for (int64_t c = 0; c < k + 2; c++)
            ASSERT_EQ(copy[r * (k + 3) + c], c < k ? T((r * ns + c * ks) % 97) : T(-5));
      }
    }
  }
}
template <class T>
void check_dots() {
  constexpr int64_t L = fl::kLanes<T>;
  for (const int64_t n : {1, 7, 16, 33}) {
    for (const int64_t k : {0, 3, 16, 70}) {
      const int64_t row = k + 5;
      const std::vector<T> a = random_values<T>(k, -1, 1, 1);
      const std::vector<T> b = random_values<T>(n * row, -1, 1, 2);
      Guarded<T> out((n + L - 1) / L * L);
      fl::dot_rows<T>(n, k, a.data(), b.data(), row, out.data());
      EXPECT_TRUE(out.guards_hold());
      for (int64_t j = 0; j < n; j++) {
        double want = 0;
        for (int64_t l = 0; l < k; l++) want += double(a[l]) * double(b[j * row + l]);
        ASSERT_NEAR(out[j], want, std::numeric_limits<T>::epsilon() * double(4 * k + 2));
      }
    }
  }
}
DEVICE_TEST(Dots, RowsAsTheyLie) {
  check_dots<float>();
  check_dots<double>();
}

DEVICE_TEST(Pack, EveryLayoutAndType) {
  check_pack<float, float>();
  check_pack<float, fl::bf16>();
  check_pack<float, fl::f16>();
  check_pack<float, fl::i8>();
  check_pack<double, float>();
  check_pack<double, double>();
}

DEVICE_TEST(Par, EveryUnitIsTakenOnce) {
  std::vector<int> seen(1000);
  fl::Counter counter;
  fl::parallel(1000, [&](int thread) {
    EXPECT_LT(thread, fl::max_threads());
    for (fl::i64 u; (u = counter.take(3)) < 1000;)
      for (fl::i64 e = u; e < std::min<fl::i64>(u + 3, 1000); e++) seen[e]++;
  });
  for (const int count : seen) EXPECT_EQ(count, 1);
}

DEVICE_TEST(Par, OneTaskStaysOnItsThread) {
  int calls = 0;
  const int mine = omp_get_thread_num();
  fl::parallel(1, [&](int thread) { calls += thread == mine ? 1 : 100; });
  EXPECT_EQ(calls, 1);
}

DEVICE_TEST(Par, DenormalsAreFlushedOnlyInside) {
  volatile float tiny = 1e-39f;
  {
    fl::Ftz ftz;
    EXPECT_EQ(tiny * 1.0f, 0.0f);
  }
  EXPECT_NE(tiny * 1.0f, 0.0f);
}

DEVICE_TEST(Par, ScratchIsAlignedKeptAndGrows) {
  float* first = static_cast<float*>(fl::thread_scratch(100));
  first[0] = 5;
  EXPECT_EQ(fl::thread_scratch(50), first);
  float* larger = static_cast<float*>(fl::thread_scratch(1 << 20));
  larger[(1 << 18) - 1] = 1;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(larger) % 64, 0u);
  fl::Buffer buffer(1000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.p) % 64, 0u);
}

}  // namespace
