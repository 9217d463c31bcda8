//===- Localize.h - One rank's part of an op --------------------*- C++ -*-===//
//
// What ops of all families are partitioned with. Forms are those of
// Partitioner.h; the rules, with f the form of an op's data:
//
//   element-wise, statistics applied   f -> f; per-channel operands whole
//   sums over the batch                Split(0) -> Partial
//   product over a split extent        Split × Split -> Partial
//   products for each g                Split(0) × Split(0) -> Split(0)
//   indices, counts of sampled rows    Split(0), row numbers local to the shard
//   columns                            Owned
//   parameters                         whole, so that partial gradients meet
//                                      their all_reduce at pfc.sgd
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_IR_PARTITION_LOCALIZE_H
#define DIALECTS_PFC_IR_PARTITION_LOCALIZE_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/ir/TensorTypes.h"

namespace pfc::partition {

inline const Sharding replicated = Sharding::replicated();
inline const Sharding partial = Sharding::partial();
inline const Sharding owned = Sharding::owned();
inline const Sharding splitRows = Sharding::split(0);
inline const Sharding splitColumns = Sharding::split(1);

/// Builds `op` on one rank: operand i in form `operands[i]`, result i left in
/// form `results[i]`.
mlir::LogicalResult localize(Partitioner &partitioner, mlir::Operation *op,
                             llvm::ArrayRef<Sharding> operands,
                             llvm::ArrayRef<Sharding> results);

/// Sums over the batch: of a whole batch whole, of a split one partial.
inline Sharding batchSum(Sharding batch) {
  return batch.isSplit() ? partial : batch;
}

/// The form an op that isn't linear can take `value` in: sums come whole.
inline Sharding usable(Partitioner &partitioner, mlir::Value value) {
  Sharding sharding = partitioner.shardingOf(value);
  return sharding == partial ? replicated : sharding;
}

/// What is drawn for a row is a function of its place in the whole batch: `op`,
/// pfc.dropout or one like it, with the place of this rank's first row.
template <typename Op>
mlir::LogicalResult localizeDrawn(Partitioner &partitioner, Op op) {
  Sharding form = usable(partitioner, op.getInput());
  mlir::Value input = partitioner.get(op.getInput(), form);
  mlir::Value step = partitioner.get(op.getStep(), replicated);
  if (!input || !step)
    return mlir::failure();
  mlir::Value offset;
  if (form.isSplit())
    offset = partitioner.shardFirst(shapeOf(op.getInput())[0]);
  mlir::Value output =
      Op::create(partitioner.builder(), op.getLoc(), input, step, offset,
                 op.getRate(), op.getSeed(), op.getLayer());
  partitioner.set(op.getOutput(), output, form);
  return mlir::success();
}

} // namespace pfc::partition

#endif // DIALECTS_PFC_IR_PARTITION_LOCALIZE_H
