//===- RankHead.cpp - Constraints of ops/RankHead.td ----------------------===//
#include "dialects/pfc/ir/verify/Shapes.h"

using namespace mlir;
using namespace pfc::verify;

namespace pfc {

LogicalResult ScaleRowsOp::verify() {
  if (failed(verifyMatrix(*this, getInput(), "input")) ||
      failed(verifyShape(*this, getOutput(), "output", shapeOf(getInput()))))
    return failure();
  return verifyShape(*this, getFactors(), "factors", shapeOf(getInput())[0]);
}

LogicalResult SoftmaxStatsOp::verify() {
  if (failed(
          verifyRowsAndColumns(*this, getLogits(), "logits", getColumns())) ||
      failed(verifyShape(*this, getCount(), "count", {1})))
    return failure();
  return verifyShape(*this, getStats(), "stats", {shapeOf(getLogits())[0], 2});
}

LogicalResult SoftmaxLossOp::verify() {
  if (failed(verifyShape(*this, getLoss(), "loss", {1})))
    return failure();
  return verifyShape(*this, getStats(), "stats", {shapeOf(getStats())[0], 2});
}

Type SampleLocalCentersOp::typeOfDrawn(MLIRContext *context, Draw draw,
                                       int64_t shardSize) {
  if (draw != Draw::Permutation)
    return {};
  return RankedTensorType::get({llvm::divideCeil(shardSize, 64)},
                               IntegerType::get(context, 64));
}

LogicalResult SampleLocalCentersOp::verify() {
  double rate = getSampleRate().convertToDouble();
  if (!(rate >= 0.0 && rate <= 1.0))
    return emitOpError("sample rate must be in [0, 1]");
  if (failed(verifyShape(*this, getStep(), "step", {1})))
    return failure();
  int64_t shard = getShardSize(), batch = shapeOf(getLabels())[0];
  if (failed(verifyDraw(*this, getDraw(), shard)))
    return failure();
  int64_t needed =
      rate == 1.0 ? shard
                  : std::min(shard, std::max(static_cast<int64_t>(rate * shard),
                                             std::min(batch, shard)));
  if (shapeOf(getIndices())[0] < needed)
    return emitOpError("indices must have at least ") << needed << " slots";
  Type drawn = typeOfDrawn(getContext(), getDraw(), shard);
  Type given = getDrawn() ? Type(getDrawn().getType()) : Type();
  if (given != drawn && !drawn)
    return emitOpError("(C1) only a permutation has bits of what is drawn");
  if (given != drawn)
    return emitOpError("(C1) a permutation has bits of what is drawn, ")
           << drawn;
  return success();
}

LogicalResult MarginSoftmaxOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getColumns())[0])))
    return failure();
  if (failed(
          verifyRowProducts(*this, getEmbeddings(), getCenters(), getExps())))
    return failure();
  if (cast<RankedTensorType>(getExps().getType()).getElementType().isF16())
    return emitOpError("(C1) fp16 has no room for exponentials");
  int64_t rows = shapeOf(getExps())[0];
  if (failed(verifyShape(*this, getStats(), "stats", {rows, 2})) ||
      failed(verifyShape(*this, getTargets(), "targets", {rows})) ||
      failed(verifyShape(*this, getColumns(), "columns", {rows})))
    return failure();
  return verifyShape(*this, getCount(), "count", {1});
}

LogicalResult MarginExpOp::verify() {
  if (failed(
          verifyRowsAndColumns(*this, getCosines(), "cosines", getColumns())))
    return failure();
  ArrayRef<int64_t> cosines = shapeOf(getCosines());
  if (failed(verifyShape(*this, getExps(), "exps", cosines)) ||
      failed(verifyShape(*this, getNewSums(), "new_sums", {cosines[0]})))
    return failure();
  return getSums() ? verifyShape(*this, getSums(), "sums", {cosines[0]})
                   : success();
}

