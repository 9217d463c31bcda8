//===- Simulate.h - The commands that simulate ------------------*- C++ -*-===//
#ifndef TOOLS_PFCC_SIMULATE_COMMANDS_H
#define TOOLS_PFCC_SIMULATE_COMMANDS_H

#include "Compile.h"
#include "tools/pfcc/explain/Machine.h"

namespace pfc {

/// `pfcc simulate SPEC`: prints what the spec's plan takes on a machine, and
/// what frameworks would. Errors are diagnostics.
mlir::LogicalResult simulateSpec(const LoadedSpec &loaded,
                                 mlir::MLIRContext &context,
                                 const CompileRequest &request,
                                 const explain::Machine &machine, bool json,
                                 llvm::raw_ostream &os);

/// `pfcc simulate --fit`: fits the constants of frameworks again, and prints
/// them. Fails where they differ from those of peers.toml, and says which.
mlir::LogicalResult fitPeers(mlir::MLIRContext &context, llvm::raw_ostream &os);

/// `pfcc scaling`: docs/scaling.md.
mlir::LogicalResult writeScaling(mlir::MLIRContext &context,
                                 mlir::TimingScope &timing,
                                 llvm::raw_ostream &os);

} // namespace pfc

#endif // TOOLS_PFCC_SIMULATE_COMMANDS_H
