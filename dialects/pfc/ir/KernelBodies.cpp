//===- KernelBodies.cpp - The ops' generated code -------------------------===//
//
// Each body follows its op's formula in ops/*.td. Reductions over a batch are
// two-level: sums for each image (a parallel loop over images), then over the
// images, in their order.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/AdamW.h"
#include "dialects/pfc/ir/KernelBuilder.h"
#include "dialects/pfc/ir/PfcDialect.h"
#include "runtime/base/Philox.h"

#include <limits>

using namespace mlir;

namespace pfc {

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}
static ArrayRef<int64_t> shapeOf(Value value) {
  return typeOf(value).getShape();
}
static int64_t channelsOf(Value value) { return shapeOf(value).back(); }

/// Elements of one image and channel.
static int64_t areaOf(Value value) {
  int64_t area = 1;
  for (int64_t extent : shapeOf(value).drop_front().drop_back())
    area *= extent;
  return area;
}

static RankedTensorType vectorType(OpBuilder &builder, int64_t n) {
  return RankedTensorType::get({n}, builder.getF32Type());
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

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

LogicalResult ScalePixelsOp::buildKernelBody(OpBuilder &builder,
                                             SmallVectorImpl<Value> &results) {
  auto bytes = RankedTensorType::get(shapeOf(getInput()), builder.getI8Type());
  Value input = tensor::BitcastOp::create(builder, getLoc(), bytes, getInput());
  results = buildPointwise(
      builder, getLoc(), {typeOf(getOutput())}, {{input}},
      [&](Scalars &s, ValueRange x) -> SmallVector<Value> {
        Value pixel = arith::UIToFPOp::create(s.builder, s.loc,
                                              s.builder.getF32Type(), x[0]);
        return {s.sub(s.mul(pixel, s.constant(1.0 / 127.5)), s.constant(1.0))};
      });
  return success();
}

LogicalResult AddOp::buildKernelBody(OpBuilder &builder,
                                     SmallVectorImpl<Value> &results) {
  results = buildPointwise(builder, getLoc(), {typeOf(getResult())},
                           {{getLhs()}, {getRhs()}},
                           [](Scalars &s, ValueRange x) -> SmallVector<Value> {
                             return {s.add(x[0], x[1])};
                           });
  return success();
}

LogicalResult CastOp::buildKernelBody(OpBuilder &builder,
                                      SmallVectorImpl<Value> &results) {
  results = buildPointwise(
      builder, getLoc(), {typeOf(getOutput())}, {{getInput()}},
      [](Scalars &, ValueRange x) -> SmallVector<Value> { return {x[0]}; });
  return success();
}

LogicalResult AddBiasOp::buildKernelBody(OpBuilder &builder,
                                         SmallVectorImpl<Value> &results) {
  results = buildPointwise(builder, getLoc(), {typeOf(getOutput())},
                           {{getInput()}, {getBias(), Access::Channel}},
                           [](Scalars &s, ValueRange x) -> SmallVector<Value> {
                             return {s.add(x[0], x[1])};
                           });
  return success();
}

LogicalResult ScaleRowsOp::buildKernelBody(OpBuilder &builder,
                                           SmallVectorImpl<Value> &results) {
  results = buildPointwise(builder, getLoc(), {typeOf(getOutput())},
                           {{getInput()}, {getFactors(), Access::Row}},
                           [](Scalars &s, ValueRange x) -> SmallVector<Value> {
                             return {s.mul(x[0], x[1])};
                           });
  return success();
}

LogicalResult DropoutOp::buildKernelBody(OpBuilder &builder,
                                         SmallVectorImpl<Value> &results) {
  SmallVector<Input> inputs{{getInput()}, {getStep(), Access::Scalar}};
  if (getRowOffset())
    inputs.push_back({getRowOffset(), Access::Scalar});
  int64_t columns = channelsOf(getInput());
  double rate = getRate().convertToDouble();
  results = buildPointwise(
      builder, getLoc(), {typeOf(getOutput())}, inputs,
      [&](Scalars &s, ValueRange x) -> SmallVector<Value> {
        OpBuilder &b = s.builder;
        Location loc = s.loc;
        auto integer = [&](int64_t v) -> Value {
          return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(v));
        };
        auto index = [&](int64_t d) -> Value {
          return arith::IndexCastOp::create(b, loc, b.getI64Type(),
                                            linalg::IndexOp::create(b, loc, d));
        };
        Value row = index(0);
        if (x.size() == 3)
          row = arith::AddIOp::create(b, loc, row, x[2]);
        Value element = arith::AddIOp::create(
            b, loc, arith::MulIOp::create(b, loc, row, integer(columns)),
            index(1));
        Value unit = buildUnitFloat(
            s, buildRandomWord(b, loc, getSeed(), rt::RandomPurpose::Dropout,
                               element, x[1], getLayer()));
        Value drop = s.greater(s.constant(rate), unit);
        return {s.select(drop, s.constant(0.0),
                         s.mul(x[0], s.constant(1.0 / (1.0 - rate))))};
      });
  return success();
}