LogicalResult GatherUnitRowsOp::verify() {
  ArrayRef<int64_t> table = shapeOf(getTable()), rows = shapeOf(getRows());
  if (table.size() != 2 || rows.size() != 2 || table[1] != rows[1] ||
      rows[0] != shapeOf(getIndices())[0])
    return emitOpError("takes table [C,D] and indices [T] to rows [T,D]");
  return success();
}

/// What one row of [B,D] and its own class, in a table [C,D], come to.
static LogicalResult verifyOwnClasses(Operation *op, Value matrix,
                                      StringRef name, Value table,
                                      Value columns) {
  if (failed(verifyRowsAndColumns(op, matrix, name, columns)))
    return failure();
  return verifyShape(op, table, "table",
                     {shapeOf(table)[0], shapeOf(matrix)[1]});
}

LogicalResult TargetCosinesOp::verify() {
  if (failed(verifyOwnClasses(*this, getEmbeddings(), "embeddings", getTable(),
                              getColumns())))
    return failure();
  return verifyShape(*this, getTargets(), "targets",
                     {shapeOf(getEmbeddings())[0]});
}

LogicalResult MarginTargetOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getSums())[0])))
    return failure();
  int64_t rows = shapeOf(getSums())[0];
  if (failed(verifyShape(*this, getSums(), "sums", {rows})) ||
      failed(verifyShape(*this, getColumns(), "columns", {rows})))
    return failure();
  return verifyShape(*this, getStats(), "stats", {rows, 2});
}

LogicalResult MarginEmbeddingsGradOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getColumns())[0])))
    return failure();
  if (failed(verifyOwnClasses(*this, getProducts(), "products", getTable(),
                              getColumns())))
    return failure();
  int64_t rows = shapeOf(getProducts())[0];
  if (failed(verifyShape(*this, getEmbeddingsGrad(), "embeddings_grad",
                         shapeOf(getProducts()))) ||
      failed(verifyShape(*this, getStats(), "stats", {rows, 2})) ||
      failed(verifyShape(*this, getTargets(), "targets", {rows})) ||
      failed(verifyShape(*this, getFactors(), "factors", {rows})))
    return failure();
  if (getBatch() < 1)
    return emitOpError("batch must be the rows the loss is a mean over");
  return success();
}

LogicalResult MarginSoftmaxGradOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getColumns())[0])))
    return failure();
  if (failed(
          verifyRowProducts(*this, getEmbeddings(), getCenters(), getExps())) ||
      failed(verifyShape(*this, getEmbeddingsGrad(), "embeddings_grad",
                         shapeOf(getEmbeddings()))) ||
      failed(verifyShape(*this, getCentersGrad(), "centers_grad",
                         shapeOf(getCenters()))))
    return failure();
  return verifyRowsAndColumns(*this, getExps(), "exps", getColumns());
}

/// What ops say of a tile of E, whose target elements they replace.
template <typename Op>
static LogicalResult verifyTileOfExps(Op op) {
  if (failed(verifyRowMargins(op, shapeOf(op.getColumns())[0])) ||
      failed(verifyRowsAndColumns(op, op.getExps(), "exps", op.getColumns())))
    return failure();
  int64_t rows = shapeOf(op.getExps())[0];
  if (failed(verifyShape(op, op.getStats(), "stats", {rows, 2})))
    return failure();
  return verifyShape(op, op.getTargets(), "targets", {rows});
}

LogicalResult MarginPatchOp::verify() { return verifyTileOfExps(*this); }

LogicalResult MarginCosinesGradOp::verify() {
  if (failed(verifyTileOfExps(*this)) ||
      failed(verifyShape(*this, getCosinesGrad(), "cosines_grad",
                         shapeOf(getExps()))))
    return failure();
  if (getBatch() < 1)
    return emitOpError("batch must be the rows the loss is a mean over");
  return success();
}

} // namespace pfc
