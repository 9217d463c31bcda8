//===- EmbeddingKernels.cpp - Lengths of rows, rows of unit length --------===//
//
// As linalg; formulas and shapes are those of ops/Head.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/KernelBuilder.h"
#include "dialects/pfc/ir/TensorTypes.h"

using namespace mlir;

namespace pfc {

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
      buildPointwise(
          builder, loc,
          {RankedTensorType::get({shapeOf(x)[0]}, builder.getF32Type())},
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
  RankedTensorType rows =
      RankedTensorType::get({shapeOf(x)[0]}, builder.getF32Type());
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

} // namespace pfc
