//===- Dependences.h - Which instructions need which ------------*- C++ -*-===//
#ifndef PASSES_ANALYSIS_DEPENDENCES_H
#define PASSES_ANALYSIS_DEPENDENCES_H

#include "dialects/plan/ir/PlanDialect.h"

namespace pfc {

/// The order that a program's instructions must keep: b comes after a where
/// both touch the same bytes and one of them writes. Orders that follow from
/// others are left out. Instructions are numbered in the program's order,
/// `plan.wait` left out.
class Dependences {
public:
  explicit Dependences(plan::ProgramOp program);

  llvm::ArrayRef<plan::InstructionOpInterface> instructions() const {
    return all;
  }
  /// Those directly before and after.
  llvm::ArrayRef<unsigned> predecessors(unsigned i) const { return before[i]; }
  llvm::ArrayRef<unsigned> successors(unsigned i) const { return after[i]; }

private:
  llvm::SmallVector<plan::InstructionOpInterface> all;
  llvm::SmallVector<llvm::SmallVector<unsigned, 4>> before, after;
};

/// Moves the ops that only name buffers in front of the first instruction, so
/// that instructions can be put in any order.
void moveBuffersToFront(plan::ProgramOp program);

} // namespace pfc

#endif // PASSES_ANALYSIS_DEPENDENCES_H