LogicalResult PReluOp::buildKernelBody(OpBuilder &builder,
                                       SmallVectorImpl<Value> &results) {
  results = buildPointwise(builder, getLoc(), {typeOf(getOutput())},
                           {{getInput()}, {getSlope(), Access::Channel}},
                           [](Scalars &s, ValueRange x) -> SmallVector<Value> {
                             return {s.select(s.greater(x[0], s.constant(0.0)),
                                              x[0], s.mul(x[1], x[0]))};
                           });
  return success();
}

LogicalResult PReluGradOp::buildKernelBody(OpBuilder &builder,
                                           SmallVectorImpl<Value> &results) {
  results = buildPointwise(
      builder, getLoc(), {typeOf(getInputGrad())},
      {{getOutputGrad()}, {getInput()}, {getSlope(), Access::Channel}},
      [](Scalars &s, ValueRange x) -> SmallVector<Value> {
        return {s.select(s.greater(x[1], s.constant(0.0)), x[0],
                         s.mul(x[2], x[0]))};
      });
  return success();
}

//===----------------------------------------------------------------------===//
// Sums over the batch
//===----------------------------------------------------------------------===//

LogicalResult ChannelSumOp::buildKernelBody(OpBuilder &builder,
                                            SmallVectorImpl<Value> &results) {
  results.push_back(buildChannelSum(
      builder, getLoc(), shapeOf(getInput()), {{getInput()}},
      [](Scalars &, ValueRange x) -> SmallVector<Value> { return {x[0]}; }));
  return success();
}

LogicalResult
PReluSlopeGradOp::buildKernelBody(OpBuilder &builder,
                                  SmallVectorImpl<Value> &results) {
  results.push_back(buildChannelSum(
      builder, getLoc(), shapeOf(getInput()), {{getOutputGrad()}, {getInput()}},
      [](Scalars &s, ValueRange x) -> SmallVector<Value> {
        Value zero = s.constant(0.0);
        return {s.select(s.greater(x[1], zero), zero, s.mul(x[0], x[1]))};
      }));
  return success();
}

LogicalResult SumGroupsOp::buildKernelBody(OpBuilder &builder,
                                           SmallVectorImpl<Value> &results) {
  double scale = getScale().convertToDouble();
  results = buildColumnSums(
      builder, getLoc(), shapeOf(getInput())[0], channelsOf(getInput()),
      /*keepRow=*/false, {{getInput()}},
      [&](Scalars &s, ValueRange x) -> SmallVector<Value> {
        return {s.mul(x[0], s.constant(scale))};
      });
  return success();
}

