//===- SamplingKernel.h - The sampler's kernel from its texts ---*- C++ -*-===//
#ifndef DIALECTS_PFC_IR_SAMPLINGKERNEL_H
#define DIALECTS_PFC_IR_SAMPLINGKERNEL_H

#include "dialects/pfc/ir/PfcDialect.h"

namespace pfc {

/// MLIR text whose words in braces stand for sizes and for one another
/// (kernels/sample_local_centers.mlir says which).
struct SamplingTexts {
  llvm::StringRef frame, sort;
  llvm::StringRef keys, permutation; ///< the ways to draw
};

/// The body of `op` on `operands` and `results`, its buffers; what it calls is
/// added to the builder's module.
llvm::LogicalResult buildSampling(SampleLocalCentersOp op,
                                  const SamplingTexts &texts,
                                  mlir::OpBuilder &builder,
                                  mlir::ValueRange operands,
                                  mlir::ValueRange results);

} // namespace pfc

#endif // DIALECTS_PFC_IR_SAMPLINGKERNEL_H
