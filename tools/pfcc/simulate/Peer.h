//===- Peer.h - A framework's training step, simulated ----------*- C++ -*-===//
//
// For b images a rank, B of all W ranks, n classes of a rank, S of them
// sampled, d dimensions, and the constants of peers.toml:
//
//   memory   base + what the allocator holds, where the step is traced
//            (TorchStep.h); with every class on every rank (which
//            arcface_torch's source has not) base + the allocator's for the
//            backbone + 8·d·n (W, momentum) + data_buffers·4·d·n. Else
//            base + b·kept + 8·d·n + 8·d·S (copies, if sampled)
//            + row_buffers·4·d·S + logit_buffers·4·B·S
//   time     max(backbone, sums of gradients) + head
//   backbone   b·(FLOP / (conv·rate) + passes / bandwidth) + kernels·kernel_us
//   sums       all_reduce: StepCost.h; of W's only where every rank has all
//              classes
//   head       PeerHead.h, with the framework's counts, at the rates of
//              machines.toml
//
// The gradients' sums are taken to go on under the whole backbone, forward too:
// the two published rows that the network bounds have the same time left for
// 32 and for 64 images a rank.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_SIMULATE_PEER_H
#define TOOLS_PFCC_SIMULATE_PEER_H

#include "Constants.h"
#include "EagerNetwork.h"

namespace pfc::simulate {

/// How class centers are held: all on every rank; split over the ranks; split,
/// and some of them sampled for a step.
enum class Method { Data, Model, Sampled };
constexpr Method methods[] = {Method::Data, Method::Model, Method::Sampled};

/// "data parallel", "model parallel", "Partial FC"
const char *methodName(Method method);

struct PeerJob {
  Method method = Method::Model;
  bool half = true; ///< 16 bits where the framework can
  int64_t ranks = 1, wholeBatch = 0, classes = 0, dimensions = 512;
  double sampleRate = 1; ///< if sampled
  /// Images of the whole batch whose class is one of the rank's: a W-th, but
  /// for synthetic data, and the most that a rank has, for which all wait.
  std::optional<int64_t> owned, mostOwned;
};

/// Seconds of a step.
struct PeerRun {
  double backbone = 0, head = 0;
  double gradients = 0, centerGradients = 0; ///< their sums

  double seconds() const {
    return std::max(backbone, gradients + centerGradients) + head;
  }
  /// What takes most of the step: "backbone", "network", "head".
  const char *bound() const;
};

/// Nothing where the framework's convolutions weren't measured at that
/// precision. `machine` is connected (Constants).
std::optional<PeerRun> simulatePeer(const Constants &constants,
                                    const std::string &framework,
                                    const EagerNetwork &network,
                                    const PeerJob &job,
                                    const explain::Machine &machine);

/// Bytes of a rank.
double peerMemory(const Constants &constants, const std::string &framework,
                  const EagerNetwork &network, const PeerJob &job);

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_PEER_H
