//===- PairsEvaluator.h - Embeds a verification set -------------*- C++ -*-===//
//
// Verification sets are embedded by all ranks together: rank r of W takes the
// r-th contiguous part of the 2n pictures in batches of one fixed size, and
// the embeddings are gathered on every rank, so that all ranks return the same
// result. Where mirroring is used, a picture's embedding is
//   e = f(picture) + f(picture mirrored left to right).
//
// A picture whose size is not the network's input size is resized bilinearly
// (Resize.h) to it. Its aspect ratio is not kept: the field's sets are square,
// and a set that is not is to be cropped before. No alignment is done.
//
// The evaluator knows neither devices nor communicators: it is given two
// functions.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_PAIRSEVALUATOR_H
#define PFC_RUNTIME_EVAL_PAIRSEVALUATOR_H

#include "runtime/data/ImageCodec.h"
#include "runtime/eval/Verification.h"
#include "runtime/eval/VerificationSet.h"

#include <functional>

namespace pfc::rt {

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

struct PairsEvaluatorOptions {
  data::ImageShape input; ///< the network's
  int64_t batch = 1;
  int64_t dim = 0;      ///< embedding size
  bool flipTest = true; ///< add the mirrored picture's embedding
  int rank = 0;
  int worldSize = 1;
  int decodeThreads = 1;
};

/// Runs the ten-fold protocol on `set`. Collective: every rank calls it with
/// the same set, and `embed` runs equally often on every rank.
VerificationResult evaluatePairs(const VerificationSet &set,
                                 const PairsEvaluatorOptions &options,
                                 const EmbedBatch &embed,
                                 const AllGatherFloats &allGather);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_PAIRSEVALUATOR_H
