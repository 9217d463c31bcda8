// Images of noise: functions of (seed, number), the same on any ranks.
#include "runtime/data/SyntheticDataset.h"

#include "runtime/data/BatchLoader.h"
#include "test/unit/data/TestFiles.h"

#include <gmock/gmock.h>
#include <set>

namespace pfc::rt::data {
namespace {

constexpr ImageShape shape{5, 7, 3};

std::vector<uint8_t> pixelsOf(const Dataset &set, int64_t i) {
  std::vector<uint8_t> pixels(shape.bytes());
  set.decode(i, shape, pixels);
  return pixels;
}

TEST(SyntheticDataset, IsAFunctionOfSeedAndNumber) {
  SyntheticDataset set(shape, 1000, 37, 11), again(shape, 50, 37, 11),
      other(shape, 1000, 37, 12);
  std::set<std::vector<uint8_t>> distinct;
  int sameLabels = 0;
  for (int64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(set.label(i), again.label(i));
    EXPECT_EQ(pixelsOf(set, i), pixelsOf(again, i));
    EXPECT_NE(pixelsOf(set, i), pixelsOf(other, i));
    sameLabels += set.label(i) == other.label(i);
    distinct.insert(pixelsOf(set, i));
  }
  EXPECT_LT(sameLabels, 15);
  EXPECT_EQ(distinct.size(), 50u);
}

TEST(SyntheticDataset, LabelsCoverAllClassesAlike) {
  constexpr int64_t classes = 100, images = 100'000;
  SyntheticDataset set(shape, images, classes, 3);
  std::vector<int> counts(classes);
  for (int64_t i = 0; i < images; ++i)
    ++counts.at(static_cast<size_t>(set.label(i)));
  for (int count : counts) // 1000, with a deviation of 31
    EXPECT_NEAR(count, 1000, 160);
  EXPECT_EQ(set.size(), images);
  EXPECT_EQ(set.classes(), classes);
}

// More classes than 32 bits have: both words of the label count.
TEST(SyntheticDataset, LabelsOfManyClasses) {
  constexpr int64_t classes = int64_t{1} << 40;
  SyntheticDataset set(shape, 100, classes, 3);
  int64_t largest = 0;
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_GE(set.label(i), 0);
    EXPECT_LT(set.label(i), classes);
    largest = std::max(largest, set.label(i));
  }
  EXPECT_GT(largest, classes / 2);
}

TEST(SyntheticDataset, PixelsAreNoise) {
  SyntheticDataset set({64, 64, 3}, 1, 1, 3);
  std::vector<uint8_t> pixels(64 * 64 * 3);
  set.decode(0, {64, 64, 3}, pixels);
  double sum = 0, squares = 0;
  for (double pixel : pixels) {
    sum += pixel;
    squares += pixel * pixel;
  }
  double mean = sum / pixels.size();
  EXPECT_NEAR(mean, 127.5, 4);
  EXPECT_NEAR(squares / pixels.size() - mean * mean, 73.9 * 73.9, 250);
}

TEST(SyntheticDataset, ItsFilesHoldItsPixels) {
  SyntheticDataset set(shape, 10, 2, 3);
  std::vector<uint8_t> scratch, pixels(shape.bytes());
  decodeImage(set.encoded(4, scratch), shape, pixels);
  EXPECT_EQ(pixels, pixelsOf(set, 4));
  EXPECT_THAT(messageOf([&] { set.decode(0, {7, 5, 3}, pixels); }),
              testing::HasSubstr("5x7x3 were asked for as 7x5x3"));
}

TEST(SyntheticDataset, GlobalBatchesAreTheSameOnAnyRanks) {
  auto batches = [](int world) {
    std::vector<int64_t> labels;
    std::vector<uint8_t> images;
    auto set = std::make_shared<SyntheticDataset>(shape, 100, 9, 5);
    for (int step = 0; step < 30; ++step) // of 12 an epoch
      for (int rank = 0; rank < world; ++rank) {
        LoaderOptions options;
        options.shape = {8 / world, shape.height, shape.width, shape.channels};
        options.rank = rank;
        options.worldSize = world;
        options.seed = 5;
        options.flip = true;
        options.threads = 0;
        options.firstStep = step;
        Batch batch = BatchLoader(set, options).next();
        labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
        images.insert(images.end(), batch.images.begin(), batch.images.end());
      }
    return std::pair(labels, images);
  };
  auto one = batches(1);
  EXPECT_EQ(one, batches(2));
  EXPECT_EQ(one, batches(8));
}

} // namespace
} // namespace pfc::rt::data
