//===- Network.cpp - Constraints of ops/Network.td ------------------------===//
#include "dialects/pfc/ir/verify/Shapes.h"

using namespace mlir;
using namespace pfc::verify;

namespace pfc {

/// Checks the three tensors of a convolution, whichever op they belong to.
static LogicalResult verifyConv(Operation *op, ArrayRef<int64_t> input,
                                ArrayRef<int64_t> filter,
                                ArrayRef<int64_t> output, int64_t stride,
                                int64_t padding) {
  if (input.size() != 4 || filter.size() != 4 || output.size() != 4)
    return op->emitOpError("takes NHWC activations and OHWI filters, all of "
                           "four dimensions");
  if (stride < 1 || padding < 0)
    return op->emitOpError("needs stride >= 1 and padding >= 0");
  if (filter[3] < 1 || input[3] % filter[3] != 0) // (C1)
    return op->emitOpError("filter has ")
           << filter[3] << " input channels but the input has " << input[3];
  int64_t groups = input[3] / filter[3];
  if (groups < 1 || filter[0] % groups != 0) // (C1)
    return op->emitOpError("has ")
           << filter[0] << " filters for " << groups << " groups of channels";
  if (input[1] + 2 * padding < filter[1] || input[2] + 2 * padding < filter[2])
    return op->emitOpError("has a filter larger than the padded input");
  auto extent = [&](int64_t in, int64_t kernel) {
    return (in + 2 * padding - kernel) / stride + 1;
  };
  SmallVector<int64_t> expected{input[0], extent(input[1], filter[1]),
                                extent(input[2], filter[2]), filter[0]};
  if (output != ArrayRef<int64_t>(expected)) // (C2)
    return op->emitOpError("output shape must be [")
           << expected[0] << ", " << expected[1] << ", " << expected[2] << ", "
           << expected[3] << "]";
  return success();
}

LogicalResult Conv2dOp::verify() {
  return verifyConv(*this, shapeOf(getInput()), shapeOf(getFilter()),
                    shapeOf(getOutput()), getStride(), getPadding());
}

LogicalResult Conv2dInputGradOp::verify() {
  return verifyConv(*this, shapeOf(getInputGrad()), shapeOf(getFilter()),
                    shapeOf(getOutputGrad()), getStride(), getPadding());
}

LogicalResult Conv2dFilterGradOp::verify() {
  return verifyConv(*this, shapeOf(getInput()), shapeOf(getFilterGrad()),
                    shapeOf(getOutputGrad()), getStride(), getPadding());
}

/// Statistics [G,C] for an input [B,…,C] with G dividing B.
static LogicalResult verifyStats(Operation *op, ArrayRef<int64_t> input,
                                 Value stats) {
  ArrayRef<int64_t> shape = shapeOf(stats);
  if (input.size() < 2 || shape.size() != 2)
    return op->emitOpError("takes an input [B,…,C] and statistics [G,C]");
  if (shape[1] != input.back())
    return op->emitOpError("statistics are of ")
           << shape[1] << " channels but the input has " << input.back();
  if (shape[0] < 1 || input[0] % shape[0] != 0)
    return op->emitOpError("the number of groups (")
           << shape[0] << ") must divide the batch (" << input[0] << ")";
  return success();
}

LogicalResult BatchStatsOp::verify() {
  return verifyStats(*this, shapeOf(getInput()), getMean());
}

LogicalResult MergeStatsOp::verify() {
  ArrayRef<int64_t> in = shapeOf(getMean()), out = shapeOf(getMergedMean());
  if (in.size() != 2 || out.size() != 2 || out[0] != 1 || in[1] != out[1])
    return emitOpError("merges statistics [G,C] to [1,C]");
  return success();
}

LogicalResult BatchNormOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyStats(*this, input, getMean())) ||
      failed(verifyPerChannel(*this, input, getGamma(), "gamma")))
    return failure();
  return success();
}

LogicalResult BatchNormGradStatsOp::verify() {
  return verifyStats(*this, shapeOf(getInput()), getMean());
}

LogicalResult BatchNormGradOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyStats(*this, input, getMean())) ||
      failed(verifyPerChannel(*this, input, getGamma(), "gamma")))
    return failure();
  if (getCount() < 1)
    return emitOpError("count must be the number of elements of a statistic");
  return success();
}

LogicalResult PReluGradOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getSlope(), "slope");
}

