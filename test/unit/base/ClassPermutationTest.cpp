//===- ClassPermutationTest.cpp - An order of classes by formula ----------===//
#include "runtime/base/ClassPermutation.h"
#include "runtime/base/Philox.h"
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

using pfc::rt::ClassPermutation;

namespace {

ClassPermutation ofStep(int64_t shardSize, int64_t count, uint32_t step) {
  pfc::rt::PhiloxBlock words = pfc::rt::philox(
      /*seed=*/77, pfc::rt::RandomPurpose::SampleCenters, 0, step, 0);
  return {shardSize, count, {words[0], words[1]}};
}

TEST(ClassPermutationTest, TakesEveryClassOnce) {
  for (int64_t count : {1, 2, 3, 7, 64, 65, 1000, 100003})
    for (int64_t shardSize : {count, count + 1}) {
      ClassPermutation permutation = ofStep(shardSize, count, 3);
      std::vector<char> seen(count, 0);
      for (uint32_t i = 0; i < count; ++i) {
        uint32_t value = permutation(i);
        ASSERT_LT(value, count);
        ASSERT_FALSE(seen[value]) << count << ": " << value << " comes twice";
        seen[value] = 1;
      }
    }
}

TEST(ClassPermutationTest, LargestShard) {
  ClassPermutation permutation =
      ofStep(ClassPermutation::maxShard, ClassPermutation::maxShard, 1);
  for (uint32_t i : {0u, 1u, 123456789u, (1u << 30) - 1})
    EXPECT_LT(permutation(i), 1u << 30);
}

/// Σ (observed − expected)²/expected, and what it should be: the number of
/// cells less one, with a standard deviation of √(2·cells).
struct ChiSquare {
  double value, cells;
  bool isPlausible() const {
    return std::abs(value - (cells - 1)) < 5 * std::sqrt(2 * cells);
  }
};

ChiSquare chiSquare(const std::vector<int> &counts, double expected) {
  double sum = 0.0;
  for (int count : counts)
    sum += (count - expected) * (count - expected) / expected;
  return {sum, static_cast<double>(counts.size())};
}

/// Which class comes at a position, over many steps; which two classes come
/// first; by how much neighbours differ within one order.
TEST(ClassPermutationTest, LooksUniform) {
  constexpr int count = 100, steps = 200000;
  std::vector<int> first(count), pairs(count * count);
  for (uint32_t step = 0; step < steps; ++step) {
    ClassPermutation permutation = ofStep(count, count, step);
    uint32_t a = permutation(0), b = permutation(1);
    ++first[a];
    ++pairs[a * count + b];
  }
  EXPECT_TRUE(chiSquare(first, double(steps) / count).isPlausible());
  std::vector<int> different;
  for (int a = 0; a < count; ++a)
    for (int b = 0; b < count; ++b)
      if (a != b)
        different.push_back(pairs[a * count + b]);
  EXPECT_TRUE(chiSquare(different, double(steps) / (count * (count - 1)))
                  .isPlausible());

  constexpr int large = 1 << 20, bins = 256;
  ClassPermutation order = ofStep(large, large, 9);
  std::vector<int> differences(bins);
  for (uint32_t i = 0; i + 1 < large; ++i)
    ++differences[((order(i + 1) - order(i)) & (large - 1)) / (large / bins)];
  EXPECT_TRUE(chiSquare(differences, (large - 1.0) / bins).isPlausible());
}

} // namespace
