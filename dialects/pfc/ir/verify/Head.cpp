//===- Head.cpp - Constraints of ops/Head.td ------------------------------===//
#include "dialects/pfc/ir/verify/Shapes.h"

using namespace mlir;
using namespace pfc::verify;

namespace pfc {

LogicalResult NormalizeOp::verify() {
  return verifyMatrix(*this, getInput(), "input");
}

LogicalResult NormalizeGradOp::verify() {
  return verifyMatrix(*this, getInput(), "input");
}

LogicalResult CosineLogitsOp::verify() {
  return verifyRowProducts(*this, getEmbeddings(), getCenters(), getCosines());
}

LogicalResult SampleCentersOp::verify() {
  int64_t shards = shapeOf(getCounts())[0], classes = getClasses();
  double rate = getSampleRate().convertToDouble();
  if (shards < 1 || classes < shards) // (C1)
    return emitOpError("cannot split ")
           << classes << " classes over " << shards
           << " ranks: every rank needs at least one";
  if (!(rate >= 0.0 && rate <= 1.0))
    return emitOpError("sample rate must be in [0, 1]");
  int64_t largest = (classes + shards - 1) / shards;
  if (failed(verifyDraw(*this, getDraw(), largest)))
    return failure();
  int64_t batch = shapeOf(getLabels())[0];
  int64_t needed =
      rate == 1.0
          ? largest
          : std::min(largest, std::max(static_cast<int64_t>(rate * largest),
                                       std::min(batch, largest)));
  if (static_cast<int64_t>(getCapacity()) < needed) // (C2)
    return emitOpError("capacity must be at least ") << needed;
  if (shapeOf(getIndices())[0] != shards * static_cast<int64_t>(getCapacity()))
    return emitOpError("indices must have capacity slots for each shard");
  return success();
}

LogicalResult GatherRowsOp::verify() {
  ArrayRef<int64_t> table = shapeOf(getTable()), rows = shapeOf(getRows());
  if (table.size() != 2 || rows.size() != 2 || table[1] != rows[1] ||
      rows[0] != shapeOf(getIndices())[0])
    return emitOpError("takes table [C,D] and indices [S] to rows [S,D]");
  return success();
}

LogicalResult SoftmaxCrossEntropyOp::verify() {
  ArrayRef<int64_t> logits = shapeOf(getLogits());
  if (logits.size() != 2 || logits[1] % shapeOf(getCounts())[0] != 0)
    return emitOpError("the logits' columns must be equal shards, one a count");
  if (shapeOf(getStats()) != ArrayRef<int64_t>{logits[0], 2})
    return emitOpError("stats must be [B,2]");
  return success();
}

LogicalResult ScatterRowsOp::verify() {
  ArrayRef<int64_t> rows = shapeOf(getRows()), table = shapeOf(getTableGrad());
  if (rows.size() != 2 || table.size() != 2 || rows[1] != table[1] ||
      rows[0] != shapeOf(getIndices())[0])
    return emitOpError("takes rows [S,D] and indices [S] to a table [C,D]");
  return success();
}

LogicalResult RowNormsOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (input.size() != 2)
    return emitOpError("takes rows [B,D]");
  return verifyShape(*this, getOutput(), "output", {input[0]});
}

LogicalResult AdaptiveMarginsOp::verify() {
  if (shapeOf(getNorms()).size() != 1)
    return emitOpError("takes norms [B]");
  if (failed(verifyShape(*this, getMean(), "mean", {1})))
    return failure();
  return verifyShape(*this, getMargins(), "margins",
                     {shapeOf(getNorms())[0], 2});
}

LogicalResult MarginOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getCosines())[0])))
    return failure();
  return verifyRowsAndColumns(*this, getCosines(), "cosines", getColumns());
}

LogicalResult MarginGradOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getCosines())[0])))
    return failure();
  return verifyRowsAndColumns(*this, getCosines(), "cosines", getColumns());
}

LogicalResult SoftmaxCrossEntropyGradOp::verify() {
  if (failed(verifyRowsAndColumns(*this, getLogits(), "logits", getColumns())))
    return failure();
  ArrayRef<int64_t> logits = shapeOf(getLogits());
  if (logits[1] % shapeOf(getCounts())[0] != 0)
    return emitOpError("the logits' columns must be equal shards, one a count");
  if (getBatch() < 1)
    return emitOpError("batch must be the rows the loss is a mean over");
  return verifyShape(*this, getStats(), "stats", {logits[0], 2});
}

} // namespace pfc
