#include "dialects/pfc/ir/verify/Shapes.h"
#include "runtime/base/ClassPermutation.h"

using namespace mlir;

namespace pfc {

LogicalResult verify::verifyShape(Operation *op, Value value, StringRef name,
                                  ArrayRef<int64_t> expected) {
  if (shapeOf(value) == expected)
    return success();
  InFlightDiagnostic error = op->emitOpError(name) << " must be [";
  llvm::interleaveComma(expected, error);
  return error << "]";
}

LogicalResult verify::verifyMatrix(Operation *op, Value value, StringRef name) {
  if (shapeOf(value).size() == 2)
    return success();
  return op->emitOpError(name) << " must be a matrix";
}

LogicalResult verify::verifyPerChannel(Operation *op, ArrayRef<int64_t> input,
                                       Value vector, StringRef what) {
  if (shapeOf(vector) != ArrayRef<int64_t>{input.back()})
    return op->emitOpError(what)
           << " must have one element a channel (" << input.back() << ")";
  return success();
}

LogicalResult verify::verifyRowProducts(Operation *op, Value lhs, Value rhs,
                                        Value result) {
  ArrayRef<int64_t> l = shapeOf(lhs), r = shapeOf(rhs), out = shapeOf(result);
  if (l.size() != 2 || r.size() != 2 || out.size() != 2 || l[1] != r[1] ||
      out[0] != l[0] || out[1] != r[0])
    return op->emitOpError("takes [M,K] and [N,K] to [M,N]");
  return success();
}

LogicalResult verify::verifyDraw(Operation *op, Draw draw, int64_t shard) {
  if (draw == Draw::Permutation && shard > rt::ClassPermutation::maxShard)
    return op->emitOpError("can't permute a shard of ")
           << shard << " classes; at most " << rt::ClassPermutation::maxShard;
  return success();
}

LogicalResult verify::verifyRowsAndColumns(Operation *op, Value matrix,
                                           StringRef name, Value columns) {
  if (failed(verifyMatrix(op, matrix, name)))
    return failure();
  return verifyShape(op, columns, "columns", shapeOf(matrix)[0]);
}

} // namespace pfc
