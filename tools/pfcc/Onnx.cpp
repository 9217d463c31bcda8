#include "Onnx.h"
#include "Session.h"
#include "onnx/TrainedModel.h"

#include "dialects/pfc/onnx/ExportOnnx.h"
#include "frontend/graph/GraphBuilder.h"
#include "llvm/Support/raw_ostream.h"

namespace pfc {

mlir::LogicalResult exportTrained(llvm::StringRef path, llvm::raw_ostream &os,
                                  std::string &message) {
  std::unique_ptr<TrainedModel> model = TrainedModel::open(path.str(), message);
  if (!model)
    return mlir::failure();
  llvm::SourceMgr sources;
  if (!addSpecText(model->spec(), path.str() + "/train.plan", sources,
                   llvm::errs()))
    return mlir::failure();
  auto read = [&](llvm::StringRef name) -> std::optional<OnnxWeight> {
    OnnxWeight weight;
    if (!model->read(name.str(), weight.shape, weight.bytes, message))
      return std::nullopt;
    return weight;
  };
  return withSpec(
      sources, /*settings=*/{}, /*verifyDiagnostics=*/false,
      [&](const LoadedSpec &loaded, mlir::MLIRContext &context,
          mlir::TimingScope &) -> mlir::LogicalResult {
        mlir::OwningOpRef<mlir::ModuleOp> module = buildGraph(loaded, context);
        if (!module)
          return mlir::failure();
        mlir::FailureOr<std::string> bytes =
            exportOnnx(module->lookupSymbol<mlir::func::FuncOp>("embed"), read);
        if (succeeded(bytes))
          os << *bytes;
        return bytes;
      });
}

} // namespace pfc
