// Tables, splits and random streams of the glyph maker; needs no font.
#include "runtime/data/glyphs/Characters.h"
#include "runtime/data/glyphs/Designs.h"
#include "runtime/data/glyphs/Random.h"

#include "test/unit/data/TestFiles.h"

#include <algorithm>
#include <map>
#include <set>

namespace pfc::rt::data::glyphs {
namespace {

TEST(Designs, TableHasBothSidesInManyStyles) {
  for (unsigned script : {Han, Hangul}) {
    std::map<Split, std::set<std::string>> designs, styles;
    std::set<std::string> files;
    for (const Design &design : knownDesigns(script)) {
      EXPECT_TRUE(designs[design.split].insert(design.name).second)
          << design.name << " isn't contiguous in the table";
      styles[design.split].insert(design.style);
      for (const Face &face : design.faces)
        EXPECT_TRUE(files.insert(face.path).second || face.index > 0)
            << face.path << " is in two designs";
    }
    EXPECT_GE(designs[Split::Train].size(), 24u);
    EXPECT_GE(designs[Split::Held].size(), 12u);
    EXPECT_GE(styles[Split::Train].size(), 6u);
    EXPECT_GE(styles[Split::Held].size(), 5u);
    for (const std::string &name : designs[Split::Held])
      EXPECT_FALSE(designs[Split::Train].count(name)) << name;
  }
}

TEST(Designs, SplitDoesNotDependOnTheScript) {
  std::map<std::string, Split> split;
  for (const Design &design : knownDesigns(Han))
    split[design.name] = design.split;
  for (const Design &design : knownDesigns(Hangul))
    if (split.count(design.name)) {
      EXPECT_EQ(split[design.name], design.split) << design.name;
    }
}

TEST(Designs, UnknownNameIsRefused) {
  EXPECT_EQ(messageOf([] { installedDesigns(Hangul, {"comic-sans"}); }),
            "no design is called 'comic-sans'; `pfc-data glyphs --list` shows "
            "them");
}

TEST(Designs, TooFewNamesThePackages) {
  std::string message =
      messageOf([] { installedDesigns(Hangul, {"nanum-gothic"}); });
  EXPECT_EQ(message.substr(0, 19), "too few typefaces: ");
  EXPECT_NE(message.find("0 held out"), std::string::npos) << message;
  EXPECT_NE(message.find("at least 2 and 2 are needed"), std::string::npos);
}

TEST(Characters, CountsAreUnicodes) {
  EXPECT_EQ(identityCharacters(Hangul).size(), 11172u);
  size_t han = identityCharacters(Han).size();
  EXPECT_GT(han, 90000u);
  EXPECT_EQ(identityCharacters(HanAndHangul).size(), han + 11172u);
}

TEST(Characters, ConfusableTwinsAreDropped) {
  std::vector<char32_t> han = identityCharacters(Han);
  auto has = [&](char32_t c) {
    return std::binary_search(han.begin(), han.end(), c);
  };
  EXPECT_TRUE(has(0x29fce)); // the table's first pair
  EXPECT_FALSE(has(0x29fd7));
  EXPECT_FALSE(has(0xF900)); // a compatibility twin
}

TEST(Characters, ATenthIsForVerification) {
  // Reference values of splitmix64 (seed 0 and 1, first output).
  EXPECT_EQ(splitmix64(0), 0xE220A8397B1DCDAFull);
  EXPECT_EQ(splitmix64(1), 0x910A2DEC89025CC1ull);
  auto characters = identityCharacters(Hangul);
  auto test =
      std::count_if(characters.begin(), characters.end(), isTestCharacter);
  EXPECT_NEAR(double(test), 1117, 6 * 32);
}

TEST(Characters, Utf8) {
  EXPECT_EQ(utf8(U'A'), "A");
  EXPECT_EQ(utf8(U'é'), "é");
  EXPECT_EQ(utf8(U'한'), "한");
  EXPECT_EQ(utf8(U'𩿎'), "𩿎");
}

TEST(Random, StreamsAreIndependentAndRepeatable) {
  Random a(1, 2, 3, 0), again(1, 2, 3, 0), copy(1, 2, 3, 1);
  for (int i = 0; i < 100; ++i) {
    uint32_t value = a.next();
    EXPECT_EQ(value, again.next());
    EXPECT_NE(value, copy.next());
  }
  std::set<uint32_t> drawn;
  for (int i = 0; i < 200; ++i)
    drawn.insert(a.below(5));
  EXPECT_EQ(drawn, (std::set<uint32_t>{0, 1, 2, 3, 4}));
}

} // namespace
} // namespace pfc::rt::data::glyphs
