#include "passes/analysis/Dependences.h"

#include "llvm/ADT/SetVector.h"
#include <optional>

using namespace mlir;
using namespace pfc;

namespace {

/// Who has to be done before a buffer's bytes are written again: the last that
/// wrote them, or those that have read them since, which come after it. Earlier
/// ones come before these.
struct Accesses {
  std::optional<unsigned> writer;
  SmallVector<unsigned, 4> readers;
};

/// What stands for a buffer's bytes, each part of a span's by itself. Two
/// `plan.state` of a variable are the same bytes.
void addIdentities(Value buffer, SmallVectorImpl<const void *> &identities) {
  Value base = plan::viewedBuffer(buffer);
  if (auto span = base.getDefiningOp<plan::SpanOp>())
    for (Value part : span.getParts())
      addIdentities(part, identities);
  else if (auto state = base.getDefiningOp<plan::StateOp>())
    identities.push_back(
        state.getVariableAttr().getAttr().getAsOpaquePointer());
  else
    identities.push_back(base.getAsOpaquePointer());
}

} // namespace

Dependences::Dependences(plan::ProgramOp program) {
  for (auto instruction : program.getOps<plan::InstructionOpInterface>())
    if (!isa<plan::WaitOp>(instruction))
      all.push_back(instruction);
  before.resize(all.size());
  after.resize(all.size());
  llvm::DenseMap<const void *, Accesses> accesses;
  for (unsigned i = 0; i < all.size(); ++i) {
    llvm::SmallSetVector<unsigned, 8> needed;
    for (OpOperand &operand : all[i]->getOpOperands()) {
      bool writes = all[i].writesOperand(operand.getOperandNumber());
      SmallVector<const void *> identities;
      addIdentities(operand.get(), identities);
      for (const void *identity : identities) {
        Accesses &others = accesses[identity];
        if (others.writer)
          needed.insert(*others.writer);
        if (writes) {
          needed.insert_range(others.readers);
          others = {i, {}};
        } else {
          others.readers.push_back(i);
        }
      }
    }
    needed.remove(i);
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
