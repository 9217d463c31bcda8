//===- BatchLoader.h - Decoded batches, ahead of the trainer ----*- C++ -*-===//
//
// Global batch k has batchPerRank * worldSize images and is a function of
// (seed, k) alone: the epoch's permutation is cut into whole batches (the rest
// is dropped) and rank r takes rows [r*batchPerRank, (r+1)*batchPerRank). So
// global batch k holds the same images at any world size with the same
// product, and a loader can start at any step.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_BATCHLOADER_H
#define PFC_RUNTIME_DATA_BATCHLOADER_H

#include "runtime/data/Dataset.h"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace pfc::rt::data {

struct BatchShape {
  int batchPerRank = 0, height = 0, width = 0, channels = 0;
  ImageShape image() const { return {height, width, channels}; }
};

struct LoaderOptions {
  BatchShape shape;
  int rank = 0, worldSize = 1;
  uint64_t seed = 0;
  bool shuffle = true;
  /// Mirror each image left-right with probability 1/2, anew every epoch.
  bool flip = false;
  /// Decoding threads; 0 decodes inside next().
  int threads = 1;
  /// Batches decoded ahead of the one handed out.
  int prefetch = 2;
  int64_t firstStep = 0;
  /// Distinct bad records that are skipped before the loader gives up.
  int64_t maxBadRecords = 0;
  /// Numbers of images that were found bad before: they count, but aren't told
  /// again.
  std::vector<int64_t> knownBad = {};
  /// When > 0, a label outside [0, classes) makes its record a bad one.
  int64_t classes = 0;
  /// Called in next() for every bad record met for the first time; null
  /// prints a warning to stderr.
  std::function<void(const std::string &message)> onBadRecord;
};

struct Batch {
  std::vector<uint8_t> images;  ///< [batchPerRank, height, width, channels]
  std::vector<int64_t> labels;  ///< [batchPerRank]
  std::vector<int64_t> samples; ///< [batchPerRank] the images' numbers
  int64_t step = 0;
};

class BatchLoader {
public:
  BatchLoader(std::shared_ptr<const Dataset> dataset, LoaderOptions options);
  ~BatchLoader();
  BatchLoader(const BatchLoader &) = delete;

  /// The batch of the next step, starting with firstStep. A bad record's place
  /// is taken by the next good image of the set. Throws when more than
  /// maxBadRecords were met, and what a worker threw.
  Batch next();

  /// floor(images / global batch); at least 1.
  int64_t stepsPerEpoch() const { return epochSteps; }

  /// Distinct bad records met in the batches handed out so far.
  int64_t badRecords() const { return static_cast<int64_t>(known.size()); }

  /// Their numbers, rising.
  std::vector<int64_t> badSamples() const;

private:
  struct Bad {
    int64_t sample;
    std::string message;
  };
  struct Slot {
    bool ready = false;
    Batch batch;
    std::vector<Bad> bad;
    std::exception_ptr error;
  };

  void stop();
  void work();
  void fill(Slot &slot, int64_t step) const;
  void fillRow(Slot &slot, int64_t row, int64_t sample, uint32_t epoch) const;
  bool load(Slot &slot, int64_t row, int64_t sample) const;
  void account(const std::vector<Bad> &bad);
  void report(const std::string &message) const;
  Slot takeSlot();

  std::shared_ptr<const Dataset> dataset;
  LoaderOptions options;
  int64_t epochSteps = 0;
  std::set<int64_t> known; ///< samples found bad; damage counts as negatives

  std::mutex mutex;
  std::condition_variable roomFree, slotReady;
  std::vector<Slot> slots;   ///< step s lives in slots[s % slots.size()]
  int64_t nextToFill = 0;    ///< first step that no worker has claimed
  int64_t nextToHandOut = 0; ///< step that next() returns
  bool stopping = false;
  std::vector<std::thread> workers;
};

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_BATCHLOADER_H
