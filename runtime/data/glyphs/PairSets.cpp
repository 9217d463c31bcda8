#include "runtime/data/glyphs/PairSets.h"

#include "runtime/base/ParallelFor.h"
#include "runtime/data/PairWriter.h"
#include "runtime/data/glyphs/HardNegatives.h"
#include "runtime/data/glyphs/Renderer.h"

namespace pfc::rt::data::glyphs {

namespace {

constexpr int folds = 10, lookalikes = 5;

/// One image of a pair.
struct Shot {
  int identity, design;
};

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

template <typename T>
const T &pick(const std::vector<T> &from, Random &random) {
  return from[random.below(static_cast<uint32_t>(from.size()))];
}

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
      : typefaces(typefaces), identities(identities), options(options) {
    for (int i = 0; i < options.threads; ++i)
      renderers.push_back(std::make_unique<Renderer>(typefaces, options.shape));
  }

  void write(const PairSet &set) {
    std::vector<Shot> shots;
    std::vector<bool> same;
    if (!choosePairs(set, options, shots, same))
      return;
    std::vector<std::vector<uint8_t>> images(shots.size());
    parallelFor(options.threads, static_cast<int64_t>(shots.size()),
                [&](int thread, int64_t i) {
                  images[i] = draw(*renderers[thread], shots[i], set, i);
                });
    std::string path = options.folder + "/" + set.name + ".bin";
    writePairs(path, images, same);
    paths.push_back(path);
  }

  std::vector<std::string> paths;

private:
  std::vector<uint8_t> draw(Renderer &renderer, const Shot &shot,
                            const PairSet &set, int64_t number) const {
    const Identity &identity = identities[shot.identity];
    // Each shot of a set is its own disturbance, even of the same drawing.
    Random random(options.seed + set.number,
                  identityNumber(typefaces, identity) ^
                      static_cast<uint32_t>(number >> 16) << 24,
                  hashOf(typefaces.designs()[shot.design].name),
                  static_cast<uint32_t>(number & 0xffff));
    std::vector<int> faces = typefaces.facesFor(shot.design, identity);
    GlyphText text{pick(faces, random), identity};
    std::span<const uint8_t> pixels = renderer.draw(text, random);
    require(!pixels.empty(), "{}: {} is blank although it was not before",
            typefaces.faces()[text.face].face.path,
            identityText(typefaces, identity));
    return encodeJpeg(pixels, options.shape, options.jpegQuality);
  }

  const Typefaces &typefaces;
  const std::vector<Identity> &identities;
  const PairSetOptions &options;
  std::vector<std::unique_ptr<Renderer>> renderers;
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
