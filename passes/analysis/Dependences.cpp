#include "passes/analysis/Dependences.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace pfc;

namespace {

/// What one instruction does with a buffer.
struct Access {
  unsigned instruction;
  bool writes;
};

/// Two `plan.state` of a variable are the same bytes.
const void *identityOf(Value buffer) {
  Value base = plan::viewedBuffer(buffer);
  if (auto state = base.getDefiningOp<plan::StateOp>())
    return state.getVariableAttr().getAttr().getAsOpaquePointer();
  return base.getAsOpaquePointer();
}

} // namespace

Dependences::Dependences(plan::ProgramOp program) {
  for (auto instruction : program.getOps<plan::InstructionOpInterface>())
    if (!isa<plan::WaitOp>(instruction))
      all.push_back(instruction);
  before.resize(all.size());
  after.resize(all.size());
  llvm::DenseMap<const void *, SmallVector<Access>> accesses;
  for (unsigned i = 0; i < all.size(); ++i) {
    llvm::SmallSetVector<unsigned, 8> needed;
    for (OpOperand &operand : all[i]->getOpOperands()) {
      bool writes = all[i].writesOperand(operand.getOperandNumber());
      SmallVector<Access> &others = accesses[identityOf(operand.get())];
      for (Access other : others)
        if (other.instruction != i && (writes || other.writes))
          needed.insert(other.instruction);
      others.push_back({i, writes});
    }
    before[i].assign(needed.begin(), needed.end());
    for (unsigned other : needed)
      after[other].push_back(i);
  }
}

void pfc::moveBuffersToFront(plan::ProgramOp program) {
  Block &body = program.getBody().front();
  Operation *first = nullptr;
  for (Operation &op : llvm::make_early_inc_range(body)) {
    bool named = !isa<plan::InstructionOpInterface, plan::OutputOp>(op);
    if (!named && !first)
      first = &op;
    else if (named && first)
      op.moveBefore(first);
  }
}
