//===- Pipelines.cpp - The ordered index of the passes --------------------===//
#include "passes/Pipelines.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace pfc;

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

static void buildGraph(OpPassManager &, const CompileOptions &) {}

static void buildTrain(OpPassManager &manager, const CompileOptions &options) {
  manager.addPass(createDifferentiatePass());
  manager.addPass(createInsertOptimizerPass(options.optimizer));
  if (options.precision == Precision::Fp16)
    manager.addPass(createScaleLossPass(options.lossScale));
}

static void buildPartitioned(OpPassManager &manager,
                             const CompileOptions &options) {
  manager.addPass(createPartitionPass());
  manager.addPass(createStageCentersPass({options.optimizer.seed}));
  manager.addPass(createVerifyPartitionedPass());
}

static void buildPrecision(OpPassManager &manager,
                           const CompileOptions &options) {
  manager.addPass(createMixedPrecisionPass({options.precision}));
}

static void buildFused(OpPassManager &manager, const CompileOptions &options) {
  manager.addPass(createFuseMarginSoftmaxPass());
  manager.addPass(createTileHeadPass(options.tileHead));
  if (options.fusePointwise)
    manager.addPass(createFusePointwisePass());
  manager.addPass(createRecomputePass({options.recompute}));
  manager.addPass(createBucketUpdatesPass(options.bucketUpdates));
  manager.addPass(createBucketStatisticsPass());
  manager.addPass(createVerifyPartitionedPass());
}

static void buildKernels(OpPassManager &manager, const CompileOptions &) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createConvertPfcToLinalgPass());
  manager.addPass(createCSEPass()); // gradients compute what values need anew
}

static void buildPlan(OpPassManager &manager, const CompileOptions &options) {
  manager.addPass(createConvertPfcToPlanPass({options.target}));
}

static void buildScheduled(OpPassManager &manager,
                           const CompileOptions &options) {
  if (options.overlap)
    manager.addPass(createScheduleCollectivesPass());
  // A branch keeps its tiles' memory until it ends.
  if (options.overlap && options.target == KernelTarget::Cuda &&
      options.tileHead.logits == LogitsStrategy::Keep)
    manager.addPass(createForkUpdatesPass());
}

static void buildAllocated(OpPassManager &manager, const CompileOptions &) {
  manager.addPass(createAssignMemoryPass());
  manager.addPass(createVerifyMemoryPass());
}

static void buildLLVM(OpPassManager &manager, const CompileOptions &) {
  manager.addPass(createCodegenLLVMPass());
}

static void buildCuda(OpPassManager &manager, const CompileOptions &) {
  manager.addPass(createCodegenCudaPass());
}

static constexpr Stage stages[] = {
    {"graph", "the forward step on the whole job's shapes", buildGraph},
    {"train", "with gradients and parameter updates", buildTrain},
    {"partitioned", "one rank's shapes, with collectives", buildPartitioned},
    {"precision", "with the element types of the computation", buildPrecision},
    {"fused", "the head as three products, activations in fewer passes",
     buildFused},
    {"kernels", "generated code as linalg, element-wise ops fused",
     buildKernels},
    {"plan", "buffers, instructions and outlined kernels", buildPlan},
    {"scheduled", "transfers under computation", buildScheduled},
    {"allocated", "every buffer at its place in the arena", buildAllocated},
    {"llvm", "kernels as LLVM IR", buildLLVM, KernelTarget::Cpu},
    {"cuda", "kernels as CUDA C++", buildCuda, KernelTarget::Cuda},
};

ArrayRef<Stage> pfc::allStages() { return stages; }

SmallVector<Stage> pfc::compileStages(KernelTarget target) {
  return llvm::to_vector(
      llvm::make_filter_range(stages, [=](const Stage &stage) {
        return stage.target.value_or(target) == target;
      }));
}

const Stage *pfc::findStage(StringRef name) {
  const auto *stage = llvm::find_if(
      stages, [&](const Stage &stage) { return stage.name == name; });
  return stage == std::end(stages) ? nullptr : stage;
}

