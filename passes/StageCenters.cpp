//===- StageCenters.cpp - pfc-stage-centers -------------------------------===//
//
//   W (host) ─▶ fetch_rows ─▶ rows, slots ─▶ gather_rows ─▶ … the head …
//   v (host) ─▶ fetch_rows ─▶ momentum                          │
//                   rows, momentum, slots, gradient ─▶ update_rows
//   W (host) ◀─ store_rows ◀────────────────────────────────────┤
//   v (host) ◀─ store_rows ◀────────────────────────────────────┘
//
// The rest of the pipeline sees a small table of class centers that all take
// part.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "runtime/base/Philox.h"

namespace pfc {
#define GEN_PASS_DEF_STAGECENTERSPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

/// A table in host memory and what uses it.
struct HostTable {
  VariableOp weight, momentum; ///< momentum and update: null in inference
  GatherRowsOp gather;
  UpdateRowsOp update;

  /// Empty where it can be staged, else why not.
  std::string match(VariableOp table);
};

class Stager {
public:
  Stager(HostTable table, uint64_t seed)
      : table(table), indices(table.gather.getIndices()), seed(seed),
        builder(table.gather) {}

  void run();

private:
  RankedTensorType rowsType(VariableOp variable, Type element);
  Value firstRow();
  Value store(VariableOp variable, Value rows, Value step);

  HostTable table;
  Value indices; ///< of the sample
  uint64_t seed;
  OpBuilder builder;
};

} // namespace

std::string HostTable::match(VariableOp variable) {
  weight = variable;
  for (Operation *user : variable->getUsers()) {
    if (auto op = dyn_cast<GatherRowsOp>(user); op && !gather)
      gather = op;
    else if (auto op = dyn_cast<UpdateRowsOp>(user); op && !update)
      update = op;
    else
      return "is used by " + user->getName().getStringRef().str() +
             " besides the gather and the update of a sample's rows";
  }
  if (!gather || !gather.getIndices().getDefiningOp<SampleLocalCentersOp>())
    return "is not gathered by a sample";
  if (!update)
    return "";
  momentum = update.getMomentum().getDefiningOp<VariableOp>();
  if (update.getIndices() != gather.getIndices() || !momentum ||
      !momentum->hasOneUse())
    return "is updated in other rows than were gathered";
  return "";
}

RankedTensorType Stager::rowsType(VariableOp variable, Type element) {
  auto type = cast<RankedTensorType>(variable.getType());
  int64_t slots = cast<RankedTensorType>(indices.getType()).getDimSize(0);
  return type.clone({slots, type.getDimSize(1)}).clone(element);
}

Value Stager::firstRow() {
  return indices.getDefiningOp<SampleLocalCentersOp>().getFirst();
}

/// Assigned, the new table.
Value Stager::store(VariableOp variable, Value rows, Value step) {
  return StoreRowsOp::create(builder, variable.getLoc(), variable.getType(),
                             variable, indices, rows, step,
                             step ? firstRow() : Value(), step ? seed : 0);
}

void Stager::run() {
  GatherRowsOp gather = table.gather;
  auto wide = builder.getF32Type();
  uint64_t key = seed ^ rt::fnv1a64(table.weight.getName());
  auto rows = FetchRowsOp::create(
      builder, gather.getLoc(), rowsType(table.weight, wide), indices.getType(),
      table.weight, indices, firstRow(), table.weight.getInitAttr(), key);
  gather.getTableMutable().assign(rows.getRows());
  gather.getIndicesMutable().assign(rows.getSlots());
  UpdateRowsOp update = table.update;
  if (!update)
    return;

  Type element =
      cast<RankedTensorType>(table.momentum.getType()).getElementType();
  table.momentum->moveBefore(rows);
  auto momentum = FetchRowsOp::create(
      builder, update.getLoc(), rowsType(table.momentum, element),
      indices.getType(), table.momentum, indices, /*first_row=*/Value(),
      InitAttr(), /*key=*/0);
  builder.setInsertionPoint(update);
  int64_t slots = cast<RankedTensorType>(indices.getType()).getDimSize(0);
  Value count = RankConstantOp::create(
      builder, update.getLoc(),
      RankedTensorType::get({1}, builder.getI64Type()), /*base=*/slots,
      /*per_rank=*/0, /*threshold=*/0, /*below=*/0, /*per_capped_rank=*/0);
  auto staged = UpdateRowsOp::create(
      builder, update.getLoc(), rows.getRows(), momentum.getRows(),
      rows.getSlots(), update.getRowsGrad(), update.getLr(), count,
      update.getUnscale(), update.getFoundInf(), /*step=*/Value(),
      /*first_row=*/Value(), update.getRowUpdate(), update.getOfUnitRows(),
      update.getMu(), update.getWeightDecay(), /*seed=*/0);
  Value newTable = store(table.weight, staged.getNewTable(), update.getStep());
  Value newMomentum =
      store(table.momentum, staged.getNewMomentum(), /*step=*/Value());
  update.getNewTable().replaceAllUsesWith(newTable);
  update.getNewMomentum().replaceAllUsesWith(newMomentum);
  update.erase();
}

namespace {
struct StageCentersPass
    : public pfc::impl::StageCentersPassBase<StageCentersPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<VariableOp> tables;
    getOperation().walk([&](VariableOp op) {
      if (op.getHost() && op.getRole() == Role::Parameter)
        tables.push_back(op);
    });
    for (VariableOp op : tables) {
      HostTable table;
      std::string reason = table.match(op);
      if (!reason.empty()) {
        op.emitOpError("\"") << op.getName() << "\" in host memory " << reason;
        return signalPassFailure();
      }
      Stager(table, seed).run();
    }
  }
};
} // namespace
