//===- Head.cpp - The head's ops on one rank ------------------------------===//
#include "dialects/pfc/ir/partition/Localize.h"

using namespace mlir;
using namespace pfc::partition;

namespace pfc {

LogicalResult SampleCentersOp::partition(Partitioner &partitioner) {
  Value labels = partitioner.get(getLabels(), replicated);
  Value step = partitioner.get(getStep(), replicated);
  RankedTensorType indices = partitioner.localType(getIndices(), splitRows);
  RankedTensorType used = partitioner.localType(getCounts(), splitRows);
  if (!labels || !step || !indices || !used)
    return failure();
  int64_t classes = getClasses(),
          rows = llvm::divideCeil(classes, partitioner.worldSize());
  Value first = partitioner.shardFirst(classes);
  Value count = partitioner.shardCount(classes);
  auto local = SampleLocalCentersOp::create(
      partitioner.builder(), getLoc(), indices, used, getColumns().getType(),
      SampleLocalCentersOp::typeOfDrawn(getContext(), getDraw(), rows), labels,
      step, first, count, partitioner.rank(), rows, getSampleRate(), getSeed(),
      getDraw());
  partitioner.set(getIndices(), local.getIndices(), splitRows);
  partitioner.set(getCounts(), local.getUsed(), splitRows);
  partitioner.set(getColumns(), local.getColumns(), owned);
  return success();
}

LogicalResult GatherRowsOp::partition(Partitioner &partitioner) {
  return localize(partitioner, *this, {splitRows, splitRows}, {splitRows});
}

LogicalResult NormalizeOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult NormalizeGradOp::partition(Partitioner &partitioner) {
  // The sum over ranks of an embedding's gradient is wanted where the
  // embedding is: a reduce_scatter, not an all_reduce.
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form}, {form});
}

LogicalResult RowNormsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult AdaptiveMarginsOp::partition(Partitioner &partitioner) {
  // Statistics of the whole batch: the same on every rank.
  return localize(partitioner, *this, {replicated, replicated, replicated},
                  {replicated, replicated, replicated});
}

LogicalResult MarginOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands{splitColumns, owned};
  if (getRowMargins())
    operands.push_back(replicated);
  return localize(partitioner, *this, operands, {splitColumns});
}

LogicalResult MarginGradOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands{splitColumns, splitColumns, owned};
  if (getRowMargins())
    operands.push_back(replicated);
  return localize(partitioner, *this, operands, {splitColumns});
}

LogicalResult SoftmaxCrossEntropyOp::partition(Partitioner &partitioner) {
  Value logits = partitioner.get(getLogits(), splitColumns);
  Value columns = partitioner.get(getColumns(), owned);
  Value used = partitioner.get(getCounts(), splitRows);
  if (!logits || !columns || !used)
    return failure();
  OpBuilder &builder = partitioner.builder();
  Value part = SoftmaxStatsOp::create(builder, getLoc(), getStats().getType(),
                                      logits, columns, used, getShift());
  partitioner.set(getStats(), part, partial);
  Value stats = partitioner.get(getStats(), replicated);
  if (!stats)
    return failure();
  Value loss = SoftmaxLossOp::create(builder, getLoc(), getLoss().getType(),
                                     stats, getShift());
  partitioner.set(getLoss(), loss, replicated);
  return success();
}

LogicalResult SoftmaxCrossEntropyGradOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands{splitColumns, owned, splitRows, replicated};
  if (getLossScale())
    operands.push_back(replicated);
  return localize(partitioner, *this, operands, {splitColumns});
}

} // namespace pfc
