//===- ChannelRuns.h - Small ops on channels, one behind another -*- C++
//-*-===//
//
// Around each pass over activations stand ops on a number or some hundred a
// channel: the groups' statistics are merged, scaled, made into coefficients.
// Each is nothing for a GPU but its launch. Where what an op does for a channel
// needs nothing of another channel, a run of them can be one kernel, in which a
// block has some channels and does one op of the run after another.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_CUDA_CHANNELRUNS_H
#define PASSES_CODEGEN_CUDA_CHANNELRUNS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace pfc::cuda {

/// The channels of an op that may be part of a run: its last loop, which is
/// parallel and indexes its results; before it are reductions of at most some
/// thousand steps. 0 for other ops.
int64_t channelsOf(mlir::linalg::GenericOp op);

/// Whether channel c touches nothing but channel c through `map`, of an op with
/// channels.
bool touchesOwnChannel(mlir::AffineMap map);

/// Moves ops with channels up to those that they need, if these have as many
/// and nothing between them is needed, so that they make runs.
void gatherChannelOps(mlir::func::FuncOp function);

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_CHANNELRUNS_H
