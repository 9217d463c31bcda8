//===- ChannelRuns.h - Ops on channels, one behind another ------*- C++ -*-===//
//
// Around each pass over activations stand ops on a number or some hundred a
// channel: the groups' statistics are merged, scaled, made into coefficients.
// Each is nothing for a GPU but its launch. Where what an op does for a channel
// needs nothing of another channel, a run of them can be one kernel, in which a
// block has some channels and does one op of the run after another. The same
// holds for an image's channels: of sums over its pixels, the first is where
// the next looks for the mean.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_CUDA_CHANNELRUNS_H
#define PASSES_CODEGEN_CUDA_CHANNELRUNS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace pfc::cuda {

/// By what blocks share the work of an op that may be part of a run: by
/// `channels`, its last loop, where the rest is at most some thousand steps; or
/// by channels of `images`, its first loop, where the rest are an image's
/// pixels, over which it sums. These loops are parallel and index the results.
struct RunForm {
  int64_t images = 0, channels = 0; ///< 0: of no run
  bool ofImages() const { return images > 1; }
  explicit operator bool() const { return channels > 0; }
  bool operator==(const RunForm &) const = default;

  /// Whether a channel touches nothing of another, of an image of another,
  /// through `map`.
  bool isOwn(mlir::AffineMap map) const;
};
/// That of `op`; false if it can be part of none.
RunForm runFormOf(mlir::linalg::GenericOp op);

/// Moves small ops on channels up to those that they need, if these have as
/// many and nothing between them is needed, so that they make runs.
void gatherChannelOps(mlir::func::FuncOp function);

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_CHANNELRUNS_H
