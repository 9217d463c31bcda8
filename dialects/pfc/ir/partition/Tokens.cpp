//===- Tokens.cpp - Ops on tokens on one rank -----------------------------===//
#include "dialects/pfc/ir/partition/Localize.h"

using namespace mlir;
using namespace pfc::partition;

namespace pfc {

/// Statistics of a token are where the token is.
LogicalResult LayerStatsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form, form});
}

LogicalResult LayerNormOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this,
                  {form, form, form, replicated, replicated}, {form});
}

LogicalResult LayerNormGradStatsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form, form, form, replicated},
                  {form, form});
}

LogicalResult LayerNormGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this,
                  {form, form, form, form, replicated, form, form}, {form});
}

LogicalResult LayerNormGainGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form, form, form},
                  {batchSum(form)});
}

LogicalResult Relu6Op::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult Relu6GradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form}, {form});
}

LogicalResult DropPathOp::partition(Partitioner &partitioner) {
  return localizeDrawn(partitioner, *this);
}

/// An image's heads follow one another: split as the images are.
LogicalResult SplitHeadsOp::partition(Partitioner &partitioner) {
  Sharding form = partitioner.shardingOf(getInput());
  return localize(partitioner, *this, {form},
                  SmallVector<Sharding>(getNumResults(), form));
}

LogicalResult MergeHeadsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getParts().front());
  return localize(partitioner, *this,
                  SmallVector<Sharding>(getNumOperands(), form), {form});
}

LogicalResult SoftmaxOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult SoftmaxGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getOutput());
  return localize(partitioner, *this, {form, form}, {form});
}

/// Each rank samples those of its own images.
LogicalResult SampleTokensOp::partition(Partitioner &partitioner) {
  Value step = partitioner.get(getStep(), replicated);
  RankedTensorType kept = partitioner.localType(getKept(), splitRows);
  RankedTensorType slots = partitioner.localType(getSlots(), splitRows);
  if (!step || !kept || !slots)
    return failure();
  Value offset = partitioner.shardFirst(typeOf(getSlots()).getDimSize(0));
  auto local = SampleTokensOp::create(partitioner.builder(), getLoc(), kept,
                                      slots, slots, step, offset, getSeed());
  for (auto [logical, result] : llvm::zip(getResults(), local.getResults()))
    partitioner.set(logical, result, splitRows);
  return success();
}

LogicalResult GatherTokensOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getKept());
  return localize(partitioner, *this, {form, form, form}, {form});
}

LogicalResult RestoreTokensOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getKept());
  SmallVector<Sharding> operands{form, form, form};
  if (getMask())
    operands.push_back(replicated);
  return localize(partitioner, *this, operands, {form});
}

LogicalResult MaskTokenGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getSlots());
  return localize(partitioner, *this, {form, form}, {batchSum(form)});
}

} // namespace pfc
