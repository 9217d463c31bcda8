//===- PairsEvaluator.h - Embeds a verification set -------------*- C++ -*-===//
//
// A verification set's pictures are embedded by all ranks together
// (EmbedPictures.h), and all ranks return the same result.
//
// A picture whose size is not the network's input size is resized bilinearly
// (Resize.h) to it. Its aspect ratio is not kept: the field's sets are square,
// and a set that is not is to be cropped before. No alignment is done.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_PAIRSEVALUATOR_H
#define PFC_RUNTIME_EVAL_PAIRSEVALUATOR_H

#include "runtime/eval/EmbedPictures.h"
#include "runtime/eval/Verification.h"
#include "runtime/eval/VerificationSet.h"

namespace pfc::rt {

/// Runs the ten-fold protocol on `set`. Collective: every rank calls it with
/// the same set, and `embed` runs equally often on every rank.
VerificationResult evaluatePairs(const VerificationSet &set,
                                 const EmbedOptions &options,
                                 const EmbedBatch &embed,
                                 const AllGatherFloats &allGather);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_PAIRSEVALUATOR_H
