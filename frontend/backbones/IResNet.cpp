//===- IResNet.cpp - The iresnet family as a graph ------------------------===//
//
//   stem    conv1 3×3 ─ bn1 ─ prelu
//   stages  layer{1…}.{0…}: IR blocks, stride 2 in the first of a stage
//   head    bn2 ─ flatten ─ dropout ─ fc ─ features (batch norm, gain 1)
//
//   IR block:  x ─ bn1 ─ conv1 3×3 ─ bn2 ─ prelu ─ conv2 3×3/s ─ bn3 ─ + ─▶
//              └─── downsample: 1×1/s ─ batch norm, or identity ───────┘
//
// The shortcut takes x itself, not bn1(x), and nothing follows the sum. The
// stride sits on the second convolution. Layer names are those of the field's
// PyTorch state dict.
//
//===----------------------------------------------------------------------===//
#include "frontend/backbones/Backbones.h"

using namespace pfc;
using llvm::Twine;
using mlir::Value;

static Value buildBlock(LayerBuilder &layers, const std::string &name, Value x,
                        int64_t channels, int64_t stride) {
  Value y = layers.batchNorm(name + ".bn1", x);
  y = layers.convolution(name + ".conv1", y, {channels, 3});
  y = layers.batchNorm(name + ".bn2", y);
  y = layers.prelu(name + ".prelu", y);
  y = layers.convolution(name + ".conv2", y, {channels, 3, stride});
  y = layers.batchNorm(name + ".bn3", y);
  Value shortcut = x;
  if (stride != 1) {
    shortcut =
        layers.convolution(name + ".downsample.0", x, {channels, 1, stride});
    shortcut = layers.batchNorm(name + ".downsample.1", shortcut);
  }
  return layers.add(name, y, shortcut);
}

Value pfc::buildIResNet(LayerBuilder &layers, const IResNetShape &shape,
                        const ModelSpec &model, Value x) {
  x = layers.convolution("conv1", x, {shape.stemChannels, 3, shape.stemStride});
  x = layers.batchNorm("bn1", x);
  x = layers.prelu("prelu", x);
  for (size_t stage = 0; stage < shape.stages.size(); ++stage)
    for (int64_t block = 0; block < shape.stages[stage].blocks; ++block)
      x = buildBlock(layers,
                     ("layer" + Twine(stage + 1) + "." + Twine(block)).str(), x,
                     shape.stages[stage].channels, block == 0 ? 2 : 1);
  x = layers.batchNorm("bn2", x);
  x = layers.flattenedLinear("fc", x, {model.embeddingSize, model.dropout});
  return layers.batchNorm("features", x, /*learnGain=*/false);
}
