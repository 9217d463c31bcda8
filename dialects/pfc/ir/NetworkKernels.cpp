//===- NetworkKernels.cpp - What the network does to each element ---------===//
//
// Element-wise ops and sums over the batch, as linalg. Formulas and shapes are
// those of ops/*.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/KernelBuilder.h"
#include "dialects/pfc/ir/TensorTypes.h"

using namespace mlir;

namespace pfc {

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
  results = buildPointwise(builder, getLoc(), {typeOf(getOutput())},
                           {{getInput()}}, asIs);
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
  int64_t columns = shapeOf(getInput()).back();
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
  results.push_back(buildChannelSum(builder, getLoc(), shapeOf(getInput()),
                                    {{getInput()}}, asIs));
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
      builder, getLoc(), shapeOf(getInput())[0], shapeOf(getInput()).back(),
      /*keepRow=*/false, {{getInput()}},
      [&](Scalars &s, ValueRange x) -> SmallVector<Value> {
        return {s.mul(x[0], s.constant(scale))};
      });
  return success();
}

} // namespace pfc
