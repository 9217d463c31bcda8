//===- Explain.h - pfcc explain ---------------------------------*- C++ -*-===//
#ifndef TOOLS_PFCC_EXPLAIN_COMMAND_H
#define TOOLS_PFCC_EXPLAIN_COMMAND_H

#include "Compile.h"
#include "tools/pfcc/explain/Machine.h"

namespace pfc {

/// Prints what the spec's plan takes on a machine. Errors are diagnostics.
mlir::LogicalResult explainSpec(const LoadedSpec &loaded,
                                mlir::MLIRContext &context,
                                const CompileRequest &request,
                                const explain::Machine &machine, bool json,
                                llvm::raw_ostream &os);

} // namespace pfc

#endif // TOOLS_PFCC_EXPLAIN_COMMAND_H
