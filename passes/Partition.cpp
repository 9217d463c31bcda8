//===- Partition.cpp - pfc-partition --------------------------------------===//
//
// Builds a second body for each function, op by op in program order, in which
// every value is one rank's. Ops decide (dialects/pfc/ir/partition); this file
// keeps the forms and inserts the collectives.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/Partitioner.h"
#include "passes/Passes.h"
#include <array>
#include <map>

namespace pfc {
#define GEN_PASS_DEF_PARTITIONPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

static StringRef nameOf(Sharding sharding) {
  switch (sharding.form) {
  case Form::Replicated:
    return "replicated";
  case Form::Split:
    return sharding.dimension == 0 ? "split along dimension 0"
                                   : "split along dimension 1";
  case Form::Partial:
    return "partial sums";
  case Form::Owned:
    return "owned indices";
  }
  llvm_unreachable("unknown form");
}

namespace {

class FunctionPartitioner final : public Partitioner {
public:
  FunctionPartitioner(func::FuncOp function, shard::GridOp grid)
      : function(function), grid(grid), ranks(grid.getShape()[0]),
        opBuilder(function.getContext()) {}

  LogicalResult run();

  OpBuilder &builder() override { return opBuilder; }
  int64_t worldSize() const override { return ranks; }
  Sharding shardingOf(Value logical) override {
    return locals.at(logical).sharding;
  }
  Value get(Value logical, Sharding wanted) override;
  void set(Value logical, Value local, Sharding sharding) override {
    locals[logical] = {local, sharding};
  }
  RankedTensorType localType(Value logical, Sharding sharding) override;
  Value shardFirst(int64_t rows) override;
  Value shardCount(int64_t rows) override;
  Value rank() override { return rankConstant(0, 1, 0, 0, 0); }

private:
  struct Local {
    Value value;
    Sharding sharding;
  };

  func::FuncOp function;
  shard::GridOp grid;
  int64_t ranks;
  OpBuilder opBuilder;
  DenseMap<Value, Local> locals;
  /// What collectives made: (value, form, dimension) to local value.
  DenseMap<std::tuple<Value, unsigned, unsigned>, Value> converted;
  std::map<std::array<int64_t, 5>, Value> constants;

