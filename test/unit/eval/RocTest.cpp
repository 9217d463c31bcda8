// Rates against what roc_oracle.py (scikit-learn) prints for the same scores,
// and the largest scores against sorting.
#include "runtime/eval/Roc.h"
#include "runtime/base/Error.h"
#include "test/unit/eval/RandomFloats.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace pfc::rt;

namespace {

/// Every `period`-th pair is the same; its score is `lift` higher. Scores are
/// rounded to `levels` a unit, so that some are equal.
std::vector<ScoredPair> makePairs(uint64_t seed, int count, int period,
                                  double lift, double levels) {
  std::vector<float> noise = randomFloats(seed, count);
  std::vector<ScoredPair> pairs;
  for (int i = 0; i < count; ++i) {
    bool same = i % period == 0;
    double score = double{noise[i]} + (same ? lift : 0);
    pairs.push_back({std::floor(score * levels) / levels, same});
  }
  return pairs;
}

const double fars[] = {1e-4, 1e-3, 1e-2, 1e-1};

struct Case {
  uint64_t seed;
  int count, period;
  double lift, levels;
  double tars[4];
};

const Case cases[] = {
    {1,
     4000,
     5,
     0.8,
     1e+06,
     {0.3850000000, 0.3862500000, 0.3925000000, 0.4875000000}},
    {2,
     4000,
     5,
     0.8,
     20,
     {0.3725000000, 0.3725000000, 0.3725000000, 0.4700000000}},
    {3,
     300,
     2,
     0.3,
     1e+06,
     {0.1666666667, 0.1666666667, 0.1666666667, 0.2000000000}},
    {4,
     50000,
     40,
     1.6,
     1000,
     {0.8168000000, 0.8184000000, 0.8224000000, 0.9120000000}},
};

TEST(Roc, IsScikitLearns) {
  for (const Case &it : cases) {
    std::vector<ScoredPair> pairs =
        makePairs(it.seed, it.count, it.period, it.lift, it.levels);
    std::vector<double> tars = tarAtFar(pairs, fars);
    for (size_t i = 0; i < tars.size(); ++i)
      EXPECT_NEAR(tars[i], it.tars[i], 1e-9)
          << "seed " << it.seed << " at " << fars[i];
  }
}

TEST(Roc, AllApartAndAllEqual) {
  std::vector<ScoredPair> apart = {{0.9, true}, {0.8, true}, {0.1, false}};
  EXPECT_EQ(tarAtFar(apart, fars), (std::vector<double>{1, 1, 1, 1}));
  std::vector<ScoredPair> equal = {{0.5, true}, {0.5, false}};
  EXPECT_EQ(tarAtFar(equal, fars), (std::vector<double>{0, 0, 0, 0}));
}

TEST(Roc, NeedsBothKinds) {
  std::vector<ScoredPair> same = {{0.9, true}, {0.1, true}}, none;
  EXPECT_THROW(tarAtFar(same, fars), Error);
  EXPECT_THROW(tarAtFar(none, fars), Error);
}

TEST(LargestScores, AreThoseOfSorting) {
  std::vector<float> scores = randomFloats(5, 5000);
  for (size_t i = 0; i < scores.size(); i += 7)
    scores[i] = scores[0]; // many equal ones
  for (int64_t capacity : {1, 2, 60, 4999, 5000, 9000}) {
    LargestScores largest(capacity);
    for (float score : scores)
      largest.add(score);
    std::vector<float> sorted = scores;
    std::ranges::sort(sorted, std::greater());
    int64_t known = std::min<int64_t>(capacity, 5000);
    for (int64_t k : {int64_t{1}, (known + 1) / 2, known})
      EXPECT_EQ(largest.largest(k), sorted[k - 1]) << capacity << " " << k;
    EXPECT_THROW(largest.largest(known + 1), Error);
  }
}

} // namespace
