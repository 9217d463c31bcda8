//===- VerifyPartitioned.cpp - pfc-verify-partitioned ---------------------===//
#include "passes/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace pfc {
#define GEN_PASS_DEF_VERIFYPARTITIONEDPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

namespace {

class Checker {
public:
  Checker(func::FuncOp function, int64_t ranks)
      : function(function), ranks(ranks) {}

  LogicalResult run();

private:
  func::FuncOp function;
  int64_t ranks;
  llvm::StringMap<Type> variables;

  LogicalResult check(Operation *op);
  LogicalResult checkVariable(VariableOp op);
  LogicalResult checkAssign(AssignOp op);
  LogicalResult checkGroups(Operation *op, Value statistic);
  LogicalResult checkExtents(Operation *op, Value part, Value whole,
                             int64_t dimension);
};

} // namespace

LogicalResult Checker::checkVariable(VariableOp op) {
  variables[op.getName()] = op.getType();
  if (!op.getSharded())
    return success();
  if (!op.getRows())
    return op.emitOpError("is sharded but does not say how many rows the whole "
                          "job has");
  int64_t rows = *op.getRows(), expected = llvm::divideCeil(rows, ranks);
  if (shapeOf(op)[0] != expected)
    return op.emitOpError("has ")
           << shapeOf(op)[0] << " rows; one of " << ranks << " ranks has "
           << expected << " of " << rows;
  return success();
}

LogicalResult Checker::checkAssign(AssignOp op) {
  Type type = variables.lookup(op.getName());
  if (!type)
    return op.emitOpError("writes a variable that is not read before");
  if (type != op.getValue().getType())
    return op.emitOpError("writes ")
           << op.getValue().getType() << " to a variable of type " << type;
  return success();
}

LogicalResult Checker::checkGroups(Operation *op, Value statistic) {
  if (shapeOf(statistic)[0] != 1)
    return op->emitOpError("has statistics of ")
           << shapeOf(statistic)[0] << " groups; one rank has one";
  return success();
}

/// A collective between a rank's part and the whole along `dimension`.
LogicalResult Checker::checkExtents(Operation *op, Value part, Value whole,
                                    int64_t dimension) {
  SmallVector<int64_t> expected(shapeOf(part));
  expected[dimension] *= ranks;
  if (shapeOf(whole) != ArrayRef<int64_t>(expected))
    return op->emitOpError("must multiply dimension ")
           << dimension << " by the number of ranks, " << ranks;
  return success();
}

LogicalResult Checker::check(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<SampleCentersOp, LinearOp, SoftmaxCrossEntropyOp, ScatterRowsOp,
            GradientOp>([](Operation *logical) {
        return logical->emitOpError("is an op of the whole job; pfc-partition "
                                    "leaves none");
      })
      .Case([&](VariableOp variable) { return checkVariable(variable); })
      .Case([&](AssignOp assign) { return checkAssign(assign); })
      .Case<BatchStatsOp, BatchNormOp, BatchNormGradStatsOp, BatchNormGradOp>(
          [&](auto norm) { return checkGroups(norm, norm.getMean()); })
      .Case([&](DropoutOp dropout) -> LogicalResult {
        if (ranks > 1 && !dropout.getRowOffset())
          return dropout.emitOpError("does not know which rows it has");
        return success();
      })
      .Case([&](UpdateRowsOp update) -> LogicalResult {
        if (!update.getCount())
          return update.emitOpError("does not know how many rows are in use");
        return success();
      })
      .Case([&](shard::AllGatherOp gather) {
        return checkExtents(gather, gather.getInput(), gather.getResult(),
                            gather.getGatherAxis().getSExtValue());
      })
      .Case([&](shard::ReduceScatterOp scatter) {
        return checkExtents(scatter, scatter.getResult(), scatter.getInput(),
                            scatter.getScatterAxis().getSExtValue());
      })
      .Default([](Operation *) { return success(); });
}

LogicalResult Checker::run() {
  LogicalResult result = success();
  for (Operation &op : function.getOps())
    if (failed(check(&op)))
      result = failure();
  return result;
}

namespace {
struct VerifyPartitionedPass
    : public pfc::impl::VerifyPartitionedPassBase<VerifyPartitionedPass> {
  using Base::Base;

  void runOnOperation() override {
    auto grids = llvm::to_vector(getOperation().getOps<shard::GridOp>());
    if (grids.size() != 1 || grids[0].getRank() != 1) {
      getOperation().emitError("a partitioned module has one shard.grid of one "
                               "axis, the ranks");
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(Checker(function, grids[0].getShape()[0]).run()))
        signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
