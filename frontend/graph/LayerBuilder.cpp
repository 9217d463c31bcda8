//===- LayerBuilder.cpp - Layers with their weights -----------------------===//
#include "frontend/graph/LayerBuilder.h"
#include "frontend/graph/Initializers.h"
#include <cmath>

using namespace pfc;
using namespace mlir;
using llvm::Twine;

static constexpr double layerNormEps = 1e-5;
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
  Value product = Conv2dOp::create(
      opBuilder, at(text),
      floats({in[0], extent(in[1]), extent(in[2]), layer.channels}), x, filter,
      layer.stride, padding);
  return layer.bias ? addBias(text, product, layer.init) : product;
}

Value LayerBuilder::addBias(const Twine &name, Value x, InitAttr init) {
  std::string text = name.str();
  Value bias = variable(text + ".bias", {shapeOf(x).back()}, init);
  return AddBiasOp::create(opBuilder, at(text), x.getType(), x, bias);
}

Value LayerBuilder::batchNorm(const Twine &name, Value x, bool learnGain,
                              double eps) {
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
    return trainingBatchNorm(text, x, gamma, beta, mean, variance, eps);
  return BatchNormOp::create(opBuilder, at(text), x.getType(), x, mean,
                             variance, gamma, beta, llvm::APFloat(eps),
                             /*training=*/false);
}

