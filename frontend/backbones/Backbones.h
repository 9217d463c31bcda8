//===- Backbones.h - Networks by name ---------------------------*- C++ -*-===//
//
// One file a family. A family maps images to embeddings through a
// LayerBuilder, so it says nothing about training or ranks.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_BACKBONES_BACKBONES_H
#define PFC_FRONTEND_BACKBONES_BACKBONES_H

#include "frontend/backbones/IResNetFamily.h"
#include "frontend/backbones/MobileFaceNetFamily.h"
#include "frontend/backbones/VisionTransformerFamily.h"
#include "frontend/graph/LayerBuilder.h"
#include "frontend/spec/TrainSpec.h"

namespace pfc {

/// x [B,H,W,C] in [−1, 1] -> embeddings [B, embeddingSize], not normalised.
mlir::Value buildIResNet(LayerBuilder &layers, const IResNetShape &shape,
                         const ModelSpec &model, mlir::Value x);
mlir::Value buildMobileFaceNet(LayerBuilder &layers,
                               const MobileFaceNetShape &shape,
                               const ModelSpec &model, mlir::Value x);
mlir::Value buildVisionTransformer(LayerBuilder &layers,
                                   const VisionTransformerShape &shape,
                                   const ModelSpec &model, mlir::Value x);

/// The network that `model` names.
mlir::Value buildBackbone(LayerBuilder &layers, const ModelSpec &model,
                          mlir::Value x);

} // namespace pfc

#endif // PFC_FRONTEND_BACKBONES_BACKBONES_H
