//===- Selection.h - Which identities train and which verify ----*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_SELECTION_H
#define PFC_RUNTIME_DATA_GLYPHS_SELECTION_H

#include "runtime/data/Shuffle.h"
#include "runtime/data/glyphs/Identity.h"

#include <optional>

namespace pfc::rt::data::glyphs {

/// Training identities in the order in which they are taken: well-covered
/// characters first, those of equal cover in the order of a hash. Words are
/// pairs of these, shuffled by formula.
class Candidates {
public:
  explicit Candidates(std::vector<int> characters)
      : characters(std::move(characters)) {}
  Candidates(std::vector<int> characters, uint64_t seed)
      : characters(std::move(characters)) {
    words.emplace(pairs(), seed, 0);
  }

  int64_t size() const {
    return static_cast<int64_t>(words ? pairs() : characters.size());
  }
  Identity at(int64_t i) const {
    if (!words)
      return {characters[i]};
    uint64_t word = (*words)(static_cast<uint64_t>(i));
    return {characters[word / characters.size()],
            characters[word % characters.size()]};
  }

private:
  uint64_t pairs() const {
    return uint64_t{characters.size()} * characters.size();
  }
  std::vector<int> characters;
  std::optional<Permutation> words;
};

/// Characters that may train and that at least `minDesigns` training designs
/// can draw.
Candidates trainingCharacters(const Typefaces &typefaces, int minDesigns);

/// Words of such characters, at least `wanted` of them.
Candidates trainingWords(const Typefaces &typefaces, int minDesigns,
                         int64_t wanted, uint64_t seed);

/// Verification sets are of no use with fewer identities.
constexpr int fewestToVerify = 20;

/// At most `count` verification identities, each drawn by at least two designs
/// on both sides; throws an Error where fewestToVerify aren't found. Blank
/// glyphs are found by drawing them and dropped from `typefaces`.
std::vector<Identity> testIdentities(Typefaces &typefaces, int count,
                                     bool words, uint64_t seed, int threads);

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_SELECTION_H
