//===- Sampling.h - The sampler as one block's code -------------*- C++ -*-===//
#ifndef PASSES_CODEGEN_CUDA_SAMPLING_H
#define PASSES_CODEGEN_CUDA_SAMPLING_H

#include "dialects/pfc/ir/PfcDialect.h"

namespace pfc::cuda {

constexpr int64_t kSamplingThreads = 1024;

/// The body of `op` (sample_local_centers.mlir) for a block of that many
/// threads, in upstream dialects: the same indices as the CPU's, to the bit.
llvm::LogicalResult buildSamplingBlock(SampleLocalCentersOp op,
                                       mlir::OpBuilder &builder,
                                       mlir::ValueRange operands,
                                       mlir::ValueRange results);

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_SAMPLING_H
