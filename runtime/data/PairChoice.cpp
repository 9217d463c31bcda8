#include "runtime/data/PairChoice.h"

#include "runtime/data/Shuffle.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

namespace pfc::rt::data {

namespace {

constexpr int64_t folds = 10;

/// The images of each.
using Identities = std::vector<std::vector<int64_t>>;

/// By label.
Identities byIdentity(std::span<const int64_t> labels) {
  std::map<int64_t, std::vector<int64_t>> images;
  for (size_t i = 0; i < labels.size(); ++i)
    images[labels[i]].push_back(static_cast<int64_t>(i));
  Identities identities;
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

PairCounts count(const Identities &identities) {
  PairCounts counts;
  uint64_t images = 0;
  for (const std::vector<int64_t> &own : identities) {
    ++counts.identities;
    counts.same += static_cast<int64_t>(pairsOf(own.size()));
    images += own.size();
  }
  counts.different = static_cast<int64_t>(pairsOf(images)) - counts.same;
  return counts;
}

/// Each fold's, as many for each, and as many of each number of images, to one.
/// The seed says which, of those with equally many.
std::vector<Identities> deal(Identities identities, uint64_t seed) {
  std::vector<Identities> hands(folds);
  if (identities.empty())
    return hands;
  Permutation order(identities.size(), seed, /*epoch=*/0);
  std::vector<std::vector<int64_t> *> sorted;
  for (uint64_t i = 0; i < identities.size(); ++i)
    sorted.push_back(&identities[order(i)]);
  std::ranges::stable_sort(sorted, std::greater(),
                           [](const auto *images) { return images->size(); });
  for (size_t i = 0; i < sorted.size(); ++i) {
    size_t fold = i % folds;
    bool fro = i / folds % 2 == 1;
    hands[fro ? folds - 1 - fold : fold].push_back(std::move(*sorted[i]));
  }
  return hands;
}

/// `half` pairs of one identity, and as many of two.
struct Halves {
  std::vector<ImagePair> same, different;
};

Halves draw(const Identities &identities, int64_t half, uint64_t seed) {
  Halves drawn;
  drawEvenly(
      identities.size(), half, seed,
      [&](uint64_t identity) { return pairsOf(identities[identity].size()); },
      [&](uint64_t identity, uint64_t pair) {
        auto [i, j] = pairAt(pair);
        drawn.same.push_back(
            {identities[identity][i], identities[identity][j], true});
      });
  drawEvenly(
      pairsOf(identities.size()), half, seed,
      [&](uint64_t two) {
        auto [a, b] = pairAt(two);
        return uint64_t{identities[a].size()} * identities[b].size();
      },
      [&](uint64_t two, uint64_t pair) {
        auto [a, b] = pairAt(two);
        uint64_t row = pair / identities[b].size();
        drawn.different.push_back({identities[a][row],
                                   identities[b][pair % identities[b].size()],
                                   false});
      });
  return drawn;
}

/// Appends a fold, the `number`-th `half` of each kind.
void addFold(std::vector<ImagePair> &chosen, const Halves &drawn,
             ptrdiff_t number, ptrdiff_t half) {
  for (const std::vector<ImagePair> *kind : {&drawn.same, &drawn.different})
    chosen.insert(chosen.end(), kind->begin() + number * half,
                  kind->begin() + (number + 1) * half);
}

} // namespace

int64_t PairCounts::most() const {
  return std::min(same, different) / folds * 2 * folds;
}

PairCounts countPairs(std::span<const int64_t> labels) {
  Identities identities = byIdentity(labels);
  PairCounts counts = count(identities);
  int64_t fewest = INT64_MAX;
  for (const Identities &hand : deal(std::move(identities), /*seed=*/0)) {
    PairCounts own = count(hand);
    fewest = std::min({fewest, own.same, own.different});
  }
  counts.mostApart = fewest * 2 * folds;
  return counts;
}

std::vector<ImagePair> choosePairs(std::span<const int64_t> labels,
                                   int64_t pairs, uint64_t seed) {
  const int64_t half = pairs / (2 * folds);
  std::vector<ImagePair> chosen;
  if (pairs <= countPairs(labels).mostApart) {
    for (const Identities &hand : deal(byIdentity(labels), seed))
      addFold(chosen, draw(hand, half, seed), 0, half);
    return chosen;
  }
  Halves drawn = draw(byIdentity(labels), folds * half, seed);
  for (int64_t fold = 0; fold < folds; ++fold)
    addFold(chosen, drawn, fold, half);
  return chosen;
}

} // namespace pfc::rt::data
