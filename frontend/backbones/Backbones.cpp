//===- Backbones.cpp - Networks by name -----------------------------------===//
#include "frontend/backbones/Backbones.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace pfc;

mlir::Value pfc::buildBackbone(LayerBuilder &layers, const ModelSpec &model,
                               mlir::Value x) {
  auto isNamed = [&](const auto &shape) {
    return shape.name == model.backbone;
  };
  if (const auto *shape = llvm::find_if(iresnetFamily(), isNamed);
      shape != iresnetFamily().end())
    return buildIResNet(layers, *shape, model, x);
  if (const auto *shape = llvm::find_if(mobileFaceNetFamily(), isNamed);
      shape != mobileFaceNetFamily().end())
    return buildMobileFaceNet(layers, *shape, model, x);
  if (const VisionTransformerShape *shape =
          findVisionTransformer(model.backbone))
    return buildVisionTransformer(layers, *shape, model, x);
  llvm::reportFatalInternalError("the spec parser let an unknown backbone by");
}
