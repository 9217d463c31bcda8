// Global batches: one function of (seed, step) at any world size, from any
// step, with any number of threads; flips; bad records.
#include "runtime/data/BatchLoader.h"

#include "test/unit/data/TestFiles.h"

#include <set>

namespace pfc::rt::data {
namespace {

/// Images whose every pixel is the image's number, decoded by nobody: fast,
/// and any of them can be made bad.
class FakeDataset : public Dataset {
public:
  explicit FakeDataset(int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      files.push_back(markedPng(static_cast<uint8_t>(i)));
  }
  int64_t size() const override { return files.size(); }
  int64_t classes() const override { return -1; }
  int64_t label(int64_t i) const override { return 1000 + i; }
  std::span<const uint8_t> encoded(int64_t i,
                                   std::vector<uint8_t> &) const override {
    if (fatal == i)
      fail("the disk is gone");
    return files[i];
  }
  std::string where(int64_t i) const override {
    return fmt::format("fake {}", i);
  }
  const std::vector<std::string> &damage() const override { return broken; }

  void spoil(int64_t i) { files[i].clear(); }

  std::vector<std::vector<uint8_t>> files;
  std::vector<std::string> broken;
  int64_t fatal = -1;
};

LoaderOptions optionsFor(int batchPerRank, int rank = 0, int worldSize = 1) {
  LoaderOptions options;
  options.shape = {batchPerRank, 4, 6, 1};
  options.rank = rank;
  options.worldSize = worldSize;
  options.seed = 11;
  options.onBadRecord = [](const std::string &) {};
  return options;
}

std::vector<Batch> take(BatchLoader &loader, int count) {
  std::vector<Batch> batches;
  for (int i = 0; i < count; ++i)
    batches.push_back(loader.next());
  return batches;
}

void expectSame(const Batch &a, const Batch &b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_EQ(a.images, b.images);
}

TEST(BatchLoader, GlobalBatchIsTheSameAtAnyWorldSize) {
  auto set = std::make_shared<FakeDataset>(50);
  LoaderOptions whole = optionsFor(12);
  whole.flip = true;
  BatchLoader alone(set, whole);
  std::vector<Batch> expected = take(alone, 9); // four steps an epoch
  for (int world : {2, 3, 4}) {
    for (int rank = 0; rank < world; ++rank) {
      LoaderOptions part = optionsFor(12 / world, rank, world);
      part.flip = true;
      BatchLoader loader(set, part);
      for (const Batch &all : expected) {
        Batch mine = loader.next();
        size_t rows = mine.labels.size(), first = rank * rows;
        for (size_t row = 0; row < rows; ++row) {
          EXPECT_EQ(mine.labels[row], all.labels[first + row]);
          EXPECT_TRUE(std::equal(&mine.images[row * 24],
                                 &mine.images[row * 24] + 24,
                                 &all.images[(first + row) * 24]));
        }
      }
    }
  }
}

TEST(BatchLoader, StartsAtAnyStep) {
  auto set = std::make_shared<FakeDataset>(30);
  LoaderOptions options = optionsFor(8);
  options.flip = true;
  BatchLoader from0(set, options);
  std::vector<Batch> expected = take(from0, 10);
  for (int64_t first : {1, 3, 7}) {
    options.firstStep = first;
    BatchLoader loader(set, options);
    for (int64_t step = first; step < 10; ++step)
      expectSame(loader.next(), expected[step]);
  }
}

TEST(BatchLoader, ThreadsDoNotMatter) {
  auto set = std::make_shared<FakeDataset>(40);
  LoaderOptions options = optionsFor(8);
  options.flip = true;
  options.threads = 0;
  BatchLoader inside(set, options);
  options.threads = 3;
  options.prefetch = 5;
  BatchLoader threaded(set, options);
  for (int i = 0; i < 20; ++i)
    expectSame(threaded.next(), inside.next());
}

TEST(BatchLoader, AnEpochVisitsEveryImageOnceAndDropsTheRest) {
  auto set = std::make_shared<FakeDataset>(26);
  BatchLoader loader(set, optionsFor(8));
  EXPECT_EQ(loader.stepsPerEpoch(), 3);
  std::vector<std::vector<int64_t>> orders;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<int64_t> order;
    for (const Batch &batch : take(loader, 3))
      order.insert(order.end(), batch.samples.begin(), batch.samples.end());
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), 24u);
    orders.push_back(order);
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
}

