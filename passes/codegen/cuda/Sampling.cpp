#include "passes/codegen/cuda/Sampling.h"

#include "dialects/pfc/ir/KernelBuilder.h"
#include "passes/codegen/cuda/SampleLocalCenters.h"

using namespace mlir;

namespace pfc::cuda {

LogicalResult buildSamplingBlock(SampleLocalCentersOp op, OpBuilder &builder,
                                 ValueRange operands, ValueRange results) {
  return buildSampling(op, kSampleLocalCentersText, builder, operands, results);
}

} // namespace pfc::cuda