//===----------------------------------------------------------------------===//
// Batch norm
//===----------------------------------------------------------------------===//

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
  auto same = [](Scalars &, ValueRange v) -> SmallVector<Value> {
    return {v[0]};
  };
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t images = shape[0], channels = shape.back();
  if (shape.size() < 4) {
    auto type = RankedTensorType::get({images, channels}, builder.getF32Type());
    return {buildPointwise(builder, loc, {type}, {{x, Access::Middle}}, same)
                .front(),
            1};
  }
  int64_t width = shape[shape.size() - 2];
  return {buildImageSums(builder, loc, {images, width, channels},
                         {{x, Access::Middle}}, same)
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
  int64_t images = shapeOf(x)[0], channels = channelsOf(x), area = areaOf(x);
  if (typeOf(x).getRank() == 2) {
    results = mergeRows(
        builder, loc, images, channels, {{x}},
        [](Scalars &, ValueRange v) -> SmallVector<Value> { return {v[0]}; },
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
      builder, getLoc(), shapeOf(getMean())[0], channelsOf(getMean()),
      {{getMean()}, {getVariance()}},
      [](Scalars &, ValueRange v) -> SmallVector<Value> { return {v[0]}; },
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
                     {vectorType(builder, channelsOf(getInput()))},
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
  int64_t images = shapeOf(x)[0], channels = channelsOf(x);
  double eps = getEps().convertToDouble();
  SmallVector<Value> sums = buildImageSums(
      builder, loc, shapeOf(x),
      {{getOutputGrad()}, {x}, {getMean(), Access::Stat}},
      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
        return {v[0], s.mul(v[0], s.sub(v[1], v[2]))};
      },
      /*sums=*/2);
  Value betaGrad =
      buildColumnSums(
          builder, loc, images, channels, /*keepRow=*/true, {{sums[0]}},
          [](Scalars &, ValueRange v) -> SmallVector<Value> { return {v[0]}; })
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
  RankedTensorType vector = vectorType(builder, channelsOf(getInput()));
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

LogicalResult
MovingAverageOp::buildKernelBody(OpBuilder &builder,
                                 SmallVectorImpl<Value> &results) {
  double momentum = getMomentum().convertToDouble();
  double scale = getScale().convertToDouble();
  results = buildPointwise(
      builder, getLoc(), {typeOf(getResult())}, {{getAverage()}, {getValue()}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        return {s.add(s.mul(v[0], s.constant(1.0 - momentum)),
                      s.mul(v[1], s.constant(momentum * scale)))};
      });
  return success();
}

//===----------------------------------------------------------------------===//
// Rows of unit length, the loss
//===----------------------------------------------------------------------===//

/// Σ of the squares of each row of x: [rows].
static Value rowSquares(OpBuilder &builder, Location loc, Value x) {
  return buildRowSums(builder, loc, shapeOf(x), {{x}},
                      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                        return {s.mul(v[0], v[0])};
                      })
      .front();
}

LogicalResult RowNormsOp::buildKernelBody(OpBuilder &builder,
                                          SmallVectorImpl<Value> &results) {
  Value squares = rowSquares(builder, getLoc(), getInput());
  results =
      buildPointwise(builder, getLoc(), {typeOf(getOutput())}, {{squares}},
                     [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                       return {s.sqrt(v[0])};
                     });
  return success();
}

LogicalResult NormalizeOp::buildKernelBody(OpBuilder &builder,
                                           SmallVectorImpl<Value> &results) {
  Location loc = getLoc();
  Value x = getInput();
  Value inverse =
      buildPointwise(builder, loc, {vectorType(builder, shapeOf(x)[0])},
                     {{rowSquares(builder, loc, x)}},
                     [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                       return {reciprocalLength(s, v[0])};
                     })
          .front();
  results = buildPointwise(builder, loc, {typeOf(getOutput())},
                           {{x}, {inverse, Access::Row}},
                           [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                             return {s.mul(v[0], v[1])};
                           });
  return success();
}

LogicalResult
NormalizeGradOp::buildKernelBody(OpBuilder &builder,
                                 SmallVectorImpl<Value> &results) {
  Location loc = getLoc();
  Value x = getInput(), dy = getOutputGrad();
  SmallVector<Value> sums = buildRowSums(
      builder, loc, shapeOf(x), {{x}, {dy}},
      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
        return {s.mul(v[0], v[0]), s.mul(v[0], v[1])};
      },
      /*sums=*/2);
  RankedTensorType rows = vectorType(builder, shapeOf(x)[0]);
  // dx = dy·inverse − x·slope, slope = (x·dy)·inverse³.
  SmallVector<Value> factors =
      buildPointwise(builder, loc, {rows, rows}, {{sums[0]}, {sums[1]}},
                     [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                       Value inverse = reciprocalLength(s, v[0]);
                       Value slope =
                           s.mul(s.mul(v[1], inverse), s.mul(inverse, inverse));
                       return {inverse, slope};
                     });
  results = buildPointwise(
      builder, loc, {typeOf(getInputGrad())},
      {{dy}, {x}, {factors[0], Access::Row}, {factors[1], Access::Row}},
      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
        return {s.sub(s.mul(v[0], v[2]), s.mul(v[1], v[3]))};
      });
  return success();
}

