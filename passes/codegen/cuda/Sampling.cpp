#include "passes/codegen/cuda/Sampling.h"

#include "dialects/pfc/ir/KernelBuilder.h"
#include "passes/codegen/cuda/SampleLocalCenters.h"

using namespace mlir;

namespace pfc::cuda {

/// The labels are sorted in shared memory, 4 bytes each.
static constexpr int64_t kMostLabels = 8192;

LogicalResult buildSamplingBlock(SampleLocalCentersOp op, OpBuilder &builder,
                                 ValueRange operands, ValueRange results) {
  int64_t labels =
      cast<RankedTensorType>(op.getLabels().getType()).getDimSize(0);
  if (labels > kMostLabels)
    return op.emitOpError("has a batch of ")
           << labels << " over all ranks: sampling on CUDA takes up to "
           << kMostLabels;
  return buildSampling(op, kSampleLocalCentersText, builder, operands, results);
}

} // namespace pfc::cuda
