#include "runtime/eval/PairsEvaluator.h"

#include "runtime/base/Error.h"
#include "runtime/eval/Resize.h"

#include <algorithm>
#include <cmath>
#include <future>

namespace pfc::rt {
namespace {

/// Decodes picture `index` into `pixels`, resized to `input`.
void decodePicture(const VerificationSet &set, int64_t index,
                   data::ImageShape input, std::span<uint8_t> pixels) {
  const std::vector<uint8_t> &file = set.images[index];
  RawShape raw = set.shapes[index];
  std::span<const uint8_t> source = file;
  data::Image decoded;
  data::ImageShape shape{static_cast<int>(raw.height),
                         static_cast<int>(raw.width),
                         static_cast<int>(raw.channels)};
  if (raw.encoded()) {
    decoded = data::decodeImage(file, input.channels);
    source = decoded.pixels;
    shape = decoded.shape;
  }
  require(shape.channels == input.channels,
          "it is unencoded with {} channels, the network takes {}",
          shape.channels, input.channels);
  if (shape == input)
    std::copy(source.begin(), source.end(), pixels.begin());
  else
    resizeBilinear(source, shape.height, shape.width, pixels, input.height,
                   input.width, input.channels);
}

/// Mirrors `rows` pictures left to right in place.
void mirror(std::span<uint8_t> images, int64_t rows, data::ImageShape shape) {
  size_t channels = shape.channels;
  size_t line = shape.width * channels;
  for (size_t y = 0; y < size_t(rows) * shape.height; ++y) {
    uint8_t *left = images.data() + y * line;
    uint8_t *right = left + line - channels;
    for (; left < right; left += channels, right -= channels)
      std::swap_ranges(left, left + channels, right);
  }
}

double norm(std::span<const float> row) {
  double sum = 0;
  for (float value : row)
    sum += double{value} * value;
  return std::sqrt(sum);
}

/// One rank's part of the work.
class Shard {
public:
  Shard(const VerificationSet &set, const PairsEvaluatorOptions &options,
        const EmbedBatch &embed)
      : set(set), options(options), embed(embed),
        total(static_cast<int64_t>(set.images.size())),
        perRank((total + options.worldSize - 1) / options.worldSize),
        images(options.batch * options.input.bytes()),
        embeddings(options.batch * options.dim),
        rows(perRank * (options.dim + 1)) {}

  /// [perRank, dim + 1]: the embedding, then the mean length over passes.
  /// Rows beyond the set stay 0.
  std::vector<float> run() {
    // Every rank runs as many batches as the first, an empty one if need be:
    // the network may contain collectives.
    for (int64_t done = 0; done < perRank; done += options.batch) {
      int64_t first = options.rank * perRank + done;
      int64_t last = std::min(
          {first + options.batch, (options.rank + 1) * perRank, total});
      runBatch(first, std::max<int64_t>(last - first, 0), done);
    }
    return std::move(rows);
  }

private:
  void runBatch(int64_t first, int64_t count, int64_t row) {
    std::fill(images.begin() + count * options.input.bytes(), images.end(), 0);
    decodeBatch(first, count);
    pass(count, row);
    if (!options.flipTest)
      return;
    mirror(images, count, options.input);
    pass(count, row);
  }

  void decodeBatch(int64_t first, int64_t count) {
    auto decode = [&](int thread) {
      for (int64_t i = thread; i < count; i += options.decodeThreads)
        decodeOne(first + i, i);
    };
    std::vector<std::future<void>> others;
    for (int thread = 1; thread < options.decodeThreads; ++thread)
      others.push_back(std::async(std::launch::async, decode, thread));
    decode(0);
    for (std::future<void> &other : others)
      other.get();
  }

  void decodeOne(int64_t index, int64_t slot) {
    size_t bytes = options.input.bytes();
    try {
      decodePicture(set, index, options.input,
                    std::span(images).subspan(slot * bytes, bytes));
    } catch (const std::exception &error) {
      fail("verification set {}: picture {}: {}", set.name, index,
           error.what());
    }
  }

  /// Adds one pass over the batch to the rows from `row` on.
  void pass(int64_t count, int64_t row) {
    embed(images, count, embeddings);
    float share = options.flipTest ? 0.5f : 1.0f;
    for (int64_t i = 0; i < count; ++i) {
      auto from = std::span(embeddings).subspan(i * options.dim, options.dim);
      float *to = &rows[(row + i) * (options.dim + 1)];
      for (int64_t k = 0; k < options.dim; ++k)
        to[k] += from[k];
      to[options.dim] += share * static_cast<float>(norm(from));
    }
  }

  const VerificationSet &set;
  const PairsEvaluatorOptions &options;
  const EmbedBatch &embed;
  int64_t total, perRank;
  std::vector<uint8_t> images;
  std::vector<float> embeddings;
  std::vector<float> rows;
};

} // namespace

VerificationResult evaluatePairs(const VerificationSet &set,
                                 const PairsEvaluatorOptions &options,
                                 const EmbedBatch &embed,
                                 const AllGatherFloats &allGather) {
  require(options.batch > 0 && options.dim > 0 && options.decodeThreads > 0 &&
              options.input.bytes() > 0,
          "verification set {}: batch, embedding size, decoding threads and "
          "input size must be positive",
          set.name);
  std::vector<float> local = Shard(set, options, embed).run();
  std::vector<float> all(local.size() * options.worldSize);
  allGather(local, all);

  // Ranks' parts follow each other, so the first 2n rows are the set's.
  int64_t total = static_cast<int64_t>(set.images.size());
  std::vector<float> embeddings;
  embeddings.reserve(total * options.dim);
  double lengths = 0;
  for (int64_t i = 0; i < total; ++i) {
    auto row = std::span(all).subspan(i * (options.dim + 1), options.dim + 1);
    embeddings.insert(embeddings.end(), row.begin(), row.end() - 1);
    lengths += row.back();
  }
  VerificationResult result =
      evaluateVerification(embeddings, options.dim, set.same);
  result.name = set.name;
  result.xnorm = lengths / total;
  return result;
}

} // namespace pfc::rt
