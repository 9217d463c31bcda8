//===- Optimizer.cpp - Constraints of ops/Optimizer.td --------------------===//
#include "dialects/pfc/ir/verify/Shapes.h"

using namespace mlir;
using namespace pfc::verify;

namespace pfc {

LogicalResult SumSquaresOp::verify() {
  return verifyShape(*this, getOutput(), "output", {1});
}

LogicalResult ClipFactorOp::verify() {
  if (!(getLimit().convertToDouble() > 0.0))
    return emitOpError("limit must be above 0");
  return verifyShape(*this, getSumSquares(), "sum_squares", {1});
}

LogicalResult FoundInfOp::verify() {
  if (getSums().empty())
    return emitOpError("needs a sum to look at");
  return success();
}

LogicalResult UpdateLossScaleOp::verify() {
  double growth = getGrowth().convertToDouble();
  double backoff = getBackoff().convertToDouble();
  if (!(growth > 1.0) || !(backoff > 0.0 && backoff < 1.0))
    return emitOpError("needs growth above 1 and backoff in (0, 1)");
  if (static_cast<int64_t>(getInterval()) < 1)
    return emitOpError("interval must be at least 1");
  return success();
}

/// `tensors` fill `bucket`, one behind the other.
static LogicalResult verifyBucket(Operation *op, Value bucket,
                                  ValueRange tensors) {
  auto type = cast<RankedTensorType>(bucket.getType());
  int64_t elements = 0;
  for (Value tensor : tensors) {
    auto part = cast<RankedTensorType>(tensor.getType());
    if (part.getElementType() != type.getElementType() ||
        !fillsBucketRows(part)) // (C1)
      return op->emitOpError("of ")
             << type << " can't hold " << part << ": " << bucketRowBytes
             << "-byte rows of " << type.getElementType() << " are wanted";
    elements += part.getNumElements();
  }
  if (tensors.empty() || type.getRank() == 0 ||
      type.getShape().back() != elements ||
      type.getNumElements() != elements) // (C2)
    return op->emitOpError("has tensors of ")
           << elements << " elements for " << type;
  return success();
}

LogicalResult BucketOp::verify() {
  return verifyBucket(*this, getBucket(), getTensors());
}

LogicalResult UnbucketOp::verify() {
  return verifyBucket(*this, getBucket(), getTensors());
}

LogicalResult ChunkSumSquaresOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (getChunk() < 1 || input.size() != 1)
    return emitOpError("takes a vector, in chunks of at least 1");
  return verifyShape(*this, getOutput(), "output",
                     {llvm::divideCeilSigned(input[0], getChunk())});
}

/// Results are the table and its state, anew.
template <typename Op>
static LogicalResult inferRowTypes(typename Op::Adaptor adaptor,
                                   SmallVectorImpl<Type> &types) {
  types.assign({adaptor.getTable().getType(), adaptor.getMomentum().getType()});
  if (Value squares = adaptor.getSquares())
    types.push_back(squares.getType());
  return success();
}

/// The state lies as its table does.
template <typename Op>
static LogicalResult verifyState(Op op) {
  ArrayRef<int64_t> table = shapeOf(op.getTable());
  if (failed(verifyShape(op, op.getMomentum(), "momentum", table)) ||
      (op.getSquares() &&
       failed(verifyShape(op, op.getSquares(), "squares", table))))
    return failure();
  bool adamw = op.getSquares() != nullptr;
  for (bool part :
       {op.getCorrection1() != nullptr, op.getCorrection2() != nullptr,
        op.getBeta2().has_value(), op.getEps().has_value()})
    if (part != adamw) // (C2)
      return op.emitOpError("takes squares, two corrections, beta2 and eps, or "
                            "none of them");
  return success();
}

static bool isBf16(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType().isBF16();
}

/// Whoever rounds a bf16 table must know the step, and a f32 table stays as it
/// is.
template <typename Op>
static LogicalResult verifyRounding(Op op) {
  if (isBf16(op.getTable()) == (op.getStep() != nullptr)) // (C1)
    return success();
  return op.emitOpError(op.getStep() ? "rounds a table that is not bf16"
                                     : "does not say how a bf16 table is "
                                       "rounded");
}

LogicalResult
UpdateRowsOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                               ValueRange operands, DictionaryAttr attributes,
                               OpaqueProperties properties, RegionRange regions,
                               SmallVectorImpl<Type> &types) {
  return inferRowTypes<UpdateRowsOp>(
      {operands, attributes, properties, regions}, types);
}

LogicalResult UpdateRowsOp::verify() {
  if (failed(verifyState(*this)) || failed(verifyRounding(*this)))
    return failure();
  ArrayRef<int64_t> table = shapeOf(getTable()), rows = shapeOf(getRowsGrad());
  if (table.size() != 2 || rows.size() != 2 || table[1] != rows[1] ||
      rows[0] != shapeOf(getIndices())[0])
    return emitOpError(
        "takes table [C,D], indices [S] and row gradients [S,D]");
  return success();
}

LogicalResult
CoastRowsOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                              ValueRange operands, DictionaryAttr attributes,
                              OpaqueProperties properties, RegionRange regions,
                              SmallVectorImpl<Type> &types) {
  return inferRowTypes<CoastRowsOp>({operands, attributes, properties, regions},
                                    types);
}

LogicalResult CoastRowsOp::verify() {
  if (failed(verifyState(*this)) || failed(verifyRounding(*this)))
    return failure();
  return verifyMatrix(*this, getTable(), "table");
}

/// A table [C,D], and its rows [S,D] at indices [S].
template <typename Op>
static LogicalResult verifyRowsOf(Op op) {
  ArrayRef<int64_t> table = shapeOf(op.getTable()),
                    rows = shapeOf(op.getRows());
  if (table.size() != 2 || rows.size() != 2 || table[1] != rows[1] ||
      rows[0] != shapeOf(op.getIndices())[0])
    return op.emitOpError("takes table [C,D], indices [S] and rows [S,D]");
  return success();
}

LogicalResult FetchRowsOp::verify() {
  if (failed(verifyRowsOf(*this)))
    return failure();
  if (!getFirstRow() != !getInit()) // (C1)
    return emitOpError("needs both `init` and its first row, or neither");
  return verifyShape(*this, getSlots(), "slots", shapeOf(getIndices()));
}

LogicalResult StoreRowsOp::verify() {
  if (getStep() && !isBf16(getTable()))
    return emitOpError("rounds a table that is not bf16");
  return verifyRowsOf(*this);
}

} // namespace pfc
