// The .bin pickle, byte for byte.
#include "runtime/data/PairWriter.h"

#include "test/unit/data/TestFiles.h"

namespace pfc::rt::data {
namespace {

TEST(PairWriter, WritesProtocol3) {
  ScratchFolder folder;
  writePairs(folder / "a.bin", {{1, 2}, {}, {3}, {4}}, {true, false});
  std::string expected("\x80\x03](B\2\0\0\0\1\2B\0\0\0\0B\1\0\0\0\3B\1\0\0\0"
                       "\4e](\x88\x89"
                       "e\x86.",
                       36);
  EXPECT_EQ(readBytes(folder / "a.bin"), expected);
}

TEST(PairWriter, RefusesHalfPairs) {
  EXPECT_EQ(messageOf([] { writePairs("x.bin", {{1}}, {true}); }),
            "x.bin: 1 images for 1 pairs");
}

} // namespace
} // namespace pfc::rt::data
