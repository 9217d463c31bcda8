#include "runtime/data/glyphs/Selection.h"

#include "runtime/base/ParallelFor.h"
#include "runtime/data/glyphs/Renderer.h"

#include <algorithm>
#include <cmath>

namespace pfc::rt::data::glyphs {

namespace {

// A character in this many designs is as good as one in more.
constexpr size_t enoughToTrain = 12, enoughToVerify = 20;

struct Ranked {
  int character;
  size_t cover;
  uint64_t hash;
};

/// Best cover first, then by hash: a fixed order that isn't the code chart's.
std::vector<int> inOrder(std::vector<Ranked> ranked) {
  std::sort(ranked.begin(), ranked.end(), [](const Ranked &a, const Ranked &b) {
    return a.cover != b.cover ? a.cover > b.cover : a.hash < b.hash;
  });
  std::vector<int> characters;
  for (const Ranked &r : ranked)
    characters.push_back(r.character);
  return characters;
}

std::vector<int> rankTraining(const Typefaces &typefaces, int minDesigns) {
  std::vector<Ranked> ranked;
  for (size_t i = 0; i < typefaces.characters().size(); ++i) {
    char32_t c = typefaces.characters()[i];
    if (isTestCharacter(c))
      continue;
    Identity identity{static_cast<int>(i)};
    size_t cover = typefaces.designsFor(Split::Train, identity).size();
    if (cover >= static_cast<size_t>(minDesigns))
      ranked.push_back(
          {identity[0], std::min(cover, enoughToTrain), splitmix64(c)});
  }
  return inOrder(std::move(ranked));
}

/// Twice two designs make a pair on either side.
bool canVerify(const Typefaces &typefaces, const Identity &identity) {
  return typefaces.designsFor(Split::Train, identity).size() >= 2 &&
         typefaces.designsFor(Split::Held, identity).size() >= 2;
}

std::vector<int> rankTest(const Typefaces &typefaces) {
  std::vector<Ranked> ranked;
  for (size_t i = 0; i < typefaces.characters().size(); ++i) {
    char32_t c = typefaces.characters()[i];
    Identity identity{static_cast<int>(i)};
    if (!isTestCharacter(c) || !canVerify(typefaces, identity))
      continue;
    size_t cover = typefaces.designsFor(Split::Train, identity).size() +
                   typefaces.designsFor(Split::Held, identity).size();
    ranked.push_back(
        {identity[0], std::min(cover, enoughToVerify), splitmix64(c)});
  }
  return inOrder(std::move(ranked));
}

void dropBlanks(Typefaces &typefaces, const std::vector<int> &characters,
                int threads) {
  std::vector<std::unique_ptr<Renderer>> renderers;
  for (int i = 0; i < threads; ++i)
    renderers.push_back(
        std::make_unique<Renderer>(typefaces, ImageShape{56, 56, 1}));
  auto count = static_cast<int64_t>(characters.size());
  parallelFor(threads, count, [&](int thread, int64_t i) {
    for (size_t face = 0; face < typefaces.faces().size(); ++face) {
      GlyphText text{static_cast<int>(face), {characters[i]}};
      if (typefaces.glyph(text.face, characters[i]) != 0 &&
          renderers[thread]->plain(text).empty())
        typefaces.drop(text.face, characters[i]);
    }
  });
}

} // namespace

Candidates trainingCharacters(const Typefaces &typefaces, int minDesigns) {
  return Candidates(rankTraining(typefaces, minDesigns));
}

Candidates trainingWords(const Typefaces &typefaces, int minDesigns,
                         int64_t wanted, uint64_t seed) {
  std::vector<int> characters = rankTraining(typefaces, minDesigns);
  // Some spare words, because the designs of two characters needn't meet.
  auto enough = static_cast<size_t>(std::ceil(2 * std::sqrt(double(wanted))));
  characters.resize(
      std::min(characters.size(), std::max<size_t>(enough, 4096)));
  return Candidates(std::move(characters), seed);
}

std::vector<Identity> testIdentities(Typefaces &typefaces, int count,
                                     bool words, uint64_t seed, int threads) {
  std::vector<int> ranked = rankTest(typefaces);
  auto limit = static_cast<size_t>(count);
  ranked.resize(std::min(ranked.size(), limit));
  dropBlanks(typefaces, ranked, threads);
  std::optional<Candidates> candidates;
  if (words)
    candidates.emplace(ranked, seed);
  else
    candidates.emplace(ranked);
  std::vector<Identity> identities;
  for (int64_t i = 0; i < candidates->size() && identities.size() < limit; ++i)
    if (canVerify(typefaces, candidates->at(i)))
      identities.push_back(candidates->at(i));
  require(identities.size() >= fewestToVerify,
          "only {} of {} verification identities can be drawn in two designs "
          "on each side of the split, {} are needed; {}",
          identities.size(), count, fewestToVerify,
          ranked.size() < limit ? "install more typefaces"
                                : "raise --test-identities");
  return identities;
}

} // namespace pfc::rt::data::glyphs
