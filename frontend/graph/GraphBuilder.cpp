//===- GraphBuilder.cpp - A spec becomes a module -------------------------===//
#include "frontend/graph/GraphBuilder.h"
#include "frontend/backbones/Backbones.h"
#include "frontend/graph/HeadBuilder.h"
#include "frontend/graph/LayerBuilder.h"
#include "frontend/spec/SpecWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

using namespace pfc;
using namespace mlir;

namespace {

/// An argument of a step function.
struct Input {
  StringRef role; ///< what the runtime puts there
  RankedTensorType type;
  Location loc;
};

class GraphBuilder {
public:
  GraphBuilder(const LoadedSpec &loaded, MLIRContext &context)
      : loaded(loaded), spec(loaded.spec), builder(&context) {}

  OwningOpRef<ModuleOp> build();

private:
  const LoadedSpec &loaded;
  const TrainSpec &spec;
  OpBuilder builder;

  Location at(StringRef path) const { return loaded.locations.of(path); }
  void attachSpec(ModuleOp module);
  func::FuncOp addFunction(StringRef name, ArrayRef<Input> inputs);
  Input images() const;
  Value buildEmbeddings(Block &block, const LayerMode &mode);
  void buildTrainStep();
  void buildEmbed();
};

} // namespace

/// The plan carries the spec it came from.
void GraphBuilder::attachSpec(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  writeSpec(spec, os);
  module->setAttr("pfc.spec", builder.getStringAttr(text));
}

func::FuncOp GraphBuilder::addFunction(StringRef name, ArrayRef<Input> inputs) {
  SmallVector<Type> types;
  SmallVector<Location> locations;
  for (const Input &input : inputs) {
    types.push_back(input.type);
    locations.push_back(
        NameLoc::get(builder.getStringAttr(input.role), input.loc));
  }
  auto function = func::FuncOp::create(builder, at(""), name,
                                       builder.getFunctionType(types, {}));
  for (auto [i, input] : llvm::enumerate(inputs))
    function.setArgAttr(i, "pfc.input", builder.getStringAttr(input.role));
  builder.createBlock(&function.getBody(), {}, types, locations);
  return function;
}

Input GraphBuilder::images() const {
  const ModelSpec &model = spec.model;
  Type bytes = IntegerType::get(builder.getContext(), 8, IntegerType::Unsigned);
  return {"images",
          RankedTensorType::get({spec.globalBatch(), model.inputSize,
                                 model.inputSize, model.inputChannels},
                                bytes),
          at("model.input_size")};
}

Value GraphBuilder::buildEmbeddings(Block &block, const LayerMode &mode) {
  LayerBuilder layers(&block, at("model.backbone"), mode);
  Value x = layers.scalePixels(block.getArgument(0));
  return buildBackbone(layers, spec.model, x);
}

void GraphBuilder::buildTrainStep() {
  OpBuilder::InsertionGuard guard(builder);
  Type integer = builder.getI64Type();
  auto function = addFunction(
      "train_step",
      {images(),
       {"labels", RankedTensorType::get({spec.globalBatch()}, integer),
        at("train.batch_per_rank")},
       {"lr", RankedTensorType::get({1}, builder.getF32Type()),
        at("train.optimizer.lr")},
       {"step", RankedTensorType::get({1}, integer), at("train.steps")}});
  Block &block = function.getBody().front();
  Value labels = block.getArgument(1), step = block.getArgument(3);

  LayerMode mode;
  mode.training = true;
  mode.groups = spec.cluster.worldSize;
  mode.syncBatchNorm = spec.train.syncBatchNorm;
  mode.step = step;
  mode.seed = spec.train.seed;
  Value embeddings = buildEmbeddings(block, mode);

  builder.setInsertionPointToEnd(&block);
  Value loss = buildHead(builder, loaded, embeddings, labels, step);
  OutputOp::create(builder, loss.getLoc(), "loss", loss);
  func::ReturnOp::create(builder, function.getLoc());
}

void GraphBuilder::buildEmbed() {
  OpBuilder::InsertionGuard guard(builder);
  auto function = addFunction("embed", {images()});
  Block &block = function.getBody().front();
  Value embeddings = buildEmbeddings(block, LayerMode());
  builder.setInsertionPointToEnd(&block);
  OutputOp::create(builder, embeddings.getLoc(), "embeddings", embeddings);
  func::ReturnOp::create(builder, function.getLoc());
}

OwningOpRef<ModuleOp> GraphBuilder::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(at(""));
  attachSpec(*module);
  builder.setInsertionPointToEnd(module->getBody());
  shard::GridOp::create(builder, at("cluster.world_size"), "ranks",
                        ArrayRef<int64_t>{spec.cluster.worldSize});
  buildTrainStep();
  buildEmbed();
  if (failed(verify(*module)))
    return nullptr;
  return module;
}

OwningOpRef<ModuleOp> pfc::buildGraph(const LoadedSpec &loaded,
                                      MLIRContext &context) {
  context.loadDialect<PfcDialect, func::FuncDialect, shard::ShardDialect>();
  return GraphBuilder(loaded, context).build();
}
