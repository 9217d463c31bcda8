// The formula permutation: a bijection, and evenly spread.
#include "runtime/data/Shuffle.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace pfc::rt::data {
namespace {

TEST(Permutation, IsABijection) {
  for (uint64_t n : {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 1000, 4097}) {
    Permutation order(n, 42, 3);
    std::vector<int> hits(n);
    for (uint64_t i = 0; i < n; ++i) {
      ASSERT_LT(order(i), n);
      ++hits[order(i)];
    }
    EXPECT_EQ(hits, std::vector<int>(n, 1)) << n;
  }
}

TEST(Permutation, ChangesWithSeedAndEpoch) {
  Permutation a(1000, 1, 0), again(1000, 1, 0), seed(1000, 2, 0),
      epoch(1000, 1, 1);
  int sameSeed = 0, sameEpoch = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(a(i), again(i));
    sameSeed += a(i) == seed(i);
    sameEpoch += a(i) == epoch(i);
  }
  // One fixed point is expected; 12 or more have probability 1e-9.
  EXPECT_LT(sameSeed, 12);
  EXPECT_LT(sameEpoch, 12);
}

/// Where position 0 and each next one go, over many epochs: chi-square with
/// n*n-1 cells that must be even.
TEST(Permutation, PutsEverySampleEverywhere) {
  for (uint64_t n : {3, 5, 10, 30}) {
    constexpr uint32_t epochs = 4000;
    std::vector<double> hits(n * n);
    for (uint32_t epoch = 0; epoch < epochs; ++epoch) {
      Permutation order(n, 9, epoch);
      for (uint64_t i = 0; i < n; ++i)
        ++hits[i * n + order(i)];
    }
    double expected = double(epochs) / n, chi = 0;
    for (double h : hits)
      chi += (h - expected) * (h - expected) / expected;
    double freedom = (n - 1.0) * (n - 1.0);
    EXPECT_LT(chi, freedom + 6 * std::sqrt(2 * freedom)) << n;
  }
}

TEST(Permutation, WorksAtAHundredMillion) {
  Permutation order(100'000'001, 5, 7);
  std::vector<uint64_t> seen;
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_LT(order(i), 100'000'001u);
    seen.push_back(order(i));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

} // namespace
} // namespace pfc::rt::data
