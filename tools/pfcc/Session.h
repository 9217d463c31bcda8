//===- Session.h - A spec in a context with all dialects --------*- C++ -*-===//
//
// What commands do is done here, so that errors at places in a spec are printed
// with their line, or checked by --verify-diagnostics, and -mlir-timing sees
// it.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_SESSION_H
#define TOOLS_PFCC_SESSION_H

#include "frontend/spec/SpecParser.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/Timing.h"

namespace pfc {

/// Does `work` in a context with all dialects.
mlir::LogicalResult
withContext(llvm::function_ref<mlir::LogicalResult(mlir::MLIRContext &,
                                                   mlir::TimingScope &)>
                work);

using SpecWork = llvm::function_ref<mlir::LogicalResult(
    const LoadedSpec &, mlir::MLIRContext &, mlir::TimingScope &)>;

/// Parses the spec in `sources`, changed by `settings`, and does `work` with
/// it. Errors are diagnostics. With `verifyDiagnostics` they are checked
/// against the spec's # expected-error comments, and it fails where they
/// differ.
mlir::LogicalResult withSpec(llvm::SourceMgr &sources,
                             llvm::ArrayRef<std::string> settings,
                             bool verifyDiagnostics, SpecWork work);

} // namespace pfc

#endif // TOOLS_PFCC_SESSION_H
