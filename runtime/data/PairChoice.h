//===- PairChoice.h - Which images make verification pairs ------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_PAIRCHOICE_H
#define PFC_RUNTIME_DATA_PAIRCHOICE_H

#include <cstdint>
#include <span>
#include <vector>

namespace pfc::rt::data {

struct ImagePair {
  int64_t first, second; ///< images
  bool same;             ///< of one identity
};

/// How many pairs a set's images make.
struct PairCounts {
  int64_t identities = 0;
  int64_t same = 0, different = 0; ///< of one identity, of two

  /// The most pairs of which choosePairs makes folds that share no identity, a
  /// multiple of 20; 0 where there are too few identities.
  int64_t mostApart = 0;

  /// The most pairs that choosePairs finds: half of each, a multiple of 20.
  int64_t most() const;
};

/// Of the images whose labels these are.
PairCounts countPairs(std::span<const int64_t> labels);

/// Chooses `pairs` of them, a multiple of 20 and PairCounts::most() at most, as
/// the field's sets have them: ten folds, in each half of one identity, then
/// half of two. None comes twice. Up to PairCounts::mostApart each fold has
/// identities of its own: a tenth of them, dealt to and fro from the one with
/// most images to the one with fewest. Among those that it is drawn from, no
/// identity gives a second pair before all gave one that can, and so on;
/// likewise each two identities. A function of the labels and the seed.
std::vector<ImagePair> choosePairs(std::span<const int64_t> labels,
                                   int64_t pairs, uint64_t seed);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_PAIRCHOICE_H
