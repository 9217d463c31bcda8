//===- BatchNormKernels.cpp - Batch norm and its statistics ---------------===//
//
// As linalg; formulas and shapes are those of ops/Network.td. Statistics are
// two-level: those of each image (a parallel loop over images), then over the
// images, in their order.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/KernelBuilder.h"
#include "dialects/pfc/ir/TensorTypes.h"

using namespace mlir;

namespace pfc {

/// Elements of one image and channel.
static int64_t areaOf(Value value) {
  int64_t area = 1;
  for (int64_t extent : shapeOf(value).drop_front().drop_back())
    area *= extent;
  return area;
}

/// 1/√(variance + eps).
static Value reciprocalRoot(Scalars &s, Value variance, double eps) {
  return s.div(s.constant(1.0), s.sqrt(s.add(variance, s.constant(eps))));
}

/// Generated code needs statistics of the whole local batch.
static LogicalResult requireOneGroup(Operation *op, Value stats) {
  if (shapeOf(stats)[0] == 1)
    return success();
  return op->emitOpError("still has ")
         << shapeOf(stats)[0]
         << " groups: code is generated for one rank, after pfc-partition";
}

/// Mean and variance [1,C] of N equal groups from the mean and variance of
/// each, which the bodies compute from inputs [N,C] (Chan et al. 1979).
static SmallVector<Value> mergeRows(OpBuilder &builder, Location loc,
                                    int64_t rows, int64_t channels,
                                    ArrayRef<Input> inputs,
                                    PointwiseBody meanOf,
                                    PointwiseBody varianceOf) {
  double share = 1.0 / rows;
  Value mean =
      buildColumnSums(builder, loc, rows, channels, /*keepRow=*/true, inputs,
                      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
                        return {s.mul(meanOf(s, v)[0], s.constant(share))};
                      })
          .front();
  SmallVector<Input> withMean(inputs);
  withMean.push_back({mean, Access::Stat});
  Value variance =
      buildColumnSums(builder, loc, rows, channels, /*keepRow=*/true, withMean,
                      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
                        Value d = s.sub(meanOf(s, v)[0], v.back());
                        Value sum = s.add(varianceOf(s, v)[0], s.mul(d, d));
                        return {s.mul(sum, s.constant(share))};
                      })
          .front();
  return {mean, variance};
}

/// The sum of each image's middle row and how many elements that has; without
/// rows, its middle element. [N,C].
static std::pair<Value, int64_t> middleRow(OpBuilder &builder, Location loc,
                                           Value x) {
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t images = shape[0], channels = shape.back();
  if (shape.size() < 4) {
    auto type = RankedTensorType::get({images, channels}, builder.getF32Type());
    return {buildPointwise(builder, loc, {type}, {{x, Access::Middle}}, asIs)
                .front(),
            1};
  }
  int64_t width = shape[shape.size() - 2];
  return {buildImageSums(builder, loc, {images, width, channels},
                         {{x, Access::Middle}}, asIs)
              .front(),
          width};
}

// One pass. With δ = x − k, where k is near the image's mean m,
//     m = k + Σδ/n        Σ(x − m)² = Σδ² − (Σδ)²/n
// and the difference loses little: k is the mean over a row, so that
// n·(k − m)² <= H·Σ(x − m)² for H rows, and the error of the variance is below
// (1 + H)·2⁻²⁴ of it even where the one row stands out; 2⁻²³ where it does not.
LogicalResult BatchStatsOp::buildKernelBody(OpBuilder &builder,
                                            SmallVectorImpl<Value> &results) {
  if (failed(requireOneGroup(*this, getMean())))
    return failure();
  Location loc = getLoc();
  Value x = getInput();
  int64_t images = shapeOf(x)[0], channels = shapeOf(x).back(),
          area = areaOf(x);
  if (typeOf(x).getRank() == 2) {
    results = mergeRows(builder, loc, images, channels, {{x}}, asIs,
                        [](Scalars &s, ValueRange) -> SmallVector<Value> {
                          return {s.constant(0.0)};
                        });
    return success();
  }
  auto [row, width] = middleRow(builder, loc, x);
  auto shiftOf = [rowShare = 1.0 / width](Scalars &s, Value row) {
    return s.mul(row, s.constant(rowShare));
  };
  SmallVector<Value> sums = buildImageSums(
      builder, loc, shapeOf(x), {{x}, {row, Access::Image}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value d = s.sub(v[0], shiftOf(s, v[1]));
        return {d, s.mul(d, d)};
      },
      /*sums=*/2);
  // Then merge the images: the variance within them and that of their means.
  double share = 1.0 / area;
  results = mergeRows(
      builder, loc, images, channels, {{row}, {sums[0]}, {sums[1]}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        return {s.add(shiftOf(s, v[0]), s.mul(v[1], s.constant(share)))};
      },
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value offset = s.mul(v[1], s.constant(share));
        Value squares = s.sub(v[2], s.mul(v[1], offset));
        return {s.mul(s.max(squares, s.constant(0.0)), s.constant(share))};
      });
  return success();
}

