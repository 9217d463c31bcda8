//===- TorchStep.h - arcface_torch's step, tensor by tensor -----*- C++ -*-===//
//
// insightface recognition/arcface_torch of July 2021 (partial_fc.py, ArcFace of
// losses.py, train.py, backbones/iresnet.py) on PyTorch 1.6 to 1.9: every
// tensor is made and dropped in the order in which Python and autograd do it,
// in PyTorch's allocator. What that comes to is what the framework's source
// says, and nothing is fitted: memory, and the traffic of the head.
//
// cudnn.benchmark is on (train.py), and decides what segments there are: at a
// convolution's first product of a kind PyTorch takes the workspace of the
// neediest algorithm, tries all, and empties its cache while that workspace is
// still in use (Conv_v7.cpp, findAlgorithms). So the first step leaves segments
// of several activations, and gives back nearly all that the head took.
// The workspaces are those of cuDNN 7.6.5 on a V100, which PyTorch's packages
// of those versions for CUDA 10.2 have. It was asked for those of all its
// algorithms for r50's convolutions, of 64 and of 128 images; of the neediest
// the formulas give each to the 2 MiB of a segment. In how many parts a
// filter's gradient is summed is listed, as no rule for it was found; for other
// shapes it is taken to be one. The algorithm that is chosen is taken to be the
// one for tensor cores, for all three products; one without a workspace would
// move a row by 10 MiB, one row by 130.
//
// Held against PyTorch: 1.8.1 ran arcface_torch's step on a stand-in for the
// CUDA runtime, which says that it is a V100, hands out addresses and computes
// nothing. Its allocator held within 25 MiB of what is simulated here for all
// published rows of model parallel and Partial FC (check_pytorch.py has them);
// of nine of them 1.6.0, 1.7.1 and 1.9.0 held the same to 20 MiB.
//
// Three things make the head's memory: an operation in place on what autograd
// needs copies it first; a derivative is one C++ expression, whose temporaries
// all live to its end (acos: 6); what two uses of a tensor give is added into a
// third tensor.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_SIMULATE_TORCHSTEP_H
#define TOOLS_PFCC_SIMULATE_TORCHSTEP_H

#include "EagerNetwork.h"
#include "tools/pfcc/explain/PeerHead.h"

namespace pfc::simulate {

/// A rank's share of a job.
struct TorchJob {
  explain::HeadShape head;
  bool sampled = false; ///< whether rows are chosen and copied in a step
  bool half = true;     ///< the backbone under autocast to fp16
  int64_t images = 0;   ///< a step
  int64_t owned = 0;    ///< of the whole batch: their classes are this rank's
};

/// Bytes that the allocator holds after the first steps: of the backbone alone
/// (parameters, gradients, momentum, DDP's buckets, activations) and with the
/// head. Not the CUDA context, nor what cuDNN and NCCL take.
int64_t torchBackboneMemory(const EagerNetwork &network, int64_t images,
                            bool half);
int64_t torchMemory(const EagerNetwork &network, const TorchJob &job);

/// What the head reads and writes; `ownedPasses` is not set.
explain::HeadChain torchHeadChain(bool sampled);

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_TORCHSTEP_H
