//===- OnMachine.h - What --on means ----------------------------*- C++ -*-===//
#ifndef TOOLS_PFCC_ONMACHINE_H
#define TOOLS_PFCC_ONMACHINE_H

#include "tools/pfcc/explain/Machine.h"

#include <vector>

namespace pfc {

/// The machine that --on names, with what sums of gradients reach of its
/// network where that was published.
llvm::Expected<explain::MachineRequest> requestedMachine(llvm::StringRef name);

/// Without --on, of a plan for `device`.
explain::Machine usualMachine(llvm::StringRef device);
/// The same, and says which if it is a GPU: there are many.
explain::Machine sayUsualMachine(llvm::StringRef device);

/// The machine to predict a plan for `device` on; without a name the usual one.
llvm::Expected<explain::Machine> machineOfPlan(llvm::StringRef name,
                                               llvm::StringRef device);

/// The --set `settings`, and behind them what --on says of the spec beyond
/// them: errors of the former are told to be where they are, and nothing is
/// wrong with the latter, see findMachine.
std::vector<std::string> settingsOn(const explain::MachineRequest &request,
                                    std::vector<std::string> settings);

} // namespace pfc

#endif // TOOLS_PFCC_ONMACHINE_H
