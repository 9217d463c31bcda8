//===- InPlace.h - What may be written where it was read --------*- C++ -*-===//
//
// A result may lie where an operand does if nobody reads the operand any more
// and its producer has read each element before it writes it.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_INPLACE_H
#define PASSES_CODEGEN_INPLACE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/codegen/BufferTable.h"

namespace pfc {

/// Whether `use`, an operand of the op that defines `value`, is read at exactly
/// the elements of `value` it contributes to, so that it may be overwritten.
bool updatesElementwise(mlir::OpOperand &use, mlir::Value value);

/// Whether `user` reads what it uses before `op`, and nobody later through it.
bool readsBefore(mlir::Operation *user, mlir::Operation *op);

/// Whether nobody reads the buffer of `operand` after `op`, which takes it
/// once.
bool readsLast(mlir::Operation *op, mlir::Value operand);

/// Puts new values of variables where the old ones are, as far as that is
/// possible. The others are to be copied there at the end of the step.
void updateVariablesInPlace(mlir::func::FuncOp function, BufferTable &buffers);

} // namespace pfc

#endif // PASSES_CODEGEN_INPLACE_H