LogicalResult PReluSlopeGradOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getSlopeGrad(),
                          "slope_grad");
}

LogicalResult AddBiasOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getBias(), "bias");
}

LogicalResult ChannelSumOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getOutput(), "output");
}

LogicalResult SumGroupsOp::verify() {
  if (failed(verifyMatrix(*this, getInput(), "input")))
    return failure();
  return verifyPerChannel(*this, shapeOf(getInput()), getOutput(), "output");
}

LogicalResult PReluOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getSlope(), "slope");
}

LogicalResult ScalePixelsOp::verify() {
  return verifyShape(*this, getOutput(), "output", shapeOf(getInput()));
}

LogicalResult CastOp::verify() {
  return verifyShape(*this, getOutput(), "output", shapeOf(getInput()));
}

LogicalResult DropoutOp::verify() {
  double rate = getRate().convertToDouble();
  if (!(rate >= 0.0 && rate < 1.0))
    return emitOpError("rate must be in [0, 1)");
  if (failed(verifyMatrix(*this, getInput(), "input")))
    return failure();
  return verifyShape(*this, getStep(), "step", {1});
}

LogicalResult ReshapeOp::verify() {
  auto in = cast<RankedTensorType>(getInput().getType());
  auto out = cast<RankedTensorType>(getOutput().getType());
  if (in.getElementType() != out.getElementType() ||
      in.getNumElements() != out.getNumElements()) // (C1)
    return emitOpError("must keep the element type and count");
  auto [fewer, more] = std::minmax({in.getDimSize(0), out.getDimSize(0)});
  if (more % fewer != 0) // (C2)
    return emitOpError("must merge or split rows of dimension 0, not make ")
           << out.getDimSize(0) << " of " << in.getDimSize(0);
  return success();
}

LogicalResult MatmulOp::verify() {
  ArrayRef<int64_t> lhs = shapeOf(getLhs()), rhs = shapeOf(getRhs()),
                    result = shapeOf(getResult());
  if (lhs.size() != rhs.size() || rhs.size() != result.size() ||
      (lhs.size() != 2 && lhs.size() != 3))
    return emitOpError("takes matrices, or as many of each");
  if (isBatched()) {
    if (getAddend()) // (C4)
      return emitOpError("for each g has no addend");
    if (lhs[0] != result[0] || rhs[0] != result[0]) // (C4)
      return emitOpError("of ") << lhs[0] << " by " << rhs[0]
                                << " matrices can't make " << result[0];
    lhs = lhs.drop_front();
    rhs = rhs.drop_front();
    result = result.drop_front();
  }
  bool tl = getTransposeLhs(), tr = getTransposeRhs();
  int64_t m = lhs[tl ? 1 : 0], k = lhs[tl ? 0 : 1];
  int64_t kr = rhs[tr ? 1 : 0], n = rhs[tr ? 0 : 1];
  if (k != kr) // (C1)
    return emitOpError("contracts ") << k << " with " << kr << " elements";
  if (result[0] != m || result[1] != n) // (C2)
    return emitOpError("result must be [") << m << ", " << n << "]";
  if (getAddend() && getAddend().getType() != getResult().getType()) // (C3)
    return emitOpError("adds to ") << getAddend().getType() << ", which "
                                   << getResult().getType() << " is not";
  return success();
}

LogicalResult SliceOp::verify() {
  auto whole = cast<RankedTensorType>(getInput().getType());
  auto part = cast<RankedTensorType>(getOutput().getType());
  if (whole.getRank() < 1 || whole.getRank() != part.getRank() ||
      whole.getElementType() != part.getElementType() ||
      whole.getShape().drop_front() != part.getShape().drop_front()) // (C1)
    return emitOpError("takes rows of ") << whole << ", not " << part;
  int64_t from = getFrom();
  if (from < 0 || from + part.getDimSize(0) > whole.getDimSize(0)) // (C2)
    return emitOpError("has no rows [")
           << from << ", " << from + part.getDimSize(0) << ") in " << whole;
  int64_t rowBits = whole.getNumElements() / whole.getDimSize(0) *
                    whole.getElementTypeBitWidth();
  if (from * rowBits % (64 * 8) != 0) // (C3)
    return emitOpError("must begin at a multiple of 64 bytes");
  return success();
}

LogicalResult LinearOp::verify() {
  return verifyRowProducts(*this, getInput(), getWeight(), getOutput());
}

} // namespace pfc
