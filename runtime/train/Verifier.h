//===- Verifier.h - Verifies the network as it is now -----------*- C++ -*-===//
//
// Runs the plan's "embed" program (input "images" u8 [B, H, W, C], output
// "embeddings" f32 [B, D]) over verification sets, all ranks sharing the work.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_VERIFIER_H
#define PFC_RUNTIME_TRAIN_VERIFIER_H

#include "runtime/eval/PairsEvaluator.h"
#include "runtime/train/Job.h"

#include <string>
#include <vector>

namespace pfc::rt {

class Verifier {
public:
  /// Reads the sets; `flipTest` adds the mirrored picture's embedding.
  Verifier(Job &job, const std::vector<std::string> &paths, bool flipTest);

  bool empty() const { return sets.empty(); }

  /// One result a set, the same on every rank. Collective.
  std::vector<VerificationResult> verify();

private:
  void embed(std::span<const uint8_t> images, int64_t rows,
             std::span<float> embeddings);
  void gather(std::span<const float> local, std::span<float> all);
  void shareStatistics();

  Job &job;
  std::vector<VerificationSet> sets;
  PairsEvaluatorOptions options;
};

/// Where the set `name` of a spec lies in the data folder: DIR/name or
/// DIR/name.bin.
std::string verificationPath(const std::string &dataDir,
                             const std::string &name);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_VERIFIER_H
