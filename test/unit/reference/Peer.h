//===- Peer.h - Five steps of InsightFace's PartialFC_V2 --------*- C++ -*-===//
//
// What PartialFC_V2 (arcface_torch @7fadd420, partial_fc_v2.py, losses.py;
// PyTorch 1.13 in fp32 on one CPU, gloo) computes for 1000 classes, 64
// dimensions, batch 16, s = 64, SGD with lr 0.1, momentum 0.9, weight decay
// 5e-4, all classes sampled. One and two ranks agree to fp32's rounding. It
// updates all rows, and its ArcFace gradient is straight through.
//
// It takes max(p, 1e-30) of the target's probability p before the logarithm, so
// a row's loss ends at 69.08; here some rows lie beyond, and its loss (not its
// gradient) is below ours. The comparison does the same from the rows'
// statistics.
//
// Inputs are u(seed, i) of a splitmix64 hash, in [0, 1):
//   W0 = (2u − 1)·0.02, seed 1; X_t = 2u − 1, seed 100 + t;
//   y_t = ⌊u·1000⌋, seed 200 + t; steps t = 0 … 4.
//
//===----------------------------------------------------------------------===//
#ifndef TEST_UNIT_REFERENCE_PEER_H
#define TEST_UNIT_REFERENCE_PEER_H

#include "dialects/pfc/reference/Tensor.h"
#include "test/unit/reference/HeadGraph.h"
#include <iosfwd>

namespace pfc::reference {

struct PeerRecording {
  const char *name;
  double m2, m3, filter;
  double loss[5], centersGrad[5], embeddingsGrad[5]; ///< norms of gradients
  double sum, squares;                               ///< of W after five steps
};

/// ArcFace, CosFace, and ArcFace with inter-class filtering.
extern const PeerRecording peerRecordings[3];
constexpr int64_t peerSteps = 5;
constexpr double peerTolerance = 1e-5; ///< of fp32

void PrintTo(const PeerRecording &recording, std::ostream *os);

/// The peer's head on `ranks`.
HeadGraph peerHead(const PeerRecording &recording, int64_t ranks);

/// W before the first step.
Tensor peerCenters();

/// Inputs of HeadGraph at `step`.
TensorMap peerInputs(int64_t step);

/// Fails the test where HeadGraph's outputs at `step` are not the peer's.
void expectPeerStep(const PeerRecording &recording, const TensorMap &outputs,
                    int64_t step, double tolerance = peerTolerance);

/// The same for W after all steps.
void expectPeerCenters(const PeerRecording &recording, const Tensor &centers,
                       double tolerance = peerTolerance);

} // namespace pfc::reference

#endif // TEST_UNIT_REFERENCE_PEER_H
