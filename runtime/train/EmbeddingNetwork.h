//===- EmbeddingNetwork.h - Pictures to embeddings --------------*- C++ -*-===//
//
// Runs the plan's "embed" program (input "images" u8 [B, H, W, C], output
// "embeddings" f32 [B, D]) over pictures, all ranks sharing the work.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_EMBEDDINGNETWORK_H
#define PFC_RUNTIME_TRAIN_EMBEDDINGNETWORK_H

#include "runtime/eval/EmbedPictures.h"
#include "runtime/train/Job.h"

namespace pfc::rt {

class EmbeddingNetwork {
public:
  /// `flipTest` adds the mirrored picture's embedding. Throws an Error where
  /// the plan has no such program.
  EmbeddingNetwork(Job &job, bool flipTest);

  const EmbedOptions &options() const { return settings; }

  /// Gives all ranks rank 0's running statistics. Without sync_batch_norm each
  /// rank has its own; the network that is verified and saved has rank 0's, as
  /// in DDP. Collective.
  void shareStatistics();

  /// embed() and gather(), as embedPictures takes them.
  EmbedBatch embedder();
  AllGatherFloats gatherer();

private:
  void embed(std::span<const uint8_t> images, int64_t rows,
             std::span<float> embeddings);
  void gather(std::span<const float> local, std::span<float> all);

  Job &job;
  EmbedOptions settings;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_EMBEDDINGNETWORK_H
