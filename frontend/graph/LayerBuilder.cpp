//===- LayerBuilder.cpp - Layers with their weights -----------------------===//
#include "frontend/graph/LayerBuilder.h"
#include "frontend/graph/Initializers.h"

using namespace pfc;
using namespace mlir;
using llvm::Twine;

static constexpr double batchNormEps = 1e-5;
static constexpr double batchNormMomentum = 0.1;

llvm::ArrayRef<int64_t> pfc::shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

LayerBuilder::LayerBuilder(Block *block, Location specLoc,
                           const LayerMode &mode)
    : opBuilder(OpBuilder::atBlockEnd(block)), specLoc(specLoc), mode(mode) {}

Location LayerBuilder::at(const Twine &name) {
  return NameLoc::get(opBuilder.getStringAttr(name), specLoc);
}

RankedTensorType LayerBuilder::floats(ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, opBuilder.getF32Type());
}

Value LayerBuilder::variable(const Twine &name, ArrayRef<int64_t> shape,
                             InitAttr init, Role role, ExportAttr exported) {
  std::string text = name.str();
  return VariableOp::create(opBuilder, at(text), floats(shape), text, role,
                            init, exported, /*rows=*/IntegerAttr(),
                            /*sharded=*/false);
}

Value LayerBuilder::scalePixels(Value images) {
  return ScalePixelsOp::create(opBuilder, at("images"), floats(shapeOf(images)),
                               images);
}

Value LayerBuilder::convolution(const Twine &name, Value x,
                                const ConvolutionLayer &layer) {
  std::string text = name.str();
  ArrayRef<int64_t> in = shapeOf(x);
  int64_t kernel = layer.kernel, seen = in[3] / layer.groups;
  Value filter = variable(
      text + ".weight", {layer.channels, kernel, kernel, seen},
      layer.init ? layer.init : convolutionInit(context()), Role::Parameter,
      convolutionExport(context(), layer.channels, kernel, seen));
  int64_t padding = layer.padded ? kernel / 2 : 0;
  auto extent = [&](int64_t size) {
    return (size + 2 * padding - kernel) / layer.stride + 1;
  };
  return Conv2dOp::create(
      opBuilder, at(text),
      floats({in[0], extent(in[1]), extent(in[2]), layer.channels}), x, filter,
      layer.stride, padding);
}

Value LayerBuilder::batchNorm(const Twine &name, Value x, bool learnGain) {
  std::string text = name.str();
  int64_t channels = shapeOf(x).back();
  Value gamma =
      variable(text + ".weight", {channels}, constantInit(context(), 1),
               learnGain ? Role::Parameter : Role::Buffer);
  Value beta = variable(text + ".bias", {channels}, constantInit(context(), 0));
  // [1,C] is what batch_norm takes; the state dict has [C].
  ExportAttr exported = statisticsExport(context(), channels);
  Value mean = variable(text + ".running_mean", {1, channels},
                        constantInit(context(), 0), Role::Buffer, exported);
  Value variance = variable(text + ".running_var", {1, channels},
                            constantInit(context(), 1), Role::Buffer, exported);
  if (mode.training)
    return trainingBatchNorm(text, x, gamma, beta, mean, variance);
  return BatchNormOp::create(opBuilder, at(text), x.getType(), x, mean,
                             variance, gamma, beta, llvm::APFloat(batchNormEps),
                             /*training=*/false);
}

Value LayerBuilder::trainingBatchNorm(const std::string &name, Value x,
                                      Value gamma, Value beta,
                                      Value runningMean,
                                      Value runningVariance) {
  Location loc = at(name);
  int64_t channels = shapeOf(x).back();
  Type grouped = floats({mode.groups, channels});
  auto stats = BatchStatsOp::create(opBuilder, loc, grouped, grouped, x);
  Value mean = stats.getMean(), variance = stats.getVariance();
  Value wholeMean = mean, wholeVariance = variance;
  if (mode.groups > 1) {
    Type whole = floats({1, channels});
    auto merged =
        MergeStatsOp::create(opBuilder, loc, whole, whole, mean, variance);
    wholeMean = merged.getMergedMean();
    wholeVariance = merged.getMergedVariance();
  }
  // The running variance is the unbiased one, as torch's.
  double count =
      double(cast<ShapedType>(x.getType()).getNumElements() / channels);
  updateStatistic(name + ".running_mean", runningMean, wholeMean, 1);
  updateStatistic(name + ".running_var", runningVariance, wholeVariance,
                  count / (count - 1));
  if (mode.syncBatchNorm) {
    mean = wholeMean;
    variance = wholeVariance;
  }
  return BatchNormOp::create(opBuilder, loc, x.getType(), x, mean, variance,
                             gamma, beta, llvm::APFloat(batchNormEps),
                             /*training=*/true);
}

void LayerBuilder::updateStatistic(const Twine &name, Value average,
                                   Value value, double scale) {
  std::string text = name.str();
  Location loc = at(text);
  Value updated = MovingAverageOp::create(
      opBuilder, loc, average.getType(), average, value,
      llvm::APFloat(batchNormMomentum), llvm::APFloat(scale));
  AssignOp::create(opBuilder, loc, text, updated);
}

Value LayerBuilder::prelu(const Twine &name, Value x) {
  std::string text = name.str();
  Value slope = variable(text + ".weight", {shapeOf(x).back()},
                         constantInit(context(), 0.25));
  return PReluOp::create(opBuilder, at(text), x.getType(), x, slope);
}

Value LayerBuilder::add(const Twine &name, Value x, Value y) {
  return AddOp::create(opBuilder, at(name), x.getType(), x, y);
}

Value LayerBuilder::flattenedLinear(const Twine &name, Value x,
                                    const LinearLayer &layer) {
  std::string text = name.str();
  Location loc = at(text);
  ArrayRef<int64_t> in = shapeOf(x);
  int64_t inputs = in[1] * in[2] * in[3];
  Value flat = ReshapeOp::create(opBuilder, loc, floats({in[0], inputs}), x);
  if (mode.training && layer.dropout > 0)
    flat = DropoutOp::create(opBuilder, at("dropout"), flat.getType(), flat,
                             mode.step, /*row_offset=*/Value(),
                             llvm::APFloat(layer.dropout), mode.seed,
                             /*layer=*/0);
  Value weight = variable(
      text + ".weight", {layer.features, inputs},
      layer.init ? layer.init : linearInit(context(), inputs), Role::Parameter,
      flattenedExport(context(), layer.features, in[1], in[2], in[3]));
  Value bias = layer.bias ? variable(text + ".bias", {layer.features},
                                     linearInit(context(), inputs))
                          : Value();
  Value product = LinearOp::create(
      opBuilder, loc, floats({in[0], layer.features}), flat, weight);
  if (!bias)
    return product;
  return AddBiasOp::create(opBuilder, loc, product.getType(), product, bias);
}
