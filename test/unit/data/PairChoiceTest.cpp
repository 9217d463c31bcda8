// Which pairs a set makes: none twice, in folds of their own identities,
// evenly, by the seed.
#include "runtime/data/PairChoice.h"

#include <gtest/gtest.h>

#include <algorithm>
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
  EXPECT_EQ(countPairs({}).mostApart, 0);
}

/// In how many folds an identity is, at most.
size_t mostFolds(const std::vector<int64_t> &labels,
                 const std::vector<ImagePair> &chosen) {
  std::map<int64_t, std::set<size_t>> foldsOf;
  for (size_t i = 0; i < chosen.size(); ++i)
    for (int64_t image : {chosen[i].first, chosen[i].second})
      foldsOf[labels[image]].insert(i / (chosen.size() / 10));
  size_t most = 0;
  for (const auto &[label, folds] : foldsOf)
    most = std::max(most, folds.size());
  return most;
}

TEST(PairChoice, FoldsShareNoIdentityWhereThereAreEnough) {
  std::vector<int> imagesOf(100, 1); // as in LFW, most have but one
  for (int i = 0; i < 25; ++i)
    imagesOf[4 * i] = 2 + i;
  std::vector<int64_t> labels = labelsOf(imagesOf);
  PairCounts counts = countPairs(labels);
  ASSERT_GT(counts.mostApart, 0);
  ASSERT_LT(counts.mostApart, counts.most());
  for (uint64_t seed : {1, 2, 3}) {
    auto apart = choosePairs(labels, counts.mostApart, seed);
    check(labels, apart);
    EXPECT_EQ(mostFolds(labels, apart), 1u);
    auto shared = choosePairs(labels, counts.mostApart + 20, seed);
    check(labels, shared);
    EXPECT_GT(mostFolds(labels, shared), 1u);
  }
}

// A fold needs two, and of one of them two images.
TEST(PairChoice, TenFoldsNeedTwentyIdentities) {
  EXPECT_EQ(countPairs(labelsOf(std::vector<int>(19, 9))).mostApart, 0);
  EXPECT_EQ(countPairs(labelsOf(std::vector<int>(20, 2))).mostApart, 40);
  std::vector<int> imagesOf(20, 1);
  std::fill_n(imagesOf.begin(), 10, 2);
  EXPECT_EQ(countPairs(labelsOf(imagesOf)).mostApart, 20);
  imagesOf[3] = 1;
  EXPECT_EQ(countPairs(labelsOf(imagesOf)).mostApart, 0);
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

/// That all identities give `positives` of `pairs` pairs, and all two that are
/// in a negative one, `twos`, as many.
void expectEven(const std::vector<int> &imagesOf, int64_t pairs, int positives,
                size_t twos) {
  std::vector<int64_t> labels = labelsOf(imagesOf);
  std::vector<ImagePair> chosen = choosePairs(labels, pairs, 1);
  check(labels, chosen);
  std::map<int64_t, int> same;
  std::map<std::set<int64_t>, int> different;
  for (const ImagePair &pair : chosen) {
    if (pair.same)
      ++same[labels[pair.first]];
    else
      ++different[{labels[pair.first], labels[pair.second]}];
  }
  EXPECT_EQ(same.size(), imagesOf.size());
  for (auto [label, count] : same)
    EXPECT_EQ(count, positives) << label;
  EXPECT_EQ(different.size(), twos);
  for (auto [two, count] : different)
    EXPECT_EQ(count, pairs / 2 / static_cast<int64_t>(twos));
}

TEST(PairChoice, IdentitiesAreUsedEvenly) {
  std::vector<int> imagesOf(30, 4);
  imagesOf[7] = 100;
  expectEven(imagesOf, 120, 2, 30); // three a fold, which are three twos
  imagesOf.resize(12);
  expectEven(imagesOf, 120, 5, 60); // in all folds
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
