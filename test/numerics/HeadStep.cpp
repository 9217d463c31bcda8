//===- HeadStep.cpp - A head's training step from a spec ------------------===//
#include "test/numerics/HeadStep.h"
#include "frontend/graph/HeadBuilder.h"
#include "frontend/graph/Initializers.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/base/Error.h"
#include "test/numerics/CheckPlan.h"
#include "tools/pfcc/SpecMapping.h"

using namespace mlir;
using pfc::rt::require;

namespace pfc::test {

static std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<PfcDialect>();
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadDialect<PfcDialect, func::FuncDialect, shard::ShardDialect>();
  return context;
}

static LoadedSpec parse(const std::string &text, MLIRContext &context) {
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy(text, "head.spec"), llvm::SMLoc());
  std::optional<LoadedSpec> loaded = parseSpec(sources, {}, context);
  require(loaded.has_value(), "the spec is wrong:\n{}", text);
  return std::move(*loaded);
}

HeadStep::HeadStep(const std::string &specText)
    : context(makeContext()), loaded(parse(specText, *context)),
      compile(compileOptions(loaded.spec, Precision::Fp32)) {}

func::FuncOp trainStep(ModuleOp module) {
  return module.lookupSymbol<func::FuncOp>("train_step");
}

static func::FuncOp addFunction(OpBuilder &builder, Location loc,
                                const TrainSpec &spec) {
  Type f32 = builder.getF32Type(), i64 = builder.getI64Type();
  int64_t batch = spec.globalBatch(), size = spec.model.embeddingSize;
  auto type = builder.getFunctionType(
      {RankedTensorType::get({batch, size}, f32),
       RankedTensorType::get({batch}, i64), RankedTensorType::get({1}, f32),
       RankedTensorType::get({1}, i64)},
      {});
  auto function = func::FuncOp::create(builder, loc, "train_step", type);
  const char *const inputs[] = {"embeddings", "labels", "lr", "step"};
  for (auto [i, name] : llvm::enumerate(inputs))
    function.setArgAttr(i, "pfc.input", builder.getStringAttr(name));
  builder.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

OwningOpRef<ModuleOp> HeadStep::graph() {
  OpBuilder builder(context.get());
  Location loc = loaded.locations.of("head");
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  shard::GridOp::create(builder, loc, "ranks",
                        ArrayRef<int64_t>{spec().cluster.worldSize});
  func::FuncOp function = addFunction(builder, loc, spec());
  Value input = function.getArgument(0);
  Value bias = VariableOp::create(
      builder, loc,
      RankedTensorType::get({spec().model.embeddingSize}, builder.getF32Type()),
      "features.bias", Role::Parameter, constantInit(context.get(), 0.0),
      ExportAttr(), IntegerAttr(), /*sharded=*/false);
  Value embeddings =
      AddBiasOp::create(builder, loc, input.getType(), input, bias);
  Value loss = buildHead(builder, loaded, embeddings, function.getArgument(1),
                         function.getArgument(3));
  OutputOp::create(builder, loc, "loss", loss);
  func::ReturnOp::create(builder, loc);
  return module;
}

/// Names the gradient of what the head normalises as an output.
static void outputEmbeddingsGradient(func::FuncOp function) {
  for (auto op : function.getOps<NormalizeGradOp>())
    if (op.getInput().getDefiningOp<AddBiasOp>()) {
      OpBuilder builder(function.getBody().front().getTerminator());
      OutputOp::create(builder, op.getLoc(), "embeddings_grad",
                       op.getInputGrad());
      return;
    }
}

OwningOpRef<ModuleOp> HeadStep::differentiated() {
  OwningOpRef<ModuleOp> module = graph();
  PassManager manager(context.get());
  manager.addPass(createDifferentiatePass());
  require(succeeded(manager.run(*module)), "differentiation failed");
  return module;
}

OwningOpRef<ModuleOp> HeadStep::train() {
  OwningOpRef<ModuleOp> module = graph();
  runStages(*module, "graph", "train", compile);
  outputEmbeddingsGradient(trainStep(*module));
  return module;
}

} // namespace pfc::test
