//===- OptimizerKernels.cpp - Updates, norms of gradients, loss scales ----===//
//
// As linalg, but for sums over chunks of long vectors. Formulas and shapes are
// those of ops/Optimizer.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/AdamW.h"
#include "dialects/pfc/ir/RowCode.h"
#include "dialects/pfc/ir/TensorTypes.h"

#include <limits>

using namespace mlir;

namespace pfc {

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
        buildTotal(builder, loc, {{getInput(), Access::Row}}, square));
    return success();
  }
  Value sums;
  if (vector) {
    int64_t chunks = llvm::divideCeil(rows, kSumChunk);
    sums = ChunkSumSquaresOp::create(
        builder, loc, RankedTensorType::get({chunks}, builder.getF32Type()),
        getInput(), kSumChunk);
  } else {
    sums =
        buildRowSums(builder, loc, shapeOf(getInput()), {{getInput()}}, square)
            .front();
  }
  results.push_back(buildTotal(builder, loc, {{sums, Access::Row}}, asIs));
  return success();
}

int64_t ChunkSumSquaresOp::getRowExtent() { return extent(getOutput(), 0); }
int ChunkSumSquaresOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult ChunkSumSquaresOp::buildRow(OpBuilder &builder,
                                          ValueRange operands,
                                          ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value chunk = code.index(getChunk());
  Value first = arith::MulIOp::create(builder, getLoc(), row, chunk);
  Value rest = arith::SubIOp::create(builder, getLoc(),
                                     code.index(extent(getInput(), 0)), first);
  Value count = arith::MinUIOp::create(builder, getLoc(), rest, chunk);
  Value sum = code.sum(code.index(0), count, code.scalars.constant(0.0),
                       [&](RowCode &c, Value j) {
                         Value at =
                             arith::AddIOp::create(c.builder, c.loc, first, j);
                         Value x = c.load(operands[0], {at});
                         return c.scalars.mul(x, x);
                       });
  code.store(sum, results[0], {row});
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
