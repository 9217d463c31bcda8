// Which pairs a set makes: none twice, in folds, evenly, by the seed.
#include "runtime/data/PairChoice.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace pfc::rt::data {
namespace {

/// Image after image, one of each identity in turn, as long as they have some.
std::vector<int64_t> labelsOf(std::vector<int> imagesOf) {
  std::vector<int64_t> labels;
  for (bool more = true; more;) {
    more = false;
    for (size_t label = 0; label < imagesOf.size(); ++label)
      if (imagesOf[label]-- > 0) {
        labels.push_back(static_cast<int64_t>(3 * label));
        more = true;
      }
  }
  return labels;
}

/// Checks what all choices have to be; the pairs, unordered.
std::set<std::set<int64_t>> check(const std::vector<int64_t> &labels,
                                  const std::vector<ImagePair> &chosen) {
  std::set<std::set<int64_t>> pairs;
  size_t fold = chosen.size() / 10;
  for (size_t i = 0; i < chosen.size(); ++i) {
    auto [first, second, same] = chosen[i];
    EXPECT_NE(first, second);
    EXPECT_EQ(labels.at(first) == labels.at(second), same);
    EXPECT_EQ(same, i % fold < fold / 2) << i;
    pairs.insert({first, second});
  }
  EXPECT_EQ(pairs.size(), chosen.size());
  return pairs;
}

TEST(PairChoice, CountsWhatASetMakes) {
  PairCounts counts = countPairs(labelsOf({1, 2, 4}));
  EXPECT_EQ(counts.identities, 3);
  EXPECT_EQ(counts.same, 7);
  EXPECT_EQ(counts.different, 14);
  EXPECT_EQ(counts.most(), 0);
  EXPECT_EQ(countPairs(labelsOf({5, 5})).most(), 40);
  EXPECT_EQ(countPairs({}).most(), 0);
}

TEST(PairChoice, FindsAllThatThereAre) {
  for (const std::vector<int> &images :
       {std::vector<int>{5, 5}, {1, 1, 5, 40}, {1, 30}, {7, 1, 1, 1}}) {
    std::vector<int64_t> labels = labelsOf(images);
    int64_t most = countPairs(labels).most();
    ASSERT_GT(most, 0);
    check(labels, choosePairs(labels, most, 1));
  }
}

TEST(PairChoice, IdentitiesAreUsedEvenly) {
  std::vector<int> imagesOf(30, 4);
  imagesOf[7] = 100;
  std::vector<int64_t> labels = labelsOf(imagesOf);
  std::vector<ImagePair> chosen = choosePairs(labels, 120, 1);
  check(labels, chosen);
  std::map<int64_t, int> positives;
  std::map<std::set<int64_t>, int> negatives;
  for (auto [first, second, same] : chosen) {
    if (same)
      ++positives[labels[first]];
    else
      ++negatives[{labels[first], labels[second]}];
  }
  EXPECT_EQ(positives.size(), 30u);
  for (auto [label, count] : positives)
    EXPECT_EQ(count, 2) << label;
  for (auto [two, count] : negatives)
    EXPECT_EQ(count, 1);
}

TEST(PairChoice, IsAFunctionOfTheSeed) {
  std::vector<int64_t> labels = labelsOf(std::vector<int>(50, 6));
  auto pairsBy = [&](uint64_t seed) {
    return check(labels, choosePairs(labels, 200, seed));
  };
  EXPECT_EQ(pairsBy(1), pairsBy(1));
  EXPECT_NE(pairsBy(1), pairsBy(2));
}

} // namespace
} // namespace pfc::rt::data
