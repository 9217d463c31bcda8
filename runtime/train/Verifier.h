//===- Verifier.h - Verifies the network as it is now -----------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_VERIFIER_H
#define PFC_RUNTIME_TRAIN_VERIFIER_H

#include "runtime/eval/PairsEvaluator.h"
#include "runtime/train/EmbeddingNetwork.h"

#include <optional>
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
  Job &job;
  std::vector<VerificationSet> sets;
  std::optional<EmbeddingNetwork> network; ///< none without sets
};

/// Where the set `name` of a spec lies in the data folder: DIR/name or
/// DIR/name.bin.
std::string verificationPath(const std::string &dataDir,
                             const std::string &name);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_VERIFIER_H
