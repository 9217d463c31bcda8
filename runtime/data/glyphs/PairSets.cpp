#include "runtime/data/glyphs/PairSets.h"

#include "runtime/base/ParallelFor.h"
#include "runtime/data/PairWriter.h"
#include "runtime/data/glyphs/HardNegatives.h"
#include "runtime/data/glyphs/Studio.h"

namespace pfc::rt::data::glyphs {

namespace {

constexpr int folds = 10, lookalikes = 5;

/// The designs a set draws an identity in: the first image's and the second's.
struct Choice {
  std::vector<int> first, second;
};

/// What sets one verification set apart.
struct PairSet {
  const char *name;
  uint32_t number;             ///< its random stream
  std::vector<Choice> choices; ///< [identity]; empty where it can't take part
  const std::vector<std::vector<int>> *negatives; ///< null: any other
};

std::vector<Choice> sideChoices(const Typefaces &typefaces,
                                const std::vector<Identity> &identities,
                                Split split) {
  std::vector<Choice> choices;
  for (const Identity &identity : identities) {
    std::vector<int> designs = typefaces.designsFor(split, identity);
    choices.push_back({designs, designs});
  }
  return choices;
}

Choice styleChoice(const Typefaces &typefaces,
                   const std::vector<int> &designs) {
  Choice choice;
  for (int design : designs) {
    if (typefaces.designs()[design].isFormal())
      choice.first.push_back(design);
    if (typefaces.designs()[design].isInformal())
      choice.second.push_back(design);
  }
  if (choice.first.empty() || choice.second.empty())
    return {};
  return choice;
}

std::vector<Choice> styleChoices(const Typefaces &typefaces,
                                 const std::vector<Identity> &identities) {
  std::vector<Choice> choices;
  for (const Identity &identity : identities) {
    std::vector<int> designs = typefaces.designsFor(Split::Held, identity);
    Choice choice = styleChoice(typefaces, designs);
    if (choice.first.empty()) {
      for (int design : typefaces.designsFor(Split::Train, identity))
        designs.push_back(design);
      choice = styleChoice(typefaces, designs);
    }
    choices.push_back(std::move(choice));
  }
  return choices;
}

/// Draws the pairs' contents: identities and designs. False when fewer than
/// two identities can take part.
bool choosePairs(const PairSet &set, const PairSetOptions &options,
                 std::vector<Shot> &shots, std::vector<bool> &same) {
  std::vector<int> able;
  for (size_t i = 0; i < set.choices.size(); ++i)
    if (!set.choices[i].first.empty())
      able.push_back(static_cast<int>(i));
  if (able.size() < 2)
    return false;
  Random random(options.seed, set.number, hashOf("pairs"), 0);
  int perFold = options.pairs / folds;
  for (int pair = 0; pair < options.pairs; ++pair) {
    bool positive = pair % perFold < perFold / 2;
    int a = pick(able, random), b = a;
    while (!positive && b == a)
      b = pick(set.negatives ? (*set.negatives)[a] : able, random);
    int first, second;
    do { // both lists of a side set are the same one, with at least 2 designs
      first = pick(set.choices[a].first, random);
      second = pick(set.choices[b].second, random);
    } while (first == second);
    shots.push_back({a, first});
    shots.push_back({b, second});
    same.push_back(positive);
  }
  return true;
}

class PairSetWriter {
public:
  PairSetWriter(const Typefaces &typefaces,
                const std::vector<Identity> &identities,
                const PairSetOptions &options)
      : options(options), studio(typefaces, identities, options.shape,
                                 options.seed, options.threads) {}

  void write(const PairSet &set) {
    std::vector<Shot> shots;
    std::vector<bool> same;
    if (!choosePairs(set, options, shots, same))
      return;
    std::vector<std::vector<uint8_t>> images(shots.size());
    parallelFor(options.threads, static_cast<int64_t>(shots.size()),
                [&](int thread, int64_t i) {
                  images[i] =
                      encodeJpeg(studio.take(thread, shots[i], set.number, i),
                                 options.shape, options.jpegQuality);
                });
    std::string path = options.folder + "/" + set.name + ".bin";
    writePairs(path, images, same);
    paths.push_back(path);
  }

  std::vector<std::string> paths;

private:
  const PairSetOptions &options;
  Studio studio;
};

} // namespace

std::vector<std::string> writePairSets(const Typefaces &typefaces,
                                       const std::vector<Identity> &identities,
                                       const PairSetOptions &options) {
  auto nearest =
      nearestLookalikes(typefaces, identities, lookalikes, options.threads);
  auto held = sideChoices(typefaces, identities, Split::Held);
  PairSetWriter writer(typefaces, identities, options);
  writer.write(
      {"g_seen", 1, sideChoices(typefaces, identities, Split::Train), nullptr});
  writer.write({"g_unseen", 2, held, nullptr});
  writer.write({"g_style", 3, styleChoices(typefaces, identities), nullptr});
  writer.write({"g_hard", 4, held, &nearest});
  return writer.paths;
}

} // namespace pfc::rt::data::glyphs
