#include "runtime/data/PairChoice.h"

#include "runtime/data/Shuffle.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace pfc::rt::data {

namespace {

constexpr int64_t folds = 10;

/// The images of each identity, identities by label.
std::vector<std::vector<int64_t>> byIdentity(std::span<const int64_t> labels) {
  std::map<int64_t, std::vector<int64_t>> images;
  for (size_t i = 0; i < labels.size(); ++i)
    images[labels[i]].push_back(static_cast<int64_t>(i));
  std::vector<std::vector<int64_t>> identities;
  for (auto &[label, list] : images)
    identities.push_back(std::move(list));
  return identities;
}

/// Pairs {i, j} of n things.
uint64_t pairsOf(uint64_t n) { return n < 2 ? 0 : n * (n - 1) / 2; }

/// Pair number `index` of any number of things: i < j, by j, then i.
std::pair<uint64_t, uint64_t> pairAt(uint64_t index) {
  auto j = static_cast<uint64_t>(
      (1 + std::sqrt(1 + 8 * static_cast<double>(index))) / 2);
  while (pairsOf(j) > index)
    --j;
  while (pairsOf(j + 1) <= index)
    ++j;
  return {index - pairsOf(j), j};
}

/// Gives `take` a group and one of its sizeOf(group) members, `count` times,
/// none twice: in round r each group gives its r-th, in an order of its own,
/// groups in an order of the round.
template <typename SizeOf, typename Take>
void drawEvenly(uint64_t groups, int64_t count, uint64_t seed, SizeOf sizeOf,
                Take take) {
  for (uint32_t round = 0; count > 0; ++round) {
    Permutation order(groups, seed, round);
    for (uint64_t k = 0; k < groups && count > 0; ++k) {
      uint64_t group = order(k), size = sizeOf(group);
      if (round >= size)
        continue;
      auto name = mixBits(static_cast<uint32_t>(group) ^
                          mixBits(static_cast<uint32_t>(group >> 32)));
      take(group, Permutation(size, seed, name)(round));
      --count;
    }
  }
}

} // namespace

int64_t PairCounts::most() const {
  return std::min(same, different) / folds * 2 * folds;
}

PairCounts countPairs(std::span<const int64_t> labels) {
  PairCounts counts;
  for (const std::vector<int64_t> &images : byIdentity(labels)) {
    ++counts.identities;
    counts.same += static_cast<int64_t>(pairsOf(images.size()));
  }
  counts.different = static_cast<int64_t>(pairsOf(labels.size())) - counts.same;
  return counts;
}

std::vector<ImagePair> choosePairs(std::span<const int64_t> labels,
                                   int64_t pairs, uint64_t seed) {
  std::vector<std::vector<int64_t>> identities = byIdentity(labels);
  std::vector<ImagePair> same, different;
  drawEvenly(
      identities.size(), pairs / 2, seed,
      [&](uint64_t identity) { return pairsOf(identities[identity].size()); },
      [&](uint64_t identity, uint64_t pair) {
        auto [i, j] = pairAt(pair);
        same.push_back(
            {identities[identity][i], identities[identity][j], true});
      });
  drawEvenly(
      pairsOf(identities.size()), pairs / 2, seed,
      [&](uint64_t two) {
        auto [a, b] = pairAt(two);
        return uint64_t{identities[a].size()} * identities[b].size();
      },
      [&](uint64_t two, uint64_t pair) {
        auto [a, b] = pairAt(two);
        uint64_t row = pair / identities[b].size();
        different.push_back({identities[a][row],
                             identities[b][pair % identities[b].size()],
                             false});
      });
  std::vector<ImagePair> chosen;
  const auto half = static_cast<ptrdiff_t>(pairs / (2 * folds));
  for (ptrdiff_t fold = 0; fold < folds; ++fold)
    for (const std::vector<ImagePair> *kind : {&same, &different})
      chosen.insert(chosen.end(), kind->begin() + fold * half,
                    kind->begin() + (fold + 1) * half);
  return chosen;
}

} // namespace pfc::rt::data
