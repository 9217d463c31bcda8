//===- MobileFaceNet.cpp - The MobileFaceNets as a graph ------------------===//
//
//   layers.0       3×3/2 block
//   layers.1       3×3 block of 64 groups, or bottlenecks
//   layers.2 … 7   bottleneck/2, bottlenecks, three times
//   conv_sep       1×1 block to 512 channels
//   features       depthwise convolution of the whole map ─ batch norm ─
//                  linear ─ batch norm
//
//   block:       convolution ─ batch norm ─ prelu
//   bottleneck:  x ─ 1×1 block ─ depthwise 3×3/s block ─ 1×1 ─ batch norm ─ +
//   ─▶
//                └─────────────── identity, where the size stays ───────────┘
//
// A bottleneck's inner width is the field's, whatever the channels outside.
// Layer names are those of the field's PyTorch state dict.
//
//===----------------------------------------------------------------------===//
#include "frontend/backbones/Backbones.h"
#include "frontend/graph/Initializers.h"

using namespace pfc;
using llvm::Twine;
using mlir::Value;

static constexpr int64_t stemGroups = 64;
static constexpr int64_t stageWidths[] = {128, 256, 256};
static constexpr int64_t strideWidths[] = {128, 256, 512};
static constexpr int64_t lastChannels = 512;

namespace {

class MobileFaceNetBuilder {
public:
  explicit MobileFaceNetBuilder(LayerBuilder &layers) : layers(layers) {}

  Value build(const MobileFaceNetShape &shape, const ModelSpec &model, Value x);

private:
  LayerBuilder &layers;

  Value block(const std::string &name, Value x, ConvolutionLayer layer);
  /// A block without activation.
  Value linearBlock(const std::string &name, Value x, ConvolutionLayer layer);
  Value bottleneck(const std::string &name, Value x, int64_t channels,
                   int64_t width, int64_t stride);
  Value bottlenecks(const std::string &name, Value x, int64_t count,
                    int64_t width);
  Value head(Value x, const ModelSpec &model);
};

} // namespace

Value MobileFaceNetBuilder::linearBlock(const std::string &name, Value x,
                                        ConvolutionLayer layer) {
  layer.init = kaimingInit(layers.context(),
                           layer.channels * layer.kernel * layer.kernel);
  x = layers.convolution(name + ".layers.0", x, layer);
  return layers.batchNorm(name + ".layers.1", x);
}

Value MobileFaceNetBuilder::block(const std::string &name, Value x,
                                  ConvolutionLayer layer) {
  x = linearBlock(name, x, layer);
  return layers.prelu(name + ".layers.2", x);
}

Value MobileFaceNetBuilder::bottleneck(const std::string &name, Value x,
                                       int64_t channels, int64_t width,
                                       int64_t stride) {
  x = block(name + ".layers.0", x, {width});
  x = block(name + ".layers.1", x, {width, 3, stride, /*groups=*/width});
  return linearBlock(name + ".layers.2", x, {channels});
}

Value MobileFaceNetBuilder::bottlenecks(const std::string &name, Value x,
                                        int64_t count, int64_t width) {
  int64_t channels = shapeOf(x).back();
  for (int64_t i = 0; i < count; ++i) {
    std::string inner = (name + ".layers." + Twine(i)).str();
    x = layers.add(inner, bottleneck(inner, x, channels, width, 1), x);
  }
  return x;
}

Value MobileFaceNetBuilder::head(Value x, const ModelSpec &model) {
  x = block("conv_sep", x, {lastChannels});
  x = linearBlock("features.layers.0", x,
                  {lastChannels, /*kernel=*/shapeOf(x)[1], /*stride=*/1,
                   /*groups=*/lastChannels, /*padded=*/false});
  LinearLayer linear{model.embeddingSize, model.dropout, /*bias=*/false};
  linear.init = kaimingInit(layers.context(), model.embeddingSize);
  x = layers.flattenedLinear("features.layers.2", x, linear);
  return layers.batchNorm("features.layers.3", x);
}

Value MobileFaceNetBuilder::build(const MobileFaceNetShape &shape,
                                  const ModelSpec &model, Value x) {
  int64_t channels = shape.stemChannels;
  x = block("layers.0", x, {channels, 3, 2});
  x = shape.stemBlocks == 0
          ? block("layers.1", x, {channels, 3, 1, stemGroups})
          : bottlenecks("layers.1", x, shape.stemBlocks, stageWidths[0]);
  for (int stage = 0; stage < 3; ++stage) {
    std::string first = ("layers." + Twine(2 + 2 * stage)).str();
    std::string others = ("layers." + Twine(3 + 2 * stage)).str();
    channels = stage == 0 ? shape.stemChannels : shape.bodyChannels;
    x = bottleneck(first, x, channels, strideWidths[stage], 2);
    x = bottlenecks(others, x, shape.stages[stage], stageWidths[stage]);
  }
  return head(x, model);
}

Value pfc::buildMobileFaceNet(LayerBuilder &layers,
                              const MobileFaceNetShape &shape,
                              const ModelSpec &model, Value x) {
  return MobileFaceNetBuilder(layers).build(shape, model, x);
}
