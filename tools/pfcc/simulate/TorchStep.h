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
// The workspaces are counted: NVIDIA's sample mnistCUDNN prints, at 16 bits
// too, 676·(C·K + 16·tiles·(C + K)) bytes for Winograd's algorithm, images
// rounded up to 16, tiles of 9 x 9 outputs from 13 x 13 inputs for a filter of
// 5 x 5; for 3 x 3 they are 4 x 4 from 6 x 6. FFT has its complex spectra, to 4
// % of what is printed for 28 x 28; for 12 x 12 half of it. That FFT in tiles
// is not among the algorithms is what the fitted rows say (4.3 % rms with
// it, 1.0 % without; 1.5 % without any FFT). The workspace of the algorithm
// that is chosen is left out: the fitted rows can't tell.
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