TEST(BatchLoader, WithoutShuffleKeepsTheOrder) {
  auto set = std::make_shared<FakeDataset>(10);
  LoaderOptions options = optionsFor(2, 1, 2);
  options.shuffle = false;
  BatchLoader loader(set, options);
  std::vector<Batch> batches = take(loader, 3);
  EXPECT_EQ(batches[0].samples, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(batches[1].samples, (std::vector<int64_t>{6, 7}));
  EXPECT_EQ(batches[2].samples, (std::vector<int64_t>{2, 3})); // 8, 9 dropped
  EXPECT_EQ(batches[2].labels, (std::vector<int64_t>{1002, 1003}));
}

TEST(BatchLoader, FlipMirrorsAboutHalf) {
  auto set = std::make_shared<FakeDataset>(200);
  LoaderOptions options = optionsFor(100);
  options.flip = true;
  BatchLoader loader(set, options);
  int flipped = 0, changed = 0;
  std::vector<int> last(200, -1);
  for (const Batch &batch : take(loader, 4))
    for (size_t row = 0; row < 100; ++row) {
      const uint8_t *image = &batch.images[row * 24];
      bool mirrored = image[5] == 255 && image[0] != 255;
      EXPECT_EQ(image[mirrored ? 5 : 0], 255);
      EXPECT_EQ(image[1], static_cast<uint8_t>(batch.samples[row]));
      flipped += mirrored;
      int &before = last[batch.samples[row]];
      changed += before >= 0 && before != mirrored;
      before = mirrored;
    }
  EXPECT_NEAR(flipped, 200, 60); // 6 standard deviations
  EXPECT_NEAR(changed, 100, 43); // anew every epoch
}

TEST(BatchLoader, SkipsBadRecordsUpToTheLimit) {
  auto set = std::make_shared<FakeDataset>(12);
  set->spoil(4);
  set->spoil(5);
  LoaderOptions options = optionsFor(4);
  options.shuffle = false;
  options.maxBadRecords = 2;
  std::vector<std::string> reports;
  options.onBadRecord = [&](const std::string &m) { reports.push_back(m); };
  BatchLoader loader(set, options);
  EXPECT_EQ(loader.next().samples, (std::vector<int64_t>{0, 1, 2, 3}));
  Batch batch = loader.next();
  EXPECT_EQ(batch.samples, (std::vector<int64_t>{6, 6, 6, 7}));
  EXPECT_EQ(batch.labels, (std::vector<int64_t>{1006, 1006, 1006, 1007}));
  EXPECT_EQ(batch.images[1], 6);
  EXPECT_EQ(loader.badRecords(), 2);
  take(loader, 6); // the same two in the next epochs count once
  EXPECT_EQ(loader.badRecords(), 2);
  std::string reason = ": its 0 bytes are neither a JPEG nor a PNG image";
  EXPECT_EQ(reports,
            (std::vector<std::string>{"fake 4" + reason, "fake 5" + reason}));
}

// Fewer images than may be bad: nothing is left to train on.
TEST(BatchLoader, EndsWhereNoImageIsGood) {
  auto set = std::make_shared<FakeDataset>(6);
  for (int64_t i = 0; i < 6; ++i)
    set->spoil(i);
  LoaderOptions options = optionsFor(2);
  options.maxBadRecords = 100;
  BatchLoader loader(set, options);
  std::string message = messageOf([&] { loader.next(); });
  EXPECT_EQ(message.find("none of the 6 images of the set can be used"), 0u)
      << message;
}

TEST(BatchLoader, EndsOneRecordPastTheLimit) {
  auto set = std::make_shared<FakeDataset>(12);
  set->spoil(1);
  set->spoil(6);
  LoaderOptions options = optionsFor(4);
  options.shuffle = false;
  options.maxBadRecords = 1;
  options.threads = 2;
  BatchLoader loader(set, options);
  loader.next();
  EXPECT_EQ(messageOf([&] { loader.next(); }),
            "fake 6: its 0 bytes are neither a JPEG nor a PNG image (bad "
            "record 2; data.max_bad_records = 1). Run `pfc-data check` to list "
            "all bad records, or raise data.max_bad_records");
}

// Of a run that goes on: else a row would be left empty where all that may be
// tried are known to be bad.
TEST(BatchLoader, RefusesMoreKnownRecordsThanTheLimit) {
  auto set = std::make_shared<FakeDataset>(12);
  set->spoil(4);
  LoaderOptions options = optionsFor(4);
  options.knownBad = {4};
  options.maxBadRecords = 0;
  EXPECT_EQ(messageOf([&] { BatchLoader loader(set, options); }),
            "the run to go on with has met 1 bad records, and "
            "data.max_bad_records is 0: raise it");
}

TEST(BatchLoader, CountsWhatTheSetFoundOnOpening) {
  auto set = std::make_shared<FakeDataset>(4);
  set->broken = {"a hole"};
  EXPECT_EQ(
      messageOf([&] { BatchLoader loader(set, optionsFor(4)); }).substr(0, 8),
      "a hole (");
  LoaderOptions options = optionsFor(4);
  options.maxBadRecords = 1;
  BatchLoader loader(set, options);
  EXPECT_EQ(loader.badRecords(), 1);
}

TEST(BatchLoader, LabelsOutsideTheModelAreBad) {
  auto set = std::make_shared<FakeDataset>(4);
  LoaderOptions options = optionsFor(4);
  options.shuffle = false;
  options.classes = 1002;
  BatchLoader loader(set, options);
  EXPECT_EQ(messageOf([&] { loader.next(); }).substr(0, 58),
            "fake 2: label 1002 is outside the model's 1002 classes (ba");
}

TEST(BatchLoader, WrongSizeIsBad) {
  auto set = std::make_shared<FakeDataset>(4);
  LoaderOptions options = optionsFor(4);
  options.shuffle = false;
  options.shape.height = 8;
  BatchLoader loader(set, options);
  EXPECT_EQ(messageOf([&] { loader.next(); }).substr(0, 54),
            "fake 0: the image is 4x6 (height x width), not 8x6 (ba");
}

TEST(BatchLoader, OtherErrorsSurfaceInNext) {
  auto set = std::make_shared<FakeDataset>(8);
  set->fatal = 6;
  LoaderOptions options = optionsFor(4);
  options.shuffle = false;
  options.maxBadRecords = 100;
  BatchLoader loader(set, options);
  loader.next();
  EXPECT_EQ(messageOf([&] { loader.next(); }), "the disk is gone");
}

TEST(BatchLoader, RefusesASetSmallerThanABatch) {
  auto set = std::make_shared<FakeDataset>(7);
  EXPECT_EQ(messageOf([&] { BatchLoader loader(set, optionsFor(4, 0, 2)); }),
            "the data set has 7 images, fewer than one global batch of 8 (4 a "
            "rank on 2 ranks); lower train.batch_per_rank");
}

TEST(BatchLoader, ReadsARecordSet) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 4, 6);
  BatchLoader loader(openDataset(folder.path()), optionsFor(8));
  for (const Batch &batch : take(loader, 6))
    for (size_t row = 0; row < 8; ++row) {
      EXPECT_EQ(batch.images[row * 24 + 1], batch.samples[row]);
      EXPECT_EQ(batch.labels[row], batch.samples[row] / 6);
    }
}

} // namespace
} // namespace pfc::rt::data
