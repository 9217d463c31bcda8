//===- Shapes.h - What constraints say of tensors ---------------*- C++ -*-===//
//
// Each check says what is wrong at `op`. Constraint numbers (C1) … in this
// folder are those of the op descriptions in ops/*.td.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_DIALECTS_PFC_IR_VERIFY_SHAPES_H
#define PFC_DIALECTS_PFC_IR_VERIFY_SHAPES_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/ir/TensorTypes.h"

namespace pfc::verify {

/// Checks that `value`, called `name`, has shape `expected`.
mlir::LogicalResult verifyShape(mlir::Operation *op, mlir::Value value,
                                mlir::StringRef name,
                                mlir::ArrayRef<int64_t> expected);

mlir::LogicalResult verifyMatrix(mlir::Operation *op, mlir::Value value,
                                 mlir::StringRef name);

mlir::LogicalResult verifyPerChannel(mlir::Operation *op,
                                     mlir::ArrayRef<int64_t> input,
                                     mlir::Value vector, mlir::StringRef what);

/// result[i,j] = lhs[i,:]·rhs[j,:].
mlir::LogicalResult verifyRowProducts(mlir::Operation *op, mlir::Value lhs,
                                      mlir::Value rhs, mlir::Value result);

/// A matrix [B,S] of logits, cosines or exponentials with a column for each
/// row.
mlir::LogicalResult verifyRowsAndColumns(mlir::Operation *op,
                                         mlir::Value matrix,
                                         mlir::StringRef name,
                                         mlir::Value columns);

/// Margins of rows of their own, if an op has them: [rows,2].
template <typename Op>
mlir::LogicalResult verifyRowMargins(Op op, int64_t rows) {
  return op.getRowMargins()
             ? verifyShape(op, op.getRowMargins(), "row_margins", {rows, 2})
             : mlir::success();
}

/// A draw needs no array of the shard's size, but its numbers must fit.
mlir::LogicalResult verifyDraw(mlir::Operation *op, Draw draw, int64_t shard);

} // namespace pfc::verify

#endif // PFC_DIALECTS_PFC_IR_VERIFY_SHAPES_H