Value LayerBuilder::trainingBatchNorm(const std::string &name, Value x,
                                      Value gamma, Value beta,
                                      Value runningMean, Value runningVariance,
                                      double eps) {
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
                             gamma, beta, llvm::APFloat(eps),
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

Value LayerBuilder::flatten(Value x) {
  ArrayRef<int64_t> in = shapeOf(x);
  int64_t features = 1;
  for (int64_t extent : in.drop_front())
    features *= extent;
  return ReshapeOp::create(opBuilder, at("flatten"), floats({in[0], features}),
                           x);
}

Value LayerBuilder::rowsLinear(const Twine &name, Value x,
                               const LinearLayer &layer, ExportAttr exported) {
  std::string text = name.str();
  ArrayRef<int64_t> in = shapeOf(x);
  if (mode.training && layer.dropout > 0)
    x = DropoutOp::create(opBuilder, at("dropout"), x.getType(), x, mode.step,
                          /*row_offset=*/Value(), llvm::APFloat(layer.dropout),
                          mode.seed, /*layer=*/0);
  Value weight =
      variable(text + ".weight", {layer.features, in[1]},
               layer.init ? layer.init : linearInit(context(), in[1]),
               Role::Parameter, exported);
  Value bias = layer.bias ? variable(text + ".bias", {layer.features},
                                     linearInit(context(), in[1]))
                          : Value();
  Value product = LinearOp::create(opBuilder, at(text),
                                   floats({in[0], layer.features}), x, weight);
  if (!bias)
    return product;
  return AddBiasOp::create(opBuilder, at(text), product.getType(), product,
                           bias);
}

Value LayerBuilder::linear(const Twine &name, Value x,
                           const LinearLayer &layer) {
  return rowsLinear(name, x, layer, /*exported=*/{});
}

Value LayerBuilder::flattenedLinear(const Twine &name, Value x,
                                    const LinearLayer &layer) {
  ArrayRef<int64_t> in = shapeOf(x);
  return rowsLinear(
      name, flatten(x), layer,
      flattenedExport(context(), layer.features, in[1], in[2], in[3]));
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

Value LayerBuilder::tokens(Value x) {
  ArrayRef<int64_t> in = shapeOf(x);
  return ReshapeOp::create(opBuilder, at("tokens"),
                           floats({in[0], in[1] * in[2], 1, in[3]}), x);
}

Value LayerBuilder::positionBias(const Twine &name, Value x) {
  std::string text = name.str();
  ArrayRef<int64_t> in = shapeOf(x);
  Value rows = flatten(x);
  int64_t elements = shapeOf(rows)[1];
  Value bias =
      variable(text, {elements}, transformerInit(context()), Role::Parameter,
               vectorExport(context(), elements, {1, in[1], in[3]}));
  Value sum =
      AddBiasOp::create(opBuilder, at(text), rows.getType(), rows, bias);
  return ReshapeOp::create(opBuilder, at("tokens"), x.getType(), sum);
}

Value LayerBuilder::tokenLinear(const Twine &name, Value x, int64_t features,
                                bool bias) {
  std::string text = name.str();
  ArrayRef<int64_t> in = shapeOf(x);
  Value filter = variable(text + ".weight", {features, 1, 1, in[3]},
                          transformerInit(context()), Role::Parameter,
                          tokenLinearExport(context(), features, in[3]));
  Value product =
      Conv2dOp::create(opBuilder, at(text), floats({in[0], in[1], 1, features}),
                       x, filter, /*stride=*/1, /*padding=*/0);
  return bias ? addBias(text, product, constantInit(context(), 0)) : product;
}

Value LayerBuilder::layerNorm(const Twine &name, Value x) {
  std::string text = name.str();
  ArrayRef<int64_t> in = shapeOf(x);
  Value gamma =
      variable(text + ".weight", {in.back()}, constantInit(context(), 1));
  Value beta =
      variable(text + ".bias", {in.back()}, constantInit(context(), 0));
  Type perToken = floats(in.drop_back());
  auto stats = LayerStatsOp::create(opBuilder, at(text), perToken, perToken, x);
  return LayerNormOp::create(opBuilder, at(text), x.getType(), x,
                             stats.getMean(), stats.getVariance(), gamma, beta,
                             llvm::APFloat(layerNormEps));
}

Value LayerBuilder::relu6(const Twine &name, Value x) {
  return Relu6Op::create(opBuilder, at(name), x.getType(), x);
}

Value LayerBuilder::attention(const Twine &name, Value qkv, int64_t heads) {
  Location loc = at(name);
  ArrayRef<int64_t> in = shapeOf(qkv);
  int64_t images = in[0], count = in[1], channels = in[3] / 3;
  Type part = floats({images * heads, count, channels / heads});
  Type scores = floats({images * heads, count, count});
  auto split = SplitHeadsOp::create(opBuilder, loc, TypeRange{part, part, part},
                                    qkv, heads);
  ValueRange parts = split.getParts();
  Value products =
      MatmulOp::create(opBuilder, loc, scores, parts[0], parts[1],
                       /*transposeLhs=*/false, /*transposeRhs=*/true);
  double scale = 1 / std::sqrt(double(channels / heads));
  Value shares =
      SoftmaxOp::create(opBuilder, loc, scores, products, llvm::APFloat(scale));
  Value seen = MatmulOp::create(opBuilder, loc, part, shares, parts[2]);
  return MergeHeadsOp::create(
      opBuilder, loc, floats({images, count, 1, channels}), seen, heads);
}

Value LayerBuilder::dropPath(const Twine &name, Value x, double rate,
                             int64_t layer) {
  if (!mode.training || rate == 0)
    return x;
  return DropPathOp::create(opBuilder, at(name), x, mode.step,
                            /*row_offset=*/Value(), llvm::APFloat(rate),
                            mode.seed, layer);
}

LayerBuilder::TokenSample LayerBuilder::sampleTokens(const Twine &name, Value x,
                                                     int64_t count) {
  ArrayRef<int64_t> in = shapeOf(x);
  bool leavesOut = count < in[1];
  if (!mode.training || !leavesOut)
    return {{}, {}, leavesOut};
  auto integers = [&](int64_t columns) {
    return RankedTensorType::get({in[0], columns}, opBuilder.getI64Type());
  };
  auto sample = SampleTokensOp::create(
      opBuilder, at(name), integers(count), integers(in[1]), integers(in[1]),
      mode.step, /*row_offset=*/Value(), mode.seed);
  return {sample.getKept(), sample.getSlots(), leavesOut};
}

Value LayerBuilder::keepTokens(const Twine &name, Value x,
                               const TokenSample &sample) {
  if (!sample.kept)
    return x;
  ArrayRef<int64_t> in = shapeOf(x);
  return GatherTokensOp::create(
      opBuilder, at(name), floats({in[0], shapeOf(sample.kept)[1], 1, in[3]}),
      x, sample.kept, sample.slots);
}

Value LayerBuilder::restoreTokens(const Twine &name, Value x,
                                  const TokenSample &sample) {
  std::string text = name.str();
  ArrayRef<int64_t> in = shapeOf(x);
  Value mask = variable(text, {in[3]}, transformerInit(context()),
                        sample.leavesOut ? Role::Parameter : Role::Buffer,
                        vectorExport(context(), in[3], {1, 1, in[3]}));
  if (!sample.kept) {
    if (mode.training)
      AssignOp::create(opBuilder, at(text), text, mask);
    return x;
  }
  return RestoreTokensOp::create(
      opBuilder, at(text), floats({in[0], shapeOf(sample.slots)[1], 1, in[3]}),
      x, sample.kept, sample.slots, mask);
}
