//===- StageCenters.cpp - pfc-stage-centers -------------------------------===//
//
//   W (host) ─▶ fetch_rows ─▶ rows, slots ─▶ gather_rows ─▶ … the head …
//   v (host) ─▶ fetch_rows ─▶ momentum (and AdamW's squares)    │
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
  VariableOp weight;
  GatherRowsOp gather;
  UpdateRowsOp update;            ///< null in inference
  SmallVector<VariableOp> states; ///< the optimizer's

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
  for (Operation *user : update.getNewTable().getUsers())
    if (isa<CoastRowsOp>(user))
      return "is updated in all of its rows";
  for (Value state : update.getState())
    states.push_back(state.getDefiningOp<VariableOp>());
  if (update.getIndices() != gather.getIndices() ||
      !llvm::all_of(
          states, [](VariableOp state) { return state && state->hasOneUse(); }))
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

  SmallVector<Value> states;
  for (VariableOp state : table.states) {
    state->moveBefore(rows);
    Type element = cast<RankedTensorType>(state.getType()).getElementType();
    states.push_back(FetchRowsOp::create(builder, update.getLoc(),
                                         rowsType(state, element),
                                         indices.getType(), state, indices,
                                         /*first_row=*/Value(), InitAttr(),
                                         /*key=*/0)
                         .getRows());
  }
  builder.setInsertionPoint(update);
  int64_t slots = cast<RankedTensorType>(indices.getType()).getDimSize(0);
  Value count = RankConstantOp::create(
      builder, update.getLoc(),
      RankedTensorType::get({1}, builder.getI64Type()), /*base=*/slots,
      /*per_rank=*/0, /*threshold=*/0, /*below=*/0, /*per_capped_rank=*/0);
  auto staged = UpdateRowsOp::create(
      builder, update.getLoc(), rows.getRows(), states[0],
      states.size() > 1 ? states[1] : Value(), update.getCorrection1(),
      update.getCorrection2(), rows.getSlots(), update.getRowsGrad(),
      update.getLr(), count, update.getUnscale(), update.getFoundInf(),
      /*step=*/Value(), /*first_row=*/Value(), update.getRowUpdate(),
      update.getOfUnitRows(), update.getMu(), update.getBeta2Attr(),
      update.getEpsAttr(), update.getWeightDecay(), /*seed=*/0);
  Value newTable = store(table.weight, staged.getNewTable(), update.getStep());
  update.getNewTable().replaceAllUsesWith(newTable);
  for (auto [state, old, staged] :
       llvm::zip_equal(table.states, update->getResults().drop_front(),
                       staged->getResults().drop_front()))
    old.replaceAllUsesWith(store(state, staged, /*step=*/Value()));
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
