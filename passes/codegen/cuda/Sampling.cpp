#include "passes/codegen/cuda/Sampling.h"

#include "dialects/pfc/ir/SamplingKernel.h"
#include "passes/codegen/cuda/DrawKeys.h"
#include "passes/codegen/cuda/DrawPermutation.h"
#include "passes/codegen/cuda/SampleLocalCenters.h"
#include "passes/codegen/cuda/SortColumns.h"

using namespace mlir;

namespace pfc::cuda {

LogicalResult buildSamplingBlock(SampleLocalCentersOp op, OpBuilder &builder,
                                 ValueRange operands, ValueRange results) {
  SamplingTexts texts{kSampleLocalCentersText, kSortColumnsText, kDrawKeysText,
                      kDrawPermutationText};
  return buildSampling(op, texts, builder, operands, results);
}

} // namespace pfc::cuda
