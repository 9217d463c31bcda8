#include "dialects/pfc/ir/Sweep.h"

#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/ir/TensorTypes.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace pfc {

/// A filter has dimensions enough, too.
static bool isParameterCast(Operation *op) {
  auto cast = dyn_cast<CastOp>(op);
  return cast && cast.getInput().getDefiningOp<VariableOp>();
}

ArrayRef<int64_t> sweptShape(Operation *op) {
  if (auto sweep = dyn_cast<SweepOp>(op))
    return sweptShape(&sweep.getBody().front().front());
  if (!op->hasTrait<Sweepable>() || isParameterCast(op))
    return {};
  ArrayRef<int64_t> shape = shapeOf(op->getOperand(0));
  return shape.size() < 3 ? ArrayRef<int64_t>() : shape;
}

bool isActivation(Value value, Operation *op) {
  ArrayRef<int64_t> shape = sweptShape(op);
  return !shape.empty() && shapeOf(value) == shape;
}

int64_t countPasses(Operation *op) {
  llvm::SmallPtrSet<Value, 8> read;
  for (Value operand : op->getOperands())
    if (isActivation(operand, op))
      read.insert(operand);
  return read.size() + llvm::count_if(op->getResults(), [&](Value result) {
           return isActivation(result, op);
         });
}

} // namespace pfc
