#include "Explain.h"
#include "explain/Explanation.h"

#include "mlir/IR/Diagnostics.h"
#include "runtime/plan/plan_generated.h"

namespace pfc {

mlir::LogicalResult explainSpec(const LoadedSpec &loaded,
                                mlir::MLIRContext &context,
                                const CompileRequest &request,
                                const explain::Machine &machine, bool json,
                                llvm::raw_ostream &os) {
  mlir::FailureOr<std::string> bytes = compilePlan(loaded, context, request);
  if (failed(bytes))
    return mlir::failure();
  llvm::Expected<explain::Explanation> explanation =
      explain::explainPlan(*plan::fb::GetPlan(bytes->data()), machine);
  if (!explanation)
    return mlir::emitError(loaded.locations.of("train.precision"),
                           llvm::toString(explanation.takeError()));
  if (json)
    explain::printJson(*explanation, os);
  else
    explain::printText(*explanation, os);
  return mlir::success();
}

} // namespace pfc
