// A folder of images by identity.
#include "runtime/data/FolderDataset.h"

#include "test/unit/data/TestFiles.h"

namespace pfc::rt::data {
namespace {

TEST(FolderDataset, NumbersIdentitiesByName) {
  ScratchFolder folder;
  writeBytes(folder / "b/2.png", markedPng(3));
  writeBytes(folder / "b/1.jpg",
             encodeJpeg(std::vector<uint8_t>(24, 9), {4, 6, 1}, 100));
  writeBytes(folder / "a/deep/x.PNG", markedPng(5));
  writeBytes(folder / "a/notes.txt", std::string("no image"));
  std::filesystem::create_directories(folder / "aa-empty");
  writeBytes(folder / "stray.png", markedPng(1));

  auto set = openDataset(folder.path());
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(set->classes(), 2);
  std::vector<uint8_t> pixels(24);
  int marks[] = {5, 9, 3};
  int64_t labels[] = {0, 1, 1};
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(set->label(i), labels[i]);
    set->decode(i, {4, 6, 1}, pixels);
    EXPECT_EQ(pixels[1], marks[i]);
  }
}

TEST(FolderDataset, NamesTheBrokenFile) {
  ScratchFolder folder;
  writeBytes(folder / "a/x.png", std::string("nothing"));
  auto set = openDataset(folder.path());
  std::vector<uint8_t> pixels(24);
  EXPECT_EQ(messageOf([&] { set->decode(0, {4, 6, 1}, pixels); }),
            (folder / "a/x.png") +
                ": its 7 bytes are neither a JPEG nor a PNG image");
}

TEST(FolderDataset, RefusesAnEmptyTree) {
  ScratchFolder folder;
  EXPECT_EQ(messageOf([&] { openDataset(folder.path()); }),
            folder.path() +
                ": no train.rec and no sub-folders with .jpg or .png images");
}

} // namespace
} // namespace pfc::rt::data
