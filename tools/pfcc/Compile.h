//===- Compile.h - From a spec to a stage's IR or to a plan -----*- C++ -*-===//
//
//   spec ─▶ graph ─▶ … the stages of passes/Pipelines.cpp … ─▶ llvm ─▶ plan
//
// once for each precision of the plan.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_COMPILE_H
#define TOOLS_PFCC_COMPILE_H

#include "frontend/spec/SpecParser.h"
#include "mlir/Support/Timing.h"
#include "passes/Pipelines.h"

namespace pfc {

/// What `pfcc compile` was asked for besides the spec.
struct CompileRequest {
  std::string name;   ///< of the job
  std::string dumpTo; ///< folder for the IR after each stage; empty: none
  mlir::TimingScope &timing;
};

/// The names that --emit knows, for messages: "spec, graph, …".
std::string knownStages();

/// Prints the IR after `stage`: of the first precision, if there are more.
/// Errors are diagnostics.
mlir::LogicalResult emitStage(const LoadedSpec &loaded,
                              mlir::MLIRContext &context, const Stage &stage,
                              const CompileRequest &request,
                              llvm::raw_ostream &os);

/// The bytes of the spec's plan, checked as pfc-run will check them.
mlir::FailureOr<std::string> compilePlan(const LoadedSpec &loaded,
                                         mlir::MLIRContext &context,
                                         const CompileRequest &request);

} // namespace pfc

#endif // TOOLS_PFCC_COMPILE_H