LogicalResult SoftmaxLossOp::buildKernelBody(OpBuilder &builder,
                                             SmallVectorImpl<Value> &results) {
  int64_t rows = shapeOf(getStats())[0];
  double shift = getShift().convertToDouble();
  results.push_back(buildTotal(
      builder, getLoc(), rows,
      {{getStats(), Access::Pair0}, {getStats(), Access::Pair1}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value row = s.sub(s.add(s.log(v[0]), s.constant(shift)), v[1]);
        return {s.mul(row, s.constant(1.0 / rows))};
      }));
  return success();
}

//===----------------------------------------------------------------------===//
// Optimizer
//===----------------------------------------------------------------------===//

/// Elements of a vector whose squares one thread of a CPU, or one block of a
/// GPU, sums: 64 KiB of fp32.
static constexpr int64_t kSumChunk = 16384;

LogicalResult SumSquaresOp::buildKernelBody(OpBuilder &builder,
                                            SmallVectorImpl<Value> &results) {
  Location loc = getLoc();
  auto square = [](Scalars &s, ValueRange v) -> SmallVector<Value> {
    return {s.mul(v[0], v[0])};
  };
  int64_t rows = shapeOf(getInput())[0];
  bool vector = typeOf(getInput()).getRank() == 1;
  if (vector && rows <= kSumChunk) {
    results.push_back(
        buildTotal(builder, loc, rows, {{getInput(), Access::Row}}, square));
    return success();
  }
  Value sums;
  if (vector) {
    rows = llvm::divideCeil(rows, kSumChunk);
    sums = ChunkSumSquaresOp::create(
        builder, loc, RankedTensorType::get({rows}, builder.getF32Type()),
        getInput(), kSumChunk);
  } else {
    sums =
        buildRowSums(builder, loc, shapeOf(getInput()), {{getInput()}}, square)
            .front();
  }
  results.push_back(buildTotal(
      builder, loc, rows, {{sums, Access::Row}},
      [](Scalars &, ValueRange v) -> SmallVector<Value> { return {v[0]}; }));
  return success();
}

LogicalResult ClipFactorOp::buildKernelBody(OpBuilder &builder,
                                            SmallVectorImpl<Value> &results) {
  double limit = getLimit().convertToDouble();
  SmallVector<Input> inputs{{getSumSquares()}};
  if (getUnscale())
    inputs.push_back({getUnscale()});
  results = buildPointwise(
      builder, getLoc(), {typeOf(getFactor()), typeOf(getNorm())}, inputs,
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value norm = s.sqrt(v[0]);
        if (v.size() == 2)
          norm = s.mul(norm, v[1]);
        Value factor = s.div(s.constant(limit), s.add(norm, s.constant(1e-6)));
        factor = s.min(s.constant(1.0), factor);
        return {v.size() == 2 ? s.mul(factor, v[1]) : factor, norm};
      });
  return success();
}

/// The largest finite fp32: what is above is Inf.
static Value largestFinite(Scalars &s) {
  return s.constant(std::numeric_limits<float>::max());
}

LogicalResult FoundInfOp::buildKernelBody(OpBuilder &builder,
                                          SmallVectorImpl<Value> &results) {
  SmallVector<Input> inputs;
  for (Value sum : getSums())
    inputs.push_back({sum});
  results = buildPointwise(builder, getLoc(), {typeOf(getFound())}, inputs,
                           [](Scalars &s, ValueRange v) -> SmallVector<Value> {
                             Value found = s.constant(0.0);
                             for (Value sum : v)
                               found = s.select(s.atMost(sum, largestFinite(s)),
                                                found, s.constant(1.0));
                             return {found};
                           });
  return success();
}

