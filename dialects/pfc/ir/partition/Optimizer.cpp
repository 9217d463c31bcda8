//===- Optimizer.cpp - Updates and what they need, on one rank ------------===//
#include "dialects/pfc/ir/partition/Localize.h"

using namespace mlir;
using namespace pfc::partition;

namespace pfc {

LogicalResult MovingAverageOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getAverage());
  return localize(partitioner, *this, {form, form}, {form});
}

LogicalResult SumSquaresOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {batchSum(form)});
}

LogicalResult ClipFactorOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands(getNumOperands(), replicated);
  return localize(partitioner, *this, operands, {replicated, replicated});
}

/// Each rank looks at what it has; the flags are added.
LogicalResult FoundInfOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands;
  for (Value sum : getSums())
    operands.push_back(partitioner.shardingOf(sum));
  return localize(partitioner, *this, operands, {partial});
}

LogicalResult UpdateLossScaleOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> results(getNumResults(), replicated);
  return localize(partitioner, *this, {replicated, replicated, replicated},
                  results);
}

/// Each element by itself, where the parameter is.
static LogicalResult partitionOptimizer(Partitioner &partitioner,
                                        OptimizerOpInterface op) {
  Sharding form = usable(partitioner, op.getVariables().front());
  SmallVector<Sharding> results(op->getNumResults(), form);
  SmallVector<Sharding> operands(op->getNumResults() + 1, form);
  operands.append(op->getNumOperands() - operands.size(), replicated);
  return localize(partitioner, op, operands, results);
}

LogicalResult SgdOp::partition(Partitioner &partitioner) {
  return partitionOptimizer(partitioner, *this);
}

LogicalResult AdamWOp::partition(Partitioner &partitioner) {
  return partitionOptimizer(partitioner, *this);
}

LogicalResult BiasCorrectionsOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands(getNumOperands(), replicated);
  return localize(partitioner, *this, operands, {replicated, replicated});
}

LogicalResult UpdateRowsOp::partition(Partitioner &partitioner) {
  bool complete = true;
  auto operand = [&](Value value, const Sharding &form) {
    Value local = value ? partitioner.get(value, form) : Value();
    complete &= !value == !local;
    return local;
  };
  Value table = operand(getTable(), splitRows);
  Value momentum = operand(getMomentum(), splitRows);
  Value squares = operand(getSquares(), splitRows);
  Value correction1 = operand(getCorrection1(), replicated);
  Value correction2 = operand(getCorrection2(), replicated);
  Value indices = operand(getIndices(), splitRows);
  Value rows = operand(getRowsGrad(), splitRows);
  Value lr = operand(getLr(), replicated);
  Value unscale = operand(getUnscale(), replicated);
  Value foundInf = operand(getFoundInf(), replicated);
  Value step = operand(getStep(), replicated);
  if (!complete)
    return failure();
  int64_t classes = typeOf(getTable()).getDimSize(0);
  Value first = step ? partitioner.shardFirst(classes) : Value();
  Value count = partitioner.shardCount(classes);
  auto local = UpdateRowsOp::create(
      partitioner.builder(), getLoc(), table, momentum, squares, correction1,
      correction2, indices, rows, lr, count, unscale, foundInf, step, first,
      RowUpdate::Sampled, getOfUnitRows(), getMu(), getBeta2Attr(),
      getEpsAttr(), getWeightDecay(), getSeed());
  ResultRange updated = local->getResults();
  if (getRowUpdate() == RowUpdate::All)
    updated = CoastRowsOp::create(partitioner.builder(), getLoc(),
                                  local.getNewTable(), local.getNewMomentum(),
                                  local.getNewSquares(), correction1,
                                  correction2, indices, lr, count, foundInf,
                                  step, first, getMu(), getBeta2Attr(),
                                  getEpsAttr(), getWeightDecay(), getSeed())
                  ->getResults();
  for (auto [result, value] : llvm::zip_equal(getResults(), updated))
    partitioner.set(result, value, splitRows);
  return success();
}

} // namespace pfc
