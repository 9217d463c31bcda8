//===- VisionTransformer.cpp - The ViTs as a graph ------------------------===//
//
//   patch_embed.proj   9×9/9 convolution: tokens [B,T,1,width]
//   pos_embed          a bias for each place and channel
//   blocks.0 …         x ─ layer norm ─ attention ─ proj ─ drop path ─ +  ─▶
//                      └───────────────── identity ──────────────────┘
//                      x ─ layer norm ─ fc1 ─ relu6 ─ fc2 ─ drop path ─ +  ─▶
//                      └───────────────── identity ─────────────────────┘
//   norm               layer norm
//   feature            linear of all tokens ─ batch norm ─ linear ─ batch norm
//
//   attention:  softmax(q·kᵀ/√d)·v for each of eight heads
//
// In training the blocks see some of the tokens; mask_token stands for the
// others behind `norm`. A linear layer of tokens is a 1×1 convolution. Layer
// names are those of the field's PyTorch state dict.
//
//===----------------------------------------------------------------------===//
#include "frontend/backbones/Backbones.h"
#include "frontend/graph/Initializers.h"
#include <algorithm>
#include <cmath>

using namespace pfc;
using llvm::Twine;
using mlir::Value;

static constexpr int64_t patchSize = 9;
static constexpr int64_t heads = 8;
static constexpr int64_t perceptronRatio = 4;
static constexpr double featureEps = 2e-5;

namespace {

class VisionTransformerBuilder {
public:
  VisionTransformerBuilder(LayerBuilder &layers,
                           const VisionTransformerShape &shape,
                           const ModelSpec &model)
      : layers(layers), shape(shape), model(model) {}

  Value build(Value x);

private:
  LayerBuilder &layers;
  const VisionTransformerShape &shape;
  const ModelSpec &model;

  Value embedPatches(Value x);
  Value attention(const std::string &name, Value x);
  Value perceptron(const std::string &name, Value x);
  /// x + drop path(branch)
  Value join(const std::string &name, Value x, Value branch, int64_t block,
             int64_t layer);
  Value blocks(Value x);
  Value feature(Value x);
};

} // namespace

Value VisionTransformerBuilder::embedPatches(Value x) {
  ConvolutionLayer patches{shape.width, patchSize, patchSize};
  patches.padded = false;
  patches.bias = true;
  patches.init =
      linearInit(layers.context(), shapeOf(x).back() * patchSize * patchSize);
  x = layers.convolution("patch_embed.proj", x, patches);
  return layers.positionBias("pos_embed", layers.tokens(x));
}

Value VisionTransformerBuilder::attention(const std::string &name, Value x) {
  x = layers.tokenLinear(name + ".qkv", x, 3 * shape.width, /*bias=*/false);
  x = layers.attention(name, x, heads);
  return layers.tokenLinear(name + ".proj", x, shape.width);
}

Value VisionTransformerBuilder::perceptron(const std::string &name, Value x) {
  x = layers.tokenLinear(name + ".fc1", x, perceptronRatio * shape.width);
  x = layers.relu6(name + ".act", x);
  return layers.tokenLinear(name + ".fc2", x, shape.width);
}

/// The rate grows from 0 in the first block to the whole in the last.
Value VisionTransformerBuilder::join(const std::string &name, Value x,
                                     Value branch, int64_t block,
                                     int64_t layer) {
  double rate = *model.dropPath * double(block) / double(shape.depth - 1);
  branch = layers.dropPath(name + ".drop_path", branch, rate, layer);
  return layers.add(name, x, branch);
}

Value VisionTransformerBuilder::blocks(Value x) {
  for (int64_t i = 0; i < shape.depth; ++i) {
    std::string name = ("blocks." + Twine(i)).str();
    Value branch =
        attention(name + ".attn", layers.layerNorm(name + ".norm1", x));
    x = join(name + ".attn", x, branch, i, 2 * i);
    branch = perceptron(name + ".mlp", layers.layerNorm(name + ".norm2", x));
    x = join(name + ".mlp", x, branch, i, 2 * i + 1);
  }
  return layers.layerNorm("norm", x);
}

Value VisionTransformerBuilder::feature(Value x) {
  LinearLayer linear{shape.width, /*dropout=*/0, /*bias=*/false};
  linear.init = transformerInit(layers.context());
  x = layers.linear("feature.0", layers.flatten(x), linear);
  x = layers.batchNorm("feature.1", x, /*learnGain=*/true, featureEps);
  linear.features = model.embeddingSize;
  linear.dropout = model.dropout;
  x = layers.linear("feature.2", x, linear);
  return layers.batchNorm("feature.3", x, /*learnGain=*/true, featureEps);
}

Value VisionTransformerBuilder::build(Value x) {
  x = embedPatches(x);
  int64_t count = shapeOf(x)[1];
  int64_t kept = int64_t(double(count) * (1 - *model.maskRatio));
  LayerBuilder::TokenSample sample =
      layers.sampleTokens("mask", x, std::max<int64_t>(kept, 1));
  x = layers.keepTokens("mask", x, sample);
  x = blocks(x);
  x = layers.restoreTokens("mask_token", x, sample);
  return feature(x);
}

Value pfc::buildVisionTransformer(LayerBuilder &layers,
                                  const VisionTransformerShape &shape,
                                  const ModelSpec &model, Value x) {
  return VisionTransformerBuilder(layers, shape, model).build(x);
}
