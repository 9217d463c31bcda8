//===- Vjp.cpp - Vector-Jacobian products of the ops ----------------------===//
//
// y = f(x): given dy = ∂loss/∂y, each op builds dx = ∂loss/∂x. The formulas are
// those of the gradient ops in ops/*.td. Gradients nobody needs are built all
// the same and erased as dead by pfc-differentiate.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/ir/TensorTypes.h"

using namespace mlir;

namespace pfc {

using Gradients = MutableArrayRef<Value>;

/// `layer1.0.conv1` -> `layer1.0.conv1.grad`, at the same place of the spec.
static Location gradientLoc(Operation *op) {
  if (auto name = dyn_cast<NameLoc>(op->getLoc()))
    return NameLoc::get(
        StringAttr::get(op->getContext(), name.getName().getValue() + ".grad"),
        name.getChildLoc());
  return op->getLoc();
}

/// Gradients of a per-channel parameter are fp32 whatever the activation is.
static RankedTensorType floats(OpBuilder &builder, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, builder.getF32Type());
}

//===----------------------------------------------------------------------===//
// Network
//===----------------------------------------------------------------------===//

LogicalResult Conv2dOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                 Gradients gradients) {
  Location loc = gradientLoc(*this);
  // The filter's first: its sum over ranks can begin, and the input's bytes are
  // free for the gradient that is as large.
  gradients[1] =
      Conv2dFilterGradOp::create(builder, loc, getFilter().getType(),
                                 getInput(), dy[0], getStride(), getPadding());
  gradients[0] =
      Conv2dInputGradOp::create(builder, loc, getInput().getType(), dy[0],
                                getFilter(), getStride(), getPadding());
  return success();
}

LogicalResult BatchNormOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                    Gradients gradients) {
  Location loc = gradientLoc(*this);
  // Without `training` the statistics are constants; with it their gradient
  // is part of dx.
  auto sums = BatchNormGradStatsOp::create(
      builder, loc, getMean().getType(), getMean().getType(), dy[0], getInput(),
      getMean(), getVariance(), getEps());
  int64_t groups = typeOf(getMean()).getDimSize(0);
  int64_t channels = typeOf(getMean()).getDimSize(1);
  int64_t count = typeOf(getInput()).getNumElements() / channels / groups;
  gradients[0] = BatchNormGradOp::create(
      builder, loc, getInput().getType(), dy[0], getInput(), getMean(),
      getVariance(), getGamma(), sums.getGammaGrad(), sums.getBetaGrad(),
      getEps(), count, getTraining());
  auto sumGroups = [&](Value perGroup) {
    return SumGroupsOp::create(builder, loc, floats(builder, {channels}),
                               perGroup, APFloat(1.0));
  };
  gradients[3] = sumGroups(sums.getGammaGrad());
  gradients[4] = sumGroups(sums.getBetaGrad());
  return success();
}

LogicalResult PReluOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                Gradients gradients) {
  Location loc = gradientLoc(*this);
  gradients[0] =
      PReluGradOp::create(builder, loc, dy[0], getInput(), getSlope());
  gradients[1] = PReluSlopeGradOp::create(builder, loc, getSlope().getType(),
                                          dy[0], getInput());
  return success();
}

LogicalResult AddOp::buildVjp(OpBuilder &, ValueRange dy, Gradients gradients) {
  gradients[0] = gradients[1] = dy[0];
  return success();
}

LogicalResult ReshapeOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                  Gradients gradients) {
  gradients[0] = ReshapeOp::create(builder, gradientLoc(*this),
                                   getInput().getType(), dy[0]);
  return success();
}

/// C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC; of what is stored transposed, the transpose
/// of that.
LogicalResult MatmulOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                 Gradients gradients) {
  Location loc = gradientLoc(*this);
  Value a = getLhs(), b = getRhs(), dc = dy[0];
  bool ta = getTransposeLhs(), tb = getTransposeRhs();
  gradients[0] =
      ta ? MatmulOp::create(builder, loc, a.getType(), b, dc, tb, true)
         : MatmulOp::create(builder, loc, a.getType(), dc, b, false, !tb);
  gradients[1] =
      tb ? MatmulOp::create(builder, loc, b.getType(), dc, a, true, ta)
         : MatmulOp::create(builder, loc, b.getType(), a, dc, !ta, false);
  if (getAddend())
    gradients[2] = dc;
  return success();
}

LogicalResult LinearOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                 Gradients gradients) {
  Location loc = gradientLoc(*this);
  gradients[0] =
      MatmulOp::create(builder, loc, getInput().getType(), dy[0], getWeight());
  gradients[1] = MatmulOp::create(builder, loc, getWeight().getType(), dy[0],
                                  getInput(), /*transpose_lhs=*/true);
  return success();
}

LogicalResult AddBiasOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                  Gradients gradients) {
  gradients[0] = dy[0];
  gradients[1] = ChannelSumOp::create(builder, gradientLoc(*this),
                                      getBias().getType(), dy[0]);
  return success();
}

