//===- Timeline.h - pfcc show --timeline ------------------------*- C++ -*-===//
#ifndef TOOLS_PFCC_TIMELINE_H
#define TOOLS_PFCC_TIMELINE_H

#include "tools/pfcc/explain/Machine.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace pfc {

/// The machine to predict for, of a plan's device ("cuda").
using MachineOf = llvm::function_ref<llvm::Expected<explain::Machine>(
    llvm::StringRef device)>;

/// A trace of the training step of the plan in `planPath`, as predicted for
/// a machine (StepCost.h), with a process for each rank: they all do the same.
llvm::Expected<std::string> predictedTrace(llvm::StringRef planPath,
                                           MachineOf machineOf);

} // namespace pfc

#endif // TOOLS_PFCC_TIMELINE_H
