//===- Timeline.h - pfcc show --timeline ------------------------*- C++ -*-===//
#ifndef TOOLS_PFCC_TIMELINE_H
#define TOOLS_PFCC_TIMELINE_H

#include "tools/pfcc/explain/Machine.h"

namespace pfc {

/// A trace of the training step of the plan in `planPath`, as predicted for
/// `machine` (StepCost.h), with a process for each rank: they all do the same.
llvm::Expected<std::string> predictedTrace(llvm::StringRef planPath,
                                           const explain::Machine &machine);

} // namespace pfc

#endif // TOOLS_PFCC_TIMELINE_H
