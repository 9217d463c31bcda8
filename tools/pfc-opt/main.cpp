//===- main.cpp - pfc-opt: runs any pass on an .mlir file -----------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Pipelines.h"

int main(int argc, char **argv) {
  mlir::registerTransformsPasses(); // canonicalize, cse
  pfc::registerPfcPasses();
  pfc::registerPipelines();
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<pfc::PfcDialect, pfc::plan::PlanDialect>();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "pfc optimizer driver\n", registry));
}
