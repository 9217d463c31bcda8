//===- Pipelines.h - The stages of a compilation ----------------*- C++ -*-===//
#ifndef PASSES_PIPELINES_H
#define PASSES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"

namespace pfc {

/// What a spec decides about the passes.
struct CompileOptions {
  Precision precision = Precision::Fp32;
  InsertOptimizerPassOptions optimizer;
  ScaleLossPassOptions lossScale; ///< of fp16
  TileHeadPassOptions tileHead;
  BucketUpdatesPassOptions bucketUpdates;
  KernelTarget target = KernelTarget::Cpu;
  /// Whether transfers go on under computation.
  bool overlap = true;
  bool fusePointwise = true; ///< pfc-fuse-pointwise
  Recompute recompute = Recompute::None;
};

/// The module between two groups of passes. One table drives `pfcc --emit`,
/// `--dump-ir` and the documentation.
struct Stage {
  llvm::StringRef name;
  llvm::StringRef description;
  /// Adds the passes from the stage before to this one.
  void (*build)(mlir::OpPassManager &manager, const CompileOptions &options);
  /// Of a stage that only kernels for one target pass through.
  std::optional<KernelTarget> target = std::nullopt;
};

/// Of every target, in order; the first is what frontend/graph makes.
llvm::ArrayRef<Stage> allStages();

/// Those of one target.
llvm::SmallVector<Stage> compileStages(KernelTarget target = KernelTarget::Cpu);

/// Null if there is none of that name.
const Stage *findStage(llvm::StringRef name);

/// Adds the passes of all stages from the first up to `last`.
void buildPipeline(mlir::OpPassManager &manager, const CompileOptions &options,
                   const Stage &last);

/// Registers `pfc-compile`, all stages, with the options of its passes.
void registerPipelines();

} // namespace pfc

#endif // PASSES_PIPELINES_H
