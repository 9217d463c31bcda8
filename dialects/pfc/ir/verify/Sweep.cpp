//===- Sweep.cpp - Constraints of ops/Sweep.td ----------------------------===//
#include "dialects/pfc/ir/verify/Shapes.h"

using namespace mlir;
using namespace pfc::verify;

namespace pfc {

OperandRange SweepOp::getYielded() {
  return getBody().front().getTerminator()->getOperands();
}

/// Whether `op` reads only activations of what others of its block compute.
static bool readsActivationsOnly(Operation *op, ArrayRef<int64_t> shape) {
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return !operand.getDefiningOp() || shapeOf(operand) == shape;
  });
}

LogicalResult SweepOp::verify() {
  if (getBody().getArgumentTypes() != getInputs().getTypes()) // (C1)
    return emitOpError("body must take the inputs' types");
  if (!isa<YieldOp>(getBody().front().getTerminator()) ||
      getYielded().getTypes() != getOutputs().getTypes())
    return emitOpError("body must yield the outputs' types");
  for (Value yielded : getYielded())
    if (!yielded.getDefiningOp())
      return emitOpError("body must yield what its ops compute");
  ArrayRef<int64_t> shape;
  for (Operation &op : getBody().front().without_terminator()) {
    ArrayRef<int64_t> swept = sweptShape(&op);
    if (shape.empty())
      shape = swept;
    if (swept.empty() || swept != shape) // (C2)
      return op.emitOpError("is not over the activations of its sweep");
    if (!readsActivationsOnly(&op, shape)) // (C3)
      return op.emitOpError("reads a sum of its own sweep");
  }
  return success();
}

} // namespace pfc
