#include "runtime/data/BatchLoader.h"

#include "runtime/data/Shuffle.h"

#include <algorithm>

namespace pfc::rt::data {

namespace {

/// Mirrors one image [height, width, channels] in place.
void mirror(std::span<uint8_t> image, ImageShape shape) {
  size_t stride = size_t(shape.width) * shape.channels;
  for (int y = 0; y < shape.height; ++y) {
    uint8_t *left = image.data() + y * stride;
    uint8_t *right = left + stride - shape.channels;
    for (; left < right; left += shape.channels, right -= shape.channels)
      std::swap_ranges(left, left + shape.channels, right);
  }
}

bool coin(uint64_t seed, int64_t sample, uint32_t epoch) {
  return philox(seed, RandomPurpose::Flip, static_cast<uint32_t>(sample),
                static_cast<uint32_t>(sample >> 32), epoch)[0] &
         1;
}

void check(const LoaderOptions &options) {
  const BatchShape &shape = options.shape;
  require(shape.batchPerRank > 0 && shape.height > 0 && shape.width > 0 &&
              (shape.channels == 1 || shape.channels == 3),
          "the loader was asked for batches of {}x{}x{}x{}; it makes "
          "N x height x width x 1 or 3",
          shape.batchPerRank, shape.height, shape.width, shape.channels);
  require(options.worldSize > 0 && options.rank >= 0 &&
              options.rank < options.worldSize,
          "the loader was given rank {} of {}", options.rank,
          options.worldSize);
  require(options.firstStep >= 0 && options.threads >= 0,
          "the loader was given first step {} and {} threads",
          options.firstStep, options.threads);
}

} // namespace

BatchLoader::BatchLoader(std::shared_ptr<const Dataset> set,
                         LoaderOptions given)
    : dataset(std::move(set)), options(std::move(given)) {
  check(options);
  int64_t global = int64_t{options.shape.batchPerRank} * options.worldSize;
  epochSteps = dataset->size() / global;
  require(epochSteps > 0,
          "the data set has {} images, fewer than one global batch of {} "
          "({} a rank on {} ranks); lower train.batch_per_rank",
          dataset->size(), global, options.shape.batchPerRank,
          options.worldSize);
  known.insert(options.knownBad.begin(), options.knownBad.end());
  if (badRecords() > options.maxBadRecords)
    throw LastingError(fmt::format("the run to go on with has met {} bad "
                                   "records, and data.max_bad_records "
                                   "is {}: raise it",
                                   badRecords(), options.maxBadRecords));
  std::vector<Bad> damage;
  for (const std::string &line : dataset->damage())
    damage.push_back({-1 - static_cast<int64_t>(damage.size()), line});
  account(damage);

  nextToFill = nextToHandOut = options.firstStep;
  int ahead = std::max(options.prefetch, options.threads);
  slots.resize(options.threads > 0 ? std::max(ahead, 1) : 1);
  try {
    for (int i = 0; i < options.threads; ++i)
      workers.emplace_back([this] { work(); });
  } catch (const std::system_error &error) {
    const size_t started = workers.size();
    stop();
    fail("cannot start {} threads to load images, only {}: {}; lower "
         "data.threads",
         options.threads, started, error.what());
  }
}

BatchLoader::~BatchLoader() { stop(); }

void BatchLoader::stop() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  roomFree.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

/// A worker claims steps in order and fills each into its slot, staying at
/// most slots.size() ahead of the trainer.
void BatchLoader::work() {
  auto capacity = static_cast<int64_t>(slots.size());
  std::unique_lock lock(mutex);
  for (;;) {
    roomFree.wait(lock, [&] {
      return stopping || nextToFill < nextToHandOut + capacity;
    });
    if (stopping)
      return;
    int64_t step = nextToFill++;
    Slot &slot = slots[step % capacity];
    lock.unlock();
    try {
      fill(slot, step);
    } catch (...) {
      slot.error = std::current_exception();
    }
    lock.lock();
    slot.ready = true;
    slotReady.notify_all();
  }
}

BatchLoader::Slot BatchLoader::takeSlot() {
  std::unique_lock lock(mutex);
  Slot &slot = slots[nextToHandOut % static_cast<int64_t>(slots.size())];
  slotReady.wait(lock, [&] { return slot.ready; });
  Slot taken = std::move(slot);
  slot = Slot();
  ++nextToHandOut;
  roomFree.notify_all();
  return taken;
}

Batch BatchLoader::next() {
  Slot slot;
  if (workers.empty())
    fill(slot, nextToHandOut++);
  else
    slot = takeSlot();
  if (slot.error)
    std::rethrow_exception(slot.error);
  account(slot.bad);
  return std::move(slot.batch);
}

void BatchLoader::fill(Slot &slot, int64_t step) const {
  const BatchShape &shape = options.shape;
  int64_t rows = shape.batchPerRank;
  slot.batch.step = step;
  slot.batch.images.resize(rows * shape.image().bytes());
  slot.batch.labels.resize(rows);
  slot.batch.samples.resize(rows);

  auto epoch = static_cast<uint32_t>(step / epochSteps);
  int64_t first =
      step % epochSteps * rows * options.worldSize + rows * options.rank;
  Permutation order(dataset->size(), options.seed, epoch);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t position = first + row;
    int64_t sample =
        options.shuffle ? static_cast<int64_t>(order(position)) : position;
    fillRow(slot, row, sample, epoch);
  }
}

