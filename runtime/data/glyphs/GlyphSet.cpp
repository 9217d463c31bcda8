#include "runtime/data/glyphs/GlyphSet.h"

#include "runtime/base/ParallelFor.h"
#include "runtime/data/RecordSetWriter.h"
#include "runtime/data/glyphs/Benchmarks.h"
#include "runtime/data/glyphs/PairSets.h"
#include "runtime/data/glyphs/Renderer.h"
#include "runtime/data/glyphs/Selection.h"
#include "runtime/data/glyphs/StagedSet.h"

#include <algorithm>
#include <chrono>
#include <fstream>

namespace pfc::rt::data::glyphs {

namespace {

/// All images of one identity, encoded.
struct Drawn {
  std::vector<std::vector<uint8_t>> images;
  int designs = 0;
};

/// The designs to draw an identity in: all, or a random choice of them.
std::vector<int> chooseDesigns(const Typefaces &typefaces,
                               const Identity &identity,
                               const GlyphSetOptions &options) {
  std::vector<int> designs = typefaces.designsFor(Split::Train, identity);
  auto wanted = static_cast<size_t>(options.designsPerIdentity);
  if (wanted == 0 || wanted >= designs.size())
    return designs;
  Random random(options.seed, identityNumber(typefaces, identity),
                hashOf("designs"), 0);
  for (size_t i = 0; i < wanted; ++i)
    std::swap(
        designs[i],
        designs[i + random.below(static_cast<uint32_t>(designs.size() - i))]);
  designs.resize(wanted);
  return designs;
}

Drawn drawIdentity(Renderer &renderer, const Typefaces &typefaces,
                   const Identity &identity, const GlyphSetOptions &options) {
  Drawn drawn;
  uint32_t number = identityNumber(typefaces, identity);
  for (int design : chooseDesigns(typefaces, identity, options)) {
    std::vector<int> faces = typefaces.facesFor(design, identity);
    uint32_t name = hashOf(typefaces.designs()[design].name);
    size_t before = drawn.images.size();
    for (int copy = 0; copy < options.imagesPerDesign; ++copy) {
      Random random(options.seed, number, name, static_cast<uint32_t>(copy));
      int face = faces[random.below(static_cast<uint32_t>(faces.size()))];
      auto pixels = renderer.draw({face, identity}, random);
      if (!pixels.empty())
        drawn.images.push_back(
            encodeJpeg(pixels, options.shape, options.jpegQuality));
    }
    drawn.designs += drawn.images.size() > before;
  }
  return drawn;
}

void checkEnough(int64_t identities, int64_t wanted,
                 const GlyphSetOptions &options) {
  require(identities >= wanted || options.identities == 0,
          "only {} identities can be drawn in {} or more of the installed "
          "designs, {} were asked for; install more typefaces, lower "
          "--min-designs{}",
          identities, options.minDesigns, wanted,
          options.words ? "" : ", or use --words");
}

/// Draws the training identities chunk by chunk and writes them in order.
class TrainingWriter {
public:
  TrainingWriter(const Typefaces &typefaces, const GlyphSetOptions &options,
                 GlyphSetSummary &summary)
      : typefaces(typefaces), options(options), summary(summary),
        writer(options.folder), names(options.folder + "/identities.tsv") {
    for (int i = 0; i < options.threads; ++i)
      renderers.push_back(std::make_unique<Renderer>(typefaces, options.shape));
  }

  void write(const Candidates &candidates, int64_t wanted) {
    constexpr int64_t chunk = 256;
    for (int64_t next = 0;
         next < candidates.size() && summary.identities < wanted;) {
      int64_t count = std::min(
          {chunk, wanted - summary.identities, candidates.size() - next});
      writeChunk(candidates, next, count);
      next += count;
      if (options.progress)
        options.progress(summary.identities, writer.images());
    }
    require(summary.identities > 0,
            "no identity can be drawn in {} or more of the installed designs; "
            "install more typefaces, or lower --min-designs",
            options.minDesigns);
    checkEnough(summary.identities, wanted, options);
    writer.finish(options.shape.height, options.shape.width);
    names.close();
    require(names.good(), "{}/identities.tsv: cannot write", options.folder);
    summary.images = writer.images();
    summary.bytes = writer.bytes();
  }

private:
  void writeChunk(const Candidates &candidates, int64_t first, int64_t count) {
    std::vector<Drawn> drawn(count);
    parallelFor(options.threads, count, [&](int thread, int64_t i) {
      drawn[i] = drawIdentity(*renderers[thread], typefaces,
                              candidates.at(first + i), options);
    });
    for (int64_t i = 0; i < count; ++i) {
      if (drawn[i].designs < options.minDesigns) {
        ++summary.blank;
        continue;
      }
      for (const std::vector<uint8_t> &image : drawn[i].images)
        writer.add(summary.identities, image);
      names << summary.identities << '\t'
            << identityText(typefaces, candidates.at(first + i)) << '\t'
            << drawn[i].images.size() << '\n';
      ++summary.identities;
    }
  }

