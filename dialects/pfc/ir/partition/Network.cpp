//===- Network.cpp - The network's ops on one rank ------------------------===//
#include "dialects/pfc/ir/partition/Localize.h"

using namespace mlir;
using namespace pfc::partition;

namespace pfc {

LogicalResult ScalePixelsOp::partition(Partitioner &partitioner) {
  Sharding form = partitioner.shardingOf(getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult Conv2dOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, replicated}, {form});
}

LogicalResult Conv2dInputGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getOutputGrad());
  return localize(partitioner, *this, {form, replicated}, {form});
}

LogicalResult Conv2dFilterGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form}, {batchSum(form)});
}

LogicalResult BatchStatsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  int64_t groups = typeOf(getMean()).getDimSize(0);
  if (form.isSplit() && groups != partitioner.worldSize())
    return emitOpError("has ")
           << groups << " groups, but a batch split over "
           << partitioner.worldSize()
           << " ranks needs one group for each; merge_stats makes them one";
  return localize(partitioner, *this, {form}, {form, form});
}

LogicalResult MergeStatsOp::partition(Partitioner &partitioner) {
  return localize(partitioner, *this, {replicated, replicated},
                  {replicated, replicated});
}

LogicalResult BatchNormOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  Sharding stats = usable(partitioner, getMean());
  return localize(partitioner, *this,
                  {form, stats, stats, replicated, replicated}, {form});
}

LogicalResult BatchNormGradStatsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  Sharding stats = usable(partitioner, getMean());
  Sharding sums = stats.isReplicated() ? batchSum(form) : stats;
  return localize(partitioner, *this, {form, form, stats, stats}, {sums, sums});
}

LogicalResult BatchNormGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  Sharding stats = usable(partitioner, getMean());
  return localize(partitioner, *this,
                  {form, form, stats, stats, replicated, stats, stats}, {form});
}

LogicalResult PReluOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, replicated}, {form});
}

LogicalResult PReluGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form, replicated}, {form});
}

LogicalResult PReluSlopeGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form}, {batchSum(form)});
}

LogicalResult AddOp::partition(Partitioner &partitioner) {
  Sharding lhs = partitioner.shardingOf(getLhs());
  Sharding rhs = partitioner.shardingOf(getRhs());
  // Linear: two partial sums may be added before they are reduced.
  Sharding form = lhs == rhs ? lhs : usable(partitioner, getLhs());
  return localize(partitioner, *this, {form, form}, {form});
}

/// A rank's rows are one behind the other: as many whole rows of the result,
/// where the ranks divide those.
LogicalResult ReshapeOp::partition(Partitioner &partitioner) {
  Sharding form = partitioner.shardingOf(getInput());
  if (form.form == Form::Split && !form.isSplit(0))
    form = replicated;
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult AddBiasOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, replicated}, {form});
}

LogicalResult ChannelSumOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {batchSum(form)});
}

LogicalResult SumGroupsOp::partition(Partitioner &partitioner) {
  // Groups of synchronised statistics are partial sums that batch_norm_grad
  // needs whole anyway: the same all_reduce serves both.
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {batchSum(form)});
}

LogicalResult DropoutOp::partition(Partitioner &partitioner) {
  return localizeDrawn(partitioner, *this);
}

} // namespace pfc