/// Loads `sample`, or the first good image after it, into `row`.
void BatchLoader::fillRow(Slot &slot, int64_t row, int64_t sample,
                          uint32_t epoch) const {
  // One try past the limit is enough: account() then ends the run.
  int64_t tries = std::min(dataset->size() - 1, options.maxBadRecords) + 1;
  bool loaded = false;
  for (int64_t tried = 0; tried < tries && !loaded; ++tried) {
    loaded = load(slot, row, sample);
    if (!loaded)
      sample = (sample + 1) % dataset->size();
  }
  if (!loaded && tries == dataset->size())
    throw LastingError(
        fmt::format("none of the {} images of the set can be used; the last: "
                    "{}",
                    tries, slot.bad.back().message));
  slot.batch.samples[row] = sample;
  if (options.flip && coin(options.seed, sample, epoch)) {
    size_t size = options.shape.image().bytes();
    mirror(std::span(slot.batch.images).subspan(row * size, size),
           options.shape.image());
  }
}

bool BatchLoader::load(Slot &slot, int64_t row, int64_t sample) const {
  ImageShape shape = options.shape.image();
  try {
    int64_t label = dataset->label(sample);
    if (options.classes > 0 && label >= options.classes)
      failRecord("{}: label {} is outside the model's {} classes",
                 dataset->where(sample), label, options.classes);
    dataset->decode(sample, shape,
                    std::span(slot.batch.images)
                        .subspan(row * shape.bytes(), shape.bytes()));
    slot.batch.labels[row] = label;
    return true;
  } catch (const BadRecord &bad) {
    slot.bad.push_back({sample, bad.what()});
    return false;
  }
}

/// Counts the bad records of one batch in the order of its rows, so that the
/// run ends at the same step whatever the threads did.
void BatchLoader::account(const std::vector<Bad> &bad) {
  for (const Bad &record : bad) {
    if (!known.insert(record.sample).second)
      continue;
    if (badRecords() > options.maxBadRecords)
      throw LastingError(fmt::format(
          "{} (bad record {}; data.max_bad_records = {}). Run `pfc-data check` "
          "to list all bad records, or raise data.max_bad_records",
          record.message, badRecords(), options.maxBadRecords));
    report(record.message);
  }
}

/// Without the parts of the set that have no number.
std::vector<int64_t> BatchLoader::badSamples() const {
  return {known.lower_bound(0), known.end()};
}

void BatchLoader::report(const std::string &message) const {
  if (options.onBadRecord)
    options.onBadRecord(message);
  else
    fmt::print(stderr, "warning: skipped a bad record: {}\n", message);
}

} // namespace pfc::rt::data
