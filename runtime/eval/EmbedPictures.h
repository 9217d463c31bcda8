//===- EmbedPictures.h - All ranks embed a set of pictures ------*- C++ -*-===//
//
// Pictures are embedded in rounds: in round k rank r of W takes pictures
//   (k W + r) B .. (k W + r + 1) B - 1
// as one batch of B, and the embeddings are gathered on every rank, which so
// come in the order of the pictures. Where mirroring is used, a picture's
// embedding is
//   e = f(picture) + f(picture mirrored left to right).
// The pictures of the next round are decoded while the network runs.
//
// Neither devices nor communicators are known here: there are two functions.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_EMBEDPICTURES_H
#define PFC_RUNTIME_EVAL_EMBEDPICTURES_H

#include "runtime/data/ImageCodec.h"

#include <cstdint>
#include <functional>
#include <span>

namespace pfc::rt {

/// Pictures 0 .. size()-1. All const functions are thread-safe.
class Pictures {
public:
  virtual ~Pictures() = default;

  virtual int64_t size() const = 0;

  /// Fills `pixels`, which holds input.bytes(). Throws an Error that says which
  /// picture it is and what is wrong with it.
  virtual void read(int64_t index, data::ImageShape input,
                    std::span<uint8_t> pixels) const = 0;
};

/// Embeds a batch with the network in evaluation mode. `images` is u8 NHWC,
/// always [batch, height, width, channels]; its first `rows` pictures are real
/// and the rest zero. Fills the first `rows` rows of `embeddings`, [batch,
/// dim].
using EmbedBatch =
    std::function<void(std::span<const uint8_t> images, int64_t rows,
                       std::span<float> embeddings)>;

/// Gathers `local`, of one size on every rank, into `all` in rank order.
using AllGatherFloats =
    std::function<void(std::span<const float> local, std::span<float> all)>;

struct EmbedOptions {
  data::ImageShape input; ///< the network's
  int64_t batch = 1;
  int64_t dim = 0;      ///< embedding size
  bool flipTest = true; ///< add the mirrored picture's embedding
  int rank = 0;
  int worldSize = 1;
  int decodeThreads = 1;
};

/// Consecutive pictures' embeddings.
class EmbeddedRows {
public:
  EmbeddedRows(int64_t first, int64_t count, int64_t dim,
               std::span<const float> rows)
      : firstPicture(first), rows(count), dim(dim), values(rows) {}

  int64_t first() const { return firstPicture; }
  int64_t count() const { return rows; }
  /// Of picture first() + i, [dim].
  std::span<const float> embedding(int64_t i) const {
    return values.subspan(i * (dim + 1), dim);
  }
  /// Its mean length over the passes.
  float length(int64_t i) const { return values[(i + 1) * (dim + 1) - 1]; }

private:
  int64_t firstPicture, rows, dim;
  std::span<const float> values; ///< [count, dim + 1]
};

using TakeRows = std::function<void(const EmbeddedRows &)>;

/// Embeds all of `pictures` and hands them to `take`, in order, on every rank.
/// Collective: every rank calls it with the same pictures, and `embed` and
/// `allGather` run equally often on every rank.
void embedPictures(const Pictures &pictures, const EmbedOptions &options,
                   const EmbedBatch &embed, const AllGatherFloats &allGather,
                   const TakeRows &take);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_EMBEDPICTURES_H