  const Typefaces &typefaces;
  const GlyphSetOptions &options;
  GlyphSetSummary &summary;
  RecordSetWriter writer;
  std::ofstream names;
  std::vector<std::unique_ptr<Renderer>> renderers;
};

bool verifies(const GlyphSetOptions &options) {
  return options.pairs != 0 || options.benchmarks;
}

void check(const GlyphSetOptions &options) {
  require(options.shape.height >= 16 && options.shape.height <= 512,
          "--size {}: glyphs are drawn at 16 to 512 pixels",
          options.shape.height);
  require(options.pairs >= 0 && options.pairs % 20 == 0,
          "--pairs {}: must be a multiple of 20 (10 folds, half of each the "
          "same identity)",
          options.pairs);
  require(!options.words || options.identities > 0,
          "--words needs --identities: there are too many words to take all");
  require(options.imagesPerDesign >= 1 && options.imagesPerDesign < 65536,
          "--images-per-design {}: 1 to 65535", options.imagesPerDesign);
  require(options.designsPerIdentity == 0 ||
              options.designsPerIdentity >= options.minDesigns,
          "--designs-per-identity {}: every identity would be left out, as it "
          "needs --min-designs {}",
          options.designsPerIdentity, options.minDesigns);
  require(!verifies(options) || options.testIdentities >= fewestToVerify,
          "--test-identities {}: the verification sets need {} or more",
          options.testIdentities, fewestToVerify);
}

void writeVerification(const Typefaces &typefaces,
                       const std::vector<Identity> &test,
                       const GlyphSetOptions &options,
                       GlyphSetSummary &summary) {
  if (options.pairs != 0)
    summary.pairSets =
        writePairSets(typefaces, test,
                      {options.folder, options.pairs, options.seed,
                       options.shape, options.jpegQuality, options.threads});
  if (!options.benchmarks)
    return;
  BenchmarkOptions benchmark{options.folder, options.seed, options.shape,
                             options.jpegQuality, options.threads};
  summary.ijbPictures = writeIjb(typefaces, test, benchmark);
  summary.megaFacePictures = writeMegaFace(typefaces, test, benchmark);
}

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

} // namespace

GlyphSetSummary makeGlyphSet(const GlyphSetOptions &options) {
  check(options);
  Typefaces typefaces(installedDesigns(options.scripts, options.designs),
                      identityCharacters(options.scripts));
  GlyphSetSummary summary;
  for (const Design &design : typefaces.designs())
    (design.split == Split::Held ? summary.heldDesigns : summary.trainDesigns)
        .push_back(design.name);

  Candidates candidates =
      options.words ? trainingWords(typefaces, options.minDesigns,
                                    options.identities, options.seed)
                    : trainingCharacters(typefaces, options.minDesigns);
  // Not every candidate can be drawn: "all" means all that can.
  int64_t wanted = options.identities ? options.identities : candidates.size();
  checkEnough(candidates.size(), wanted, options);
  std::vector<Identity> test;
  if (verifies(options))
    test = testIdentities(typefaces, options.testIdentities, options.words,
                          options.seed, options.threads);
  summary.testIdentities = static_cast<int64_t>(test.size());

  StagedSet staged(options.folder);
  GlyphSetOptions there = options;
  there.folder = staged.folder();
  auto start = std::chrono::steady_clock::now();
  TrainingWriter(typefaces, there, summary).write(candidates, wanted);
  summary.seconds = secondsSince(start);
  if (verifies(options))
    writeVerification(typefaces, test, there, summary);
  staged.publish();
  for (std::string &path : summary.pairSets)
    path = options.folder + path.substr(there.folder.size());
  return summary;
}

} // namespace pfc::rt::data::glyphs