LogicalResult MergeStatsOp::buildKernelBody(OpBuilder &builder,
                                            SmallVectorImpl<Value> &results) {
  results = mergeRows(
      builder, getLoc(), shapeOf(getMean())[0], shapeOf(getMean()).back(),
      {{getMean()}, {getVariance()}}, asIs,
      [](Scalars &, ValueRange v) -> SmallVector<Value> { return {v[1]}; });
  return success();
}

LogicalResult BatchNormOp::buildKernelBody(OpBuilder &builder,
                                           SmallVectorImpl<Value> &results) {
  if (failed(requireOneGroup(*this, getMean())))
    return failure();
  double eps = getEps().convertToDouble();
  Value factor =
      buildPointwise(builder, getLoc(),
                     {RankedTensorType::get({shapeOf(getInput()).back()},
                                            builder.getF32Type())},
                     {{getVariance(), Access::Stat}, {getGamma()}},
                     [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
                       return {s.mul(v[1], reciprocalRoot(s, v[0], eps))};
                     })
          .front();
  results =
      buildPointwise(builder, getLoc(), {typeOf(getOutput())},
                     {{getInput()},
                      {getMean(), Access::Stat},
                      {factor, Access::Channel},
                      {getBeta(), Access::Channel}},
                     [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                       return {s.add(s.mul(s.sub(v[0], v[1]), v[2]), v[3])};
                     });
  return success();
}

LogicalResult
BatchNormGradStatsOp::buildKernelBody(OpBuilder &builder,
                                      SmallVectorImpl<Value> &results) {
  if (failed(requireOneGroup(*this, getMean())))
    return failure();
  Location loc = getLoc();
  Value x = getInput();
  int64_t images = shapeOf(x)[0], channels = shapeOf(x).back();
  double eps = getEps().convertToDouble();
  SmallVector<Value> sums = buildImageSums(
      builder, loc, shapeOf(x),
      {{getOutputGrad()}, {x}, {getMean(), Access::Stat}},
      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
        return {v[0], s.mul(v[0], s.sub(v[1], v[2]))};
      },
      /*sums=*/2);
  Value betaGrad = buildColumnSums(builder, loc, images, channels,
                                   /*keepRow=*/true, {{sums[0]}}, asIs)
                       .front();
  Value gammaGrad =
      buildColumnSums(builder, loc, images, channels, /*keepRow=*/true,
                      {{sums[1]}, {getVariance(), Access::Stat}},
                      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
                        return {s.mul(v[0], reciprocalRoot(s, v[1], eps))};
                      })
          .front();
  results.append({gammaGrad, betaGrad});
  return success();
}

LogicalResult
BatchNormGradOp::buildKernelBody(OpBuilder &builder,
                                 SmallVectorImpl<Value> &results) {
  if (failed(requireOneGroup(*this, getMean())))
    return failure();
  Location loc = getLoc();
  double eps = getEps().convertToDouble();
  double share = 1.0 / static_cast<double>(getCount());
  RankedTensorType vector =
      RankedTensorType::get({shapeOf(getInput()).back()}, builder.getF32Type());
  // dx = a·(dy − b − (x − mean)·c) with per-channel a, b, c.
  SmallVector<Value> factors = buildPointwise(
      builder, loc, {vector, vector, vector},
      {{getVariance(), Access::Stat},
       {getGamma()},
       {getGammaGrad(), Access::Stat},
       {getBetaGrad(), Access::Stat}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value root = reciprocalRoot(s, v[0], eps);
        return {s.mul(v[1], root), s.mul(v[3], s.constant(share)),
                s.mul(s.mul(v[2], root), s.constant(share))};
      });
  if (!getTraining()) {
    results =
        buildPointwise(builder, loc, {typeOf(getInputGrad())},
                       {{getOutputGrad()}, {factors[0], Access::Channel}},
                       [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                         return {s.mul(v[0], v[1])};
                       });
    return success();
  }
  results = buildPointwise(builder, loc, {typeOf(getInputGrad())},
                           {{getOutputGrad()},
                            {getInput()},
                            {getMean(), Access::Stat},
                            {factors[0], Access::Channel},
                            {factors[1], Access::Channel},
                            {factors[2], Access::Channel}},
                           [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                             Value centred = s.sub(v[0], v[4]);
                             Value slope = s.mul(s.sub(v[1], v[2]), v[5]);
                             return {s.mul(v[3], s.sub(centred, slope))};
                           });
  return success();
}

} // namespace pfc
