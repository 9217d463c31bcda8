//===- HeadStep.h - A head's training step from a spec ----------*- C++ -*-===//
//
//   embeddings [B,D] ─▶ + "features.bias" ─▶ the frontend's head ─▶ loss
//
// differentiated and with its optimizer (stage "train"). The bias, 0 at first,
// is what makes embeddings something to differentiate, as a backbone's last
// layer does. Inputs "embeddings", "labels", "lr", "step"; outputs "loss"
// and "embeddings_grad" [B,D].
//
//===----------------------------------------------------------------------===//
#ifndef TEST_NUMERICS_HEADSTEP_H
#define TEST_NUMERICS_HEADSTEP_H

#include "frontend/spec/SpecParser.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "passes/Pipelines.h"

namespace pfc::test {

class HeadStep {
public:
  /// Throws rt::Error where the spec is wrong or a pass fails.
  explicit HeadStep(const std::string &specText);

  const TrainSpec &spec() const { return loaded.spec; }
  const CompileOptions &options() const { return compile; }

  /// The graph, with gradients alone: differentiated.
  mlir::OwningOpRef<mlir::ModuleOp> differentiated();
  /// The whole step.
  mlir::OwningOpRef<mlir::ModuleOp> train();

private:
  mlir::OwningOpRef<mlir::ModuleOp> graph();

  std::unique_ptr<mlir::MLIRContext> context;
  LoadedSpec loaded;
  CompileOptions compile;
};

/// @train_step of a module.
mlir::func::FuncOp trainStep(mlir::ModuleOp module);

} // namespace pfc::test

#endif // TEST_NUMERICS_HEADSTEP_H