LogicalResult
UpdateLossScaleOp::buildKernelBody(OpBuilder &builder,
                                   SmallVectorImpl<Value> &results) {
  double growth = getGrowth().convertToDouble();
  double backoff = getBackoff().convertToDouble();
  auto interval = static_cast<double>(getInterval());
  RankedTensorType one = typeOf(getScale());
  results = buildPointwise(
      builder, getLoc(), {one, one, one, one},
      {{getScale()}, {getGoodSteps()}, {getFound()}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value zero = s.constant(0.0), unit = s.constant(1.0);
        Value grown = s.mul(v[0], s.constant(growth));
        grown = s.select(s.atMost(grown, largestFinite(s)), grown, v[0]);
        Value steps = s.add(v[1], unit);
        Value due = s.atMost(s.constant(interval), steps);
        Value found = s.greater(v[2], zero);
        Value scale = s.select(found, s.mul(v[0], s.constant(backoff)),
                               s.select(due, grown, v[0]));
        return {s.div(unit, v[0]), scale,
                s.select(found, zero, s.select(due, zero, steps)),
                s.select(found, unit, zero)};
      });
  return success();
}

LogicalResult SgdOp::buildKernelBody(OpBuilder &builder,
                                     SmallVectorImpl<Value> &results) {
  double mu = getMu().convertToDouble();
  double decay = getWeightDecay().convertToDouble();
  SmallVector<Input> inputs{{getParameter()},
                            {getMomentum()},
                            {getGradient()},
                            {getLr(), Access::Scalar}};
  for (Value scalar : {getClip(), getFoundInf()})
    if (scalar)
      inputs.push_back({scalar, Access::Scalar});
  results = buildPointwise(
      builder, getLoc(), {typeOf(getNewParameter()), typeOf(getNewMomentum())},
      inputs, [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value gradient = getClip() ? s.mul(v[2], v[4]) : v[2];
        gradient = s.add(gradient, s.mul(v[0], s.constant(decay)));
        Value momentum = s.add(s.mul(v[1], s.constant(mu)), gradient);
        Value parameter = s.sub(v[0], s.mul(v[3], momentum));
        if (!getFoundInf())
          return {parameter, momentum};
        Value skip = s.greater(v.back(), s.constant(0.0));
        return {s.select(skip, v[0], parameter),
                s.select(skip, v[1], momentum)};
      });
  return success();
}

LogicalResult
BiasCorrectionsOp::buildKernelBody(OpBuilder &builder,
                                   SmallVectorImpl<Value> &results) {
  double beta1 = getBeta1().convertToDouble();
  double beta2 = getBeta2().convertToDouble();
  RankedTensorType one = typeOf(getCorrection1());
  SmallVector<Input> inputs{{getCorrection1()}, {getCorrection2()}};
  if (getFoundInf())
    inputs.push_back({getFoundInf()});
  results = buildPointwise(
      builder, getLoc(), {one, one}, inputs,
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value unit = s.constant(1.0);
        Value first = AdamWStep::average(s, v[0], unit, beta1);
        Value second = AdamWStep::average(s, v[1], unit, beta2);
        if (!getFoundInf())
          return {first, second};
        Value skip = s.greater(v[2], s.constant(0.0));
        return {s.select(skip, v[0], first), s.select(skip, v[1], second)};
      });
  return success();
}

LogicalResult AdamWOp::buildKernelBody(OpBuilder &builder,
                                       SmallVectorImpl<Value> &results) {
  AdamWFactors factors{getBeta1().convertToDouble(),
                       getBeta2().convertToDouble(), getEps().convertToDouble(),
                       getWeightDecay().convertToDouble()};
  SmallVector<Input> inputs{
      {getParameter()}, {getMomentum()}, {getSquares()}, {getGradient()}};
  for (Value scalar : {getLr(), getCorrection1(), getCorrection2()})
    inputs.push_back({scalar, Access::Scalar});
  for (Value scalar : {getClip(), getFoundInf()})
    if (scalar)
      inputs.push_back({scalar, Access::Scalar});
  RankedTensorType type = typeOf(getNewParameter());
  results =
      buildPointwise(builder, getLoc(), {type, type, type}, inputs,
                     [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
                       AdamWStep step(s, v[4], v[5], v[6], factors);
                       Value gradient = getClip() ? s.mul(v[3], v[7]) : v[3];
                       AdamWElement next =
                           step.apply(s, v[0], v[1], v[2], gradient);
                       if (!getFoundInf())
                         return {next.parameter, next.momentum, next.squares};
                       Value skip = s.greater(v.back(), s.constant(0.0));
                       return {s.select(skip, v[0], next.parameter),
                               s.select(skip, v[1], next.momentum),
                               s.select(skip, v[2], next.squares)};
                     });
  return success();
}

} // namespace pfc