  LogicalResult partitionArguments(Block &logical, Block &body);
  Value convert(Value logical, const Local &have, Sharding wanted);
  Value rankConstant(int64_t base, int64_t perRank, int64_t threshold,
                     int64_t below, int64_t perCappedRank);
};

} // namespace

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

RankedTensorType FunctionPartitioner::localType(Value logical,
                                                Sharding sharding) {
  auto type = cast<RankedTensorType>(logical.getType());
  if (sharding.form != Form::Split)
    return type;
  SmallVector<int64_t> shape(type.getShape());
  int64_t &extent = shape[sharding.dimension];
  if (extent % ranks != 0) {
    emitError(logical.getLoc())
        << "dimension " << sharding.dimension << " of size " << extent
        << " cannot be split over " << ranks << " ranks";
    return {};
  }
  extent /= ranks;
  return RankedTensorType::get(shape, type.getElementType());
}

Value FunctionPartitioner::get(Value logical, Sharding wanted) {
  const Local have = locals.at(logical);
  // On one rank all forms are the same tensor.
  if (have.sharding == wanted || ranks == 1)
    return have.value;
  Value &value = converted[{logical, unsigned(wanted.form), wanted.dimension}];
  if (!value)
    value = convert(logical, have, wanted);
  if (!value)
    emitError(logical.getLoc()) << "a value that is " << nameOf(have.sharding)
                                << " is wanted " << nameOf(wanted);
  return value;
}

Value FunctionPartitioner::convert(Value logical, const Local &have,
                                   Sharding wanted) {
  static constexpr int16_t axes[] = {0};
  Location loc = logical.getLoc();
  APInt rows(64, 0);
  if (have.sharding.isSplit(0) && wanted.isReplicated())
    return shard::AllGatherOp::create(opBuilder, loc, logical.getType(),
                                      grid.getSymName(), axes, have.value,
                                      rows);
  if (have.sharding == Sharding::partial() && wanted.isReplicated())
    return shard::AllReduceOp::create(opBuilder, loc, logical.getType(),
                                      grid.getSymName(), axes, have.value);
  if (have.sharding == Sharding::partial() && wanted.isSplit(0)) {
    RankedTensorType type = localType(logical, wanted);
    if (type)
      return shard::ReduceScatterOp::create(opBuilder, loc, type,
                                            grid.getSymName(), axes, have.value,
                                            shard::ReductionKind::Sum, rows);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Integers that depend on the rank
//===----------------------------------------------------------------------===//

Value FunctionPartitioner::rankConstant(int64_t base, int64_t perRank,
                                        int64_t threshold, int64_t below,
                                        int64_t perCappedRank) {
  Value &value = constants[{base, perRank, threshold, below, perCappedRank}];
  if (!value)
    value = RankConstantOp::create(
        opBuilder, function.getLoc(),
        RankedTensorType::get({1}, opBuilder.getI64Type()), base, perRank,
        threshold, below, perCappedRank);
  return value;
}

// rows = q·R + m: the first m ranks have q + 1 rows.
Value FunctionPartitioner::shardFirst(int64_t rows) {
  return rankConstant(0, rows / ranks, rows % ranks, 0,
                      rows % ranks == 0 ? 0 : 1);
}

Value FunctionPartitioner::shardCount(int64_t rows) {
  return rankConstant(rows / ranks, 0, rows % ranks, rows % ranks == 0 ? 0 : 1,
                      0);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Images and labels come as the rank's part of the batch, lr and step whole.
LogicalResult FunctionPartitioner::partitionArguments(Block &logical,
                                                      Block &body) {
  for (BlockArgument argument : logical.getArguments()) {
    auto role = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "pfc.input");
    if (!role)
      return function.emitOpError("argument ")
             << argument.getArgNumber() << " has no pfc.input";
    bool batch = role.getValue() == "images" || role.getValue() == "labels";
    Sharding form = batch ? Sharding::split(0) : Sharding::replicated();
    RankedTensorType type = localType(argument, form);
    if (!type)
      return failure();
    set(argument, body.addArgument(type, argument.getLoc()), form);
  }
  function.setFunctionType(
      FunctionType::get(function.getContext(), body.getArgumentTypes(), {}));
  return success();
}

LogicalResult FunctionPartitioner::run() {
  Block &logical = function.getBody().front();
  auto *body = new Block;
  function.getBody().push_back(body);
  opBuilder.setInsertionPointToEnd(body);
  if (failed(partitionArguments(logical, *body)))
    return failure();
  for (Operation &op : logical.without_terminator()) {
    auto partitionable = dyn_cast<PartitionableOpInterface>(op);
    if (!partitionable)
      return op.emitOpError("cannot be partitioned");
    if (failed(partitionable.partition(*this)))
      return failure();
  }
  func::ReturnOp::create(opBuilder, logical.getTerminator()->getLoc());
  logical.dropAllReferences();
  logical.erase();
  return success();
}

/// The cluster: one grid of one axis.
static FailureOr<shard::GridOp> findGrid(ModuleOp module) {
  auto grids = llvm::to_vector(module.getOps<shard::GridOp>());
  if (grids.size() != 1)
    return module.emitError("pfc-partition needs one shard.grid, not ")
           << grids.size();
  if (grids[0].getRank() != 1 || grids[0].getShape()[0] < 1)
    return grids[0].emitOpError("must have one axis, the ranks");
  return grids[0];
}

namespace {
struct PartitionPass : public pfc::impl::PartitionPassBase<PartitionPass> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<shard::GridOp> grid = findGrid(getOperation());
    if (failed(grid))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(FunctionPartitioner(function, *grid).run()))
        return signalPassFailure();
  }
};
} // namespace
