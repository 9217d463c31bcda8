#include "runtime/eval/EmbedPictures.h"

#include "runtime/base/Error.h"
#include "runtime/base/ParallelFor.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <system_error>
#include <vector>

namespace pfc::rt {
namespace {

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

/// One rank's batches.
class Shard {
public:
  Shard(const Pictures &pictures, const EmbedOptions &options,
        const EmbedBatch &embed)
      : pictures(pictures), options(options), embed(embed),
        total(pictures.size()), embeddings(options.batch * options.dim) {}

  struct Batch {
    std::vector<uint8_t> images; ///< [batch, height, width, channels]
    int64_t rows = 0;            ///< pictures among them; the rest is zero
  };

  Batch decode(int64_t round) const {
    Batch batch;
    batch.images.resize(options.batch * options.input.bytes());
    int64_t first = (round * options.worldSize + options.rank) * options.batch;
    batch.rows = std::clamp<int64_t>(total - first, 0, options.batch);
    size_t bytes = options.input.bytes();
    parallelFor(options.decodeThreads, batch.rows, [&](int, int64_t i) {
      pictures.read(first + i, options.input,
                    std::span(batch.images).subspan(i * bytes, bytes));
    });
    return batch;
  }

  /// Fills `rows` [batch, dim + 1]: the embedding, then the mean length over
  /// passes; 0 where there is no picture.
  void run(Batch &batch, std::span<float> rows) {
    std::fill(rows.begin(), rows.end(), 0.0f);
    // A batch without pictures is run as well: the network may contain
    // collectives.
    pass(batch, rows);
    if (!options.flipTest)
      return;
    mirror(batch.images, batch.rows, options.input);
    pass(batch, rows);
  }

private:
  void pass(const Batch &batch, std::span<float> rows) {
    embed(batch.images, batch.rows, embeddings);
    float share = options.flipTest ? 0.5f : 1.0f;
    for (int64_t i = 0; i < batch.rows; ++i) {
      auto from = std::span(embeddings).subspan(i * options.dim, options.dim);
      float *to = &rows[i * (options.dim + 1)];
      for (int64_t k = 0; k < options.dim; ++k)
        to[k] += from[k];
      to[options.dim] += share * static_cast<float>(norm(from));
    }
  }

  const Pictures &pictures;
  const EmbedOptions &options;
  const EmbedBatch &embed;
  int64_t total;
  std::vector<float> embeddings;
};

/// Decodes beside this thread, or when it is asked for where the system has no
/// thread left.
std::future<Shard::Batch> decodeLater(const Shard &shard, int64_t round) {
  auto decode = [&shard, round] { return shard.decode(round); };
  try {
    return std::async(std::launch::async, decode);
  } catch (const std::system_error &) {
    return std::async(std::launch::deferred, decode);
  }
}

} // namespace

void embedPictures(const Pictures &pictures, const EmbedOptions &options,
                   const EmbedBatch &embed, const AllGatherFloats &allGather,
                   const TakeRows &take) {
  require(options.batch > 0 && options.dim > 0 && options.decodeThreads > 0 &&
              options.input.bytes() > 0,
          "batch, embedding size, decoding threads and input size must be "
          "positive");
  int64_t total = pictures.size();
  int64_t perRound = options.batch * options.worldSize;
  int64_t rounds = (total + perRound - 1) / perRound;
  std::vector<float> local(options.batch * (options.dim + 1));
  std::vector<float> all(local.size() * options.worldSize);

  Shard shard(pictures, options, embed);
  std::future<Shard::Batch> next;
  if (rounds > 0)
    next = decodeLater(shard, 0);
  for (int64_t round = 0; round < rounds; ++round) {
    Shard::Batch batch = next.get();
    if (round + 1 < rounds)
      next = decodeLater(shard, round + 1);
    shard.run(batch, local);
    allGather(local, all);
    int64_t first = round * perRound;
    take({first, std::min(perRound, total - first), options.dim, all});
  }
}

} // namespace pfc::rt