LogicalResult DropoutOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                  Gradients gradients) {
  // The same elements are kept: the mask is a function of their position.
  gradients[0] =
      DropoutOp::create(builder, gradientLoc(*this), dy[0], getStep(),
                        getRowOffset(), getRate(), getSeed(), getLayer());
  return success();
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

LogicalResult LayerNormOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                    Gradients gradients) {
  // The statistics' gradient is part of dx.
  Location loc = gradientLoc(*this);
  Type stats = getMean().getType();
  auto sums = LayerNormGradStatsOp::create(builder, loc, stats, stats, dy[0],
                                           getInput(), getMean(), getVariance(),
                                           getGamma(), getEps());
  gradients[0] = LayerNormGradOp::create(
      builder, loc, getInput().getType(), dy[0], getInput(), getMean(),
      getVariance(), getGamma(), sums.getSum(), sums.getProjection(), getEps());
  gradients[3] = LayerNormGainGradOp::create(builder, loc, getGamma().getType(),
                                             dy[0], getInput(), getMean(),
                                             getVariance(), getEps());
  gradients[4] = ChannelSumOp::create(builder, loc, getBeta().getType(), dy[0]);
  return success();
}

LogicalResult Relu6Op::buildVjp(OpBuilder &builder, ValueRange dy,
                                Gradients gradients) {
  gradients[0] =
      Relu6GradOp::create(builder, gradientLoc(*this), dy[0], getInput());
  return success();
}

LogicalResult DropPathOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                   Gradients gradients) {
  // The same images are kept.
  gradients[0] =
      DropPathOp::create(builder, gradientLoc(*this), dy[0], getStep(),
                         getRowOffset(), getRate(), getSeed(), getLayer());
  return success();
}

LogicalResult SplitHeadsOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                     Gradients gradients) {
  if (llvm::is_contained(dy, Value()))
    return emitOpError("has a part that the loss does not depend on");
  gradients[0] = MergeHeadsOp::create(builder, gradientLoc(*this),
                                      getInput().getType(), dy, getHeads());
  return success();
}

LogicalResult MergeHeadsOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                     Gradients gradients) {
  auto split = SplitHeadsOp::create(builder, gradientLoc(*this),
                                    getParts().getTypes(), dy[0], getHeads());
  llvm::copy(split.getParts(), gradients.begin());
  return success();
}

LogicalResult SoftmaxOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                  Gradients gradients) {
  gradients[0] =
      SoftmaxGradOp::create(builder, gradientLoc(*this), getInput().getType(),
                            dy[0], getOutput(), getScale());
  return success();
}

LogicalResult GatherTokensOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                       Gradients gradients) {
  gradients[0] =
      RestoreTokensOp::create(builder, gradientLoc(*this), getInput().getType(),
                              dy[0], getKept(), getSlots(), /*mask=*/Value());
  return success();
}

LogicalResult RestoreTokensOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                        Gradients gradients) {
  Location loc = gradientLoc(*this);
  gradients[0] = GatherTokensOp::create(builder, loc, getInput().getType(),
                                        dy[0], getKept(), getSlots());
  if (getMask())
    gradients[3] = MaskTokenGradOp::create(builder, loc, getMask().getType(),
                                           dy[0], getSlots());
  return success();
}

//===----------------------------------------------------------------------===//
// Head
//===----------------------------------------------------------------------===//

LogicalResult GatherRowsOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                     Gradients gradients) {
  gradients[0] = ScatterRowsOp::create(
      builder, gradientLoc(*this), getTable().getType(), dy[0], getIndices());
  return success();
}

LogicalResult NormalizeOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                    Gradients gradients) {
  gradients[0] =
      NormalizeGradOp::create(builder, gradientLoc(*this), dy[0], getInput());
  return success();
}

LogicalResult CosineLogitsOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                       Gradients gradients) {
  Location loc = gradientLoc(*this);
  gradients[0] = MatmulOp::create(builder, loc, getEmbeddings().getType(),
                                  dy[0], getCenters());
  gradients[1] = MatmulOp::create(builder, loc, getCenters().getType(), dy[0],
                                  getEmbeddings(), /*transpose_lhs=*/true);
  return success();
}

LogicalResult MarginOp::buildVjp(OpBuilder &builder, ValueRange dy,
                                 Gradients gradients) {
  // The margins of the rows are constants to it.
  gradients[0] =
      MarginGradOp::create(builder, gradientLoc(*this), dy[0], getCosines(),
                           getColumns(), getRowMargins(), getMargin());
  return success();
}

LogicalResult SoftmaxCrossEntropyOp::buildVjp(OpBuilder &builder, ValueRange,
                                              Gradients gradients) {
  // The root: the loss has gradient 1, its statistics none.
  gradients[0] = SoftmaxCrossEntropyGradOp::create(
      builder, gradientLoc(*this), getLogits(), getColumns(), getCounts(),
      getStats(), /*loss_scale=*/Value(), getShift(),
      typeOf(getLogits()).getDimSize(0));
  return success();
}

} // namespace pfc