void pfc::buildPipeline(OpPassManager &manager, const CompileOptions &options,
                        const Stage &last) {
  for (const Stage &stage : compileStages(options.target)) {
    stage.build(manager, options);
    if (stage.name == last.name)
      return;
  }
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

namespace {
/// CompileOptions on the command line of pfc-opt.
struct PipelineOptions : public PassPipelineOptions<PipelineOptions> {
  Option<Precision> precision{
      *this, "precision", llvm::cl::desc("Element type of the computation"),
      llvm::cl::init(Precision::Fp32),
      llvm::cl::values(clEnumValN(Precision::Fp32, "fp32", "32-bit floats"),
                       clEnumValN(Precision::Bf16, "bf16",
                                  "bfloat16 with fp32 parameters and sums"),
                       clEnumValN(Precision::Fp16, "fp16",
                                  "half precision, the same, with a scaled "
                                  "loss"))};
  Option<Optimizer> optimizer{
      *this, "optimizer", llvm::cl::desc("What an update is"),
      llvm::cl::init(Optimizer::SGD),
      llvm::cl::values(
          clEnumValN(Optimizer::SGD, "sgd", "gradient descent with momentum"),
          clEnumValN(Optimizer::AdamW, "adamw",
                     "Adam with decay apart from its moments"))};
  Option<double> momentum{*this, "momentum", llvm::cl::desc("Momentum of SGD"),
                          llvm::cl::init(0.9)};
  Option<double> weightDecay{*this, "weight-decay",
                             llvm::cl::desc("L2 penalty of SGD, or AdamW's "
                                            "decay"),
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

  Option<uint64_t> seed{
      *this, "seed",
      llvm::cl::desc("Key of what is random in updates and initial values"),
      llvm::cl::init(1)};

  Option<LogitsStrategy> logits{
      *this, "logits",
      llvm::cl::desc(
          "What becomes of the exponentials until the backward half"),
      llvm::cl::init(LogitsStrategy::Keep),
      llvm::cl::values(
          clEnumValN(LogitsStrategy::Keep, "keep", "stored"),
          clEnumValN(LogitsStrategy::Recompute, "recompute", "made again"))};
  Option<int64_t> tileBytes{
      *this, "tile-bytes",
      llvm::cl::desc("Size of a tile's cosines in fp32, in bytes"),
      llvm::cl::init(1 << 20)};
  Option<KernelTarget> target{
      *this, "target", llvm::cl::desc("What kernels are compiled for"),
      llvm::cl::init(KernelTarget::Cpu),
      llvm::cl::values(clEnumValN(KernelTarget::Cpu, "cpu", "LLVM IR"),
                       clEnumValN(KernelTarget::Cuda, "cuda", "CUDA C++"))};

  Option<bool> overlap{*this, "overlap",
                       llvm::cl::desc("Let transfers go on under computation"),
                       llvm::cl::init(true)};
  Option<bool> fusePointwise{
      *this, "fuse-pointwise",
      llvm::cl::desc("Several ops in one pass over activations"),
      llvm::cl::init(true)};
  Option<Recompute> recompute{
      *this, "recompute",
      llvm::cl::desc("Activations that the backward pass makes again"),
      llvm::cl::init(Recompute::None),
      llvm::cl::values(clEnumValN(Recompute::None, "none", "none"),
                       clEnumValN(Recompute::BatchNorms, "batch-norms",
                                  "those made of one other element by element"),
                       clEnumValN(Recompute::Blocks, "blocks",
                                  "by convolutions and attention, too"))};

  CompileOptions get() const {
    CompileOptions options;
    options.precision = precision;
    options.optimizer.optimizer = optimizer;
    options.optimizer.momentum = momentum;
    options.optimizer.weightDecay = weightDecay;
    options.optimizer.clipGradNorm = clipGradNorm;
    options.optimizer.rowUpdate = rowUpdate;
    options.optimizer.seed = seed;
    options.tileHead = {logits, tileBytes};
    options.target = target;
    options.overlap = overlap;
    options.fusePointwise = fusePointwise;
    options.recompute = recompute;
    return options;
  }
};
} // namespace

void pfc::registerPipelines() {
  PassPipelineRegistration<PipelineOptions>(
      "pfc-compile", "Compiles a step's graph to what one rank executes",
      [](OpPassManager &manager, const PipelineOptions &options) {
        CompileOptions compile = options.get();
        buildPipeline(manager, compile, compileStages(compile.target).back());
      });
}
