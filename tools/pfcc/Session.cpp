#include "Session.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/InitAllDialects.h"

namespace pfc {

mlir::LogicalResult
withContext(llvm::function_ref<mlir::LogicalResult(mlir::MLIRContext &,
                                                   mlir::TimingScope &)>
                work) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::DefaultTimingManager timingManager;
  mlir::applyDefaultTimingManagerCLOptions(timingManager);
  mlir::TimingScope timing = timingManager.getRootScope();
  return work(context, timing);
}

mlir::LogicalResult withSpec(llvm::SourceMgr &sources,
                             llvm::ArrayRef<std::string> settings,
                             bool verifyDiagnostics, SpecWork work) {
  return withContext([&](mlir::MLIRContext &context,
                         mlir::TimingScope &timing) -> mlir::LogicalResult {
    auto run = [&]() -> mlir::LogicalResult {
      std::optional<LoadedSpec> loaded = parseSpec(sources, settings, context);
      return loaded ? work(*loaded, context, timing) : mlir::failure();
    };
    if (verifyDiagnostics) {
      mlir::SourceMgrDiagnosticVerifierHandler handler(sources, &context);
      (void)run();
      return handler.verify();
    }
    mlir::SourceMgrDiagnosticHandler handler(sources, &context);
    return run();
  });
}

} // namespace pfc
