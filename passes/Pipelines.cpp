//===- Pipelines.cpp - The ordered index of the passes --------------------===//
#include "passes/Pipelines.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace pfc;

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

static void buildGraph(OpPassManager &, const CompileOptions &) {}

static void buildTrain(OpPassManager &manager, const CompileOptions &options) {
  manager.addPass(createDifferentiatePass());
  manager.addPass(createInsertOptimizerPass(options.optimizer));
}

static void buildPartitioned(OpPassManager &manager, const CompileOptions &) {
  manager.addPass(createPartitionPass());
  manager.addPass(createVerifyPartitionedPass());
}

static void buildPrecision(OpPassManager &manager,
                           const CompileOptions &options) {
  manager.addPass(createMixedPrecisionPass({options.precision}));
}

static void buildFused(OpPassManager &manager, const CompileOptions &) {
  manager.addPass(createFuseMarginSoftmaxPass());
  manager.addPass(createTileHeadPass());
  manager.addPass(createVerifyPartitionedPass());
}

static constexpr Stage stages[] = {
    {"graph", "the forward step on the whole job's shapes", buildGraph},
    {"train", "with gradients and parameter updates", buildTrain},
    {"partitioned", "one rank's shapes, with collectives", buildPartitioned},
    {"precision", "with the element types of the computation", buildPrecision},
    {"fused", "the head as three products around exponentials", buildFused},
};

ArrayRef<Stage> pfc::compileStages() { return stages; }

const Stage *pfc::findStage(StringRef name) {
  const auto *stage = llvm::find_if(
      stages, [&](const Stage &stage) { return stage.name == name; });
  return stage == std::end(stages) ? nullptr : stage;
}

void pfc::buildPipeline(OpPassManager &manager, const CompileOptions &options,
                        const Stage &last) {
  for (const Stage &stage : compileStages()) {
    stage.build(manager, options);
    if (stage.name == last.name)
      return;
  }
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

FailureOr<CompileOptions> CompileOptions::of(ModuleOp module,
                                             Precision precision) {
  CompileOptions options;
  options.precision = precision;
  auto attributes = module->getAttrOfType<DictionaryAttr>("pfc.optimizer");
  if (!attributes)
    return options;
  auto type = attributes.getAs<StringAttr>("type");
  if (!type || type.getValue() != "sgd")
    return module.emitError("pfc.optimizer must be of type \"sgd\"");
  auto read = [&](StringRef name, double &value) {
    if (auto attribute = attributes.getAs<FloatAttr>(name))
      value = attribute.getValueAsDouble();
  };
  read("momentum", options.optimizer.momentum);
  read("weight_decay", options.optimizer.weightDecay);
  read("clip_grad_norm", options.optimizer.clipGradNorm);
  if (auto rows = attributes.getAs<RowUpdateAttr>("row_update"))
    options.optimizer.rowUpdate = rows.getValue();
  return options;
}

namespace {
/// The same options on the command line of pfc-opt.
struct PipelineOptions : public PassPipelineOptions<PipelineOptions> {
  Option<Precision> precision{
      *this, "precision", llvm::cl::desc("Element type of the computation"),
      llvm::cl::init(Precision::Fp32),
      llvm::cl::values(clEnumValN(Precision::Fp32, "fp32", "32-bit floats"),
                       clEnumValN(Precision::Bf16, "bf16",
                                  "bfloat16 with fp32 parameters and sums"))};
  Option<double> momentum{*this, "momentum", llvm::cl::desc("Momentum of SGD"),
                          llvm::cl::init(0.9)};
  Option<double> weightDecay{*this, "weight-decay",
                             llvm::cl::desc("L2 penalty of SGD"),
                             llvm::cl::init(5e-4)};
  Option<double> clipGradNorm{
      *this, "clip-grad-norm",
      llvm::cl::desc("Largest norm of the backbone's gradient; 0: any"),
      llvm::cl::init(0.0)};
  Option<RowUpdate> rowUpdate{
      *this, "row-update", llvm::cl::desc("Class centers updated in a step"),
      llvm::cl::init(RowUpdate::Sampled),
      llvm::cl::values(
          clEnumValN(RowUpdate::Sampled, "sampled", "those that took part"),
          clEnumValN(RowUpdate::All, "all", "all"))};

  CompileOptions get() const {
    CompileOptions options;
    options.precision = precision;
    options.optimizer = {momentum, weightDecay, clipGradNorm, rowUpdate};
    return options;
  }
};
} // namespace

void pfc::registerPipelines() {
  PassPipelineRegistration<PipelineOptions>(
      "pfc-compile", "Compiles a step's graph to what one rank executes",
      [](OpPassManager &manager, const PipelineOptions &options) {
        buildPipeline(manager, options.get(), compileStages().back());
      });
}
