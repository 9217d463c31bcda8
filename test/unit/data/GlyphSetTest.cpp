// The glyph data maker end to end, with whatever typefaces are installed.
#include "runtime/data/glyphs/GlyphSet.h"

#include "runtime/data/RecordDataset.h"
#include "runtime/data/glyphs/PairSets.h"
#include "runtime/data/glyphs/Renderer.h"
#include "runtime/data/glyphs/Selection.h"
#include "runtime/eval/VerificationSet.h"
#include "test/unit/data/TestFiles.h"

#include <set>

namespace pfc::rt::data::glyphs {
namespace {

class GlyphSet : public testing::Test {
protected:
  void SetUp() override {
    try {
      installedDesigns(Hangul, {});
    } catch (const Error &error) {
      GTEST_SKIP() << error.what();
    }
  }

  GlyphSetOptions options(const std::string &folder) {
    GlyphSetOptions options;
    options.folder = folder;
    options.identities = 12;
    options.shape = {32, 32, 1};
    options.pairs = 40;
    options.testIdentities = 40;
    return options;
  }
};

TEST_F(GlyphSet, IsTheSameEveryTime) {
  ScratchFolder a, b, c;
  GlyphSetOptions first = options(a.path()), second = options(b.path());
  second.threads = 3;
  makeGlyphSet(first);
  makeGlyphSet(second);
  for (const char *file :
       {"train.rec", "train.idx", "property", "identities.tsv", "g_seen.bin",
        "g_unseen.bin", "g_style.bin", "g_hard.bin"})
    EXPECT_EQ(readBytes(a / file), readBytes(b / file)) << file;
  GlyphSetOptions other = options(c.path());
  other.seed = 2;
  makeGlyphSet(other);
  EXPECT_NE(readBytes(a / "train.rec"), readBytes(c / "train.rec"));
}

TEST_F(GlyphSet, HoldsWhatWasAskedFor) {
  for (int channels : {1, 3}) {
    ScratchFolder folder;
    GlyphSetOptions wanted = options(folder.path());
    wanted.shape.channels = channels;
    wanted.designsPerIdentity = 2;
    wanted.imagesPerDesign = 3;
    GlyphSetSummary summary = makeGlyphSet(wanted);
    EXPECT_EQ(summary.identities, 12);
    EXPECT_EQ(readBytes(folder / "property"), "12,32,32\n");
    auto set = openDataset(folder.path());
    EXPECT_EQ(set->size(), summary.images);
    std::vector<int> images(12);
    std::vector<uint8_t> scratch;
    std::set<std::vector<uint8_t>> distinct;
    for (int64_t i = 0; i < set->size(); ++i) {
      ++images.at(set->label(i));
      auto file = set->encoded(i, scratch);
      EXPECT_EQ(probeImage(file), wanted.shape);
      distinct.insert({file.begin(), file.end()});
    }
    EXPECT_EQ(images, std::vector<int>(12, 6));
    EXPECT_EQ(distinct.size(), 72u);
  }
}

TEST_F(GlyphSet, PairSetsAreBalancedAndReadable) {
  ScratchFolder folder;
  GlyphSetSummary summary = makeGlyphSet(options(folder.path()));
  ASSERT_GE(summary.pairSets.size(), 3u);
  for (const std::string &path : summary.pairSets) {
    VerificationSet set = readVerificationSet(path);
    ASSERT_EQ(set.pairs(), 40);
    for (int pair = 0; pair < 40; ++pair)
      EXPECT_EQ(set.same[pair], pair % 4 < 2); // in each fold of four
    for (const auto &image : set.images)
      EXPECT_EQ(probeImage(image), (ImageShape{32, 32, 1}));
    std::set<std::vector<uint8_t>> distinct(set.images.begin(),
                                            set.images.end());
    EXPECT_EQ(distinct.size(), 80u);
  }
}

TEST_F(GlyphSet, TrainingAndVerificationShareNothing) {
  Typefaces typefaces(installedDesigns(Hangul, {}), identityCharacters(Hangul));
  Candidates training = trainingCharacters(typefaces, 2);
  std::set<int> seen;
  for (int64_t i = 0; i < training.size(); ++i) {
    EXPECT_TRUE(seen.insert(training.at(i)[0]).second);
    EXPECT_FALSE(isTestCharacter(typefaces.characters()[training.at(i)[0]]));
  }
  for (const Identity &identity : testIdentities(typefaces, 100, false, 1, 2)) {
    EXPECT_FALSE(seen.count(identity[0]));
    for (int design : typefaces.designsFor(Split::Held, identity))
      for (int other : typefaces.designsFor(Split::Train, identity))
        EXPECT_NE(typefaces.designs()[design].name,
                  typefaces.designs()[other].name);
  }
}

TEST_F(GlyphSet, WordsAreDistinctPairsOfTrainingCharacters) {
  ScratchFolder folder;
  GlyphSetOptions wanted = options(folder.path());
  wanted.words = true;
  wanted.identities = 300;
  wanted.designsPerIdentity = 2;
  makeGlyphSet(wanted);
  std::ifstream names(folder / "identities.tsv");
  std::set<std::string> words;
  int64_t label, images;
  std::string word;
  while (names >> label >> word >> images) {
    EXPECT_EQ(label, int64_t(words.size()));
    EXPECT_EQ(word.size(), 6u); // two syllables
    EXPECT_EQ(images, 2);
    words.insert(word);
  }
  EXPECT_EQ(words.size(), 300u);
}

TEST_F(GlyphSet, TooManyIdentitiesIsAnError) {
  ScratchFolder folder;
  GlyphSetOptions wanted = options(folder.path());
  wanted.designs = {"un-dotum", "un-taza", "un-batang", "un-shinmun"};
  wanted.identities = 20000;
  wanted.designsPerIdentity = 1;
  wanted.minDesigns = 1;
  std::string message = messageOf([&] { makeGlyphSet(wanted); });
  EXPECT_NE(message.find(" 20000 were asked for; install more typefaces"),
            std::string::npos)
      << message;
}

std::set<std::string> namesIn(const std::string &folder) {
  std::set<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    names.insert(entry.path().filename());
  return names;
}

TEST_F(GlyphSet, TakesThePlaceOfAnotherWhole) {
  ScratchFolder folder;
  GlyphSetOptions wanted = options(folder.path());
  wanted.benchmarks = true;
  GlyphSetSummary summary = makeGlyphSet(wanted);
  std::set<std::string> all = namesIn(folder.path());
  EXPECT_FALSE(all.count("glyphs.tmp"));
  EXPECT_TRUE(all.count("ijb") && all.count("megaface"));
  for (const std::string &path : summary.pairSets)
    EXPECT_TRUE(std::filesystem::exists(path)) << path;
  writeBytes(folder / "ijb/loose_crop/old.jpg", std::string("old"));
  writeBytes(folder / "train.labels", std::string("old"));
  wanted.identities = 11;
  makeGlyphSet(wanted);
  EXPECT_EQ(namesIn(folder.path()), all);
  EXPECT_FALSE(std::filesystem::exists(folder / "ijb/loose_crop/old.jpg"));
  EXPECT_EQ(readBytes(folder / "property"), "11,32,32\n");
}

// Whatever it fails at, be it the last file.
TEST_F(GlyphSet, WhatFailsLeavesTheSetThatIsThere) {
  ScratchFolder folder;
  makeGlyphSet(options(folder.path()));
  std::string names = readBytes(folder / "identities.tsv");
  std::string records = readBytes(folder / "train.rec");
  std::string pairs = readBytes(folder / "g_seen.bin");
  GlyphSetOptions wanted = options(folder.path());
  wanted.seed = 2;
  wanted.progress = [](int64_t, int64_t) { throw Error("the disk is full"); };
  EXPECT_EQ(messageOf([&] { makeGlyphSet(wanted); }), "the disk is full");
  EXPECT_EQ(readBytes(folder / "identities.tsv"), names);
  EXPECT_EQ(readBytes(folder / "train.rec"), records);
  EXPECT_EQ(readBytes(folder / "g_seen.bin"), pairs);
  EXPECT_FALSE(std::filesystem::exists(folder / "glyphs.tmp"));
}

TEST_F(GlyphSet, SaysWhatCannotBeBeforeItDraws) {
  ScratchFolder folder;
  auto refused = [&](auto change) {
    GlyphSetOptions wanted = options(folder.path());
    wanted.progress = [](int64_t, int64_t) { FAIL() << "it draws"; };
    change(wanted);
    return messageOf([&] { makeGlyphSet(wanted); });
  };
  EXPECT_EQ(refused([](GlyphSetOptions &o) { o.testIdentities = 19; }),
            "--test-identities 19: the verification sets need 20 or more");
  EXPECT_EQ(refused([](GlyphSetOptions &o) { o.designsPerIdentity = 1; }),
            "--designs-per-identity 1: every identity would be left out, as it "
            "needs --min-designs 2");
  std::string message = refused([](GlyphSetOptions &o) { o.minDesigns = 99; });
  EXPECT_TRUE(message.starts_with("only 0 identities can be drawn in 99"))
      << message;
  message = refused([](GlyphSetOptions &o) {
    o.minDesigns = 99;
    o.words = true;
  });
  EXPECT_TRUE(message.starts_with("only 0 identities can be drawn in 99"))
      << message;
  EXPECT_TRUE(namesIn(folder.path()).empty());
}

TEST_F(GlyphSet, PlainDrawingIsCentredAndFitted) {
  Typefaces typefaces(installedDesigns(Hangul, {}), {U'한', U'글'});
  Renderer renderer(typefaces, {64, 64, 1});
  int face = typefaces.facesFor(typefaces.designsFor(Split::Train, {{0}})[0],
                                {{0}})[0];
  auto coverage = renderer.plain({face, {0}});
  ASSERT_EQ(coverage.size(), 64u * 64);
  int left = 64, right = -1, top = 64, bottom = -1;
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x)
      if (coverage[y * 64 + x] > 127) {
        left = std::min(left, x), right = std::max(right, x);
        top = std::min(top, y), bottom = std::max(bottom, y);
      }
  EXPECT_NEAR(left, 63 - right, 2);
  EXPECT_NEAR(top, 63 - bottom, 2);
  EXPECT_NEAR(std::max(right - left, bottom - top) + 1, 0.84 * 64, 2);
}

} // namespace
} // namespace pfc::rt::data::glyphs
