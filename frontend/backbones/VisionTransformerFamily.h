//===- VisionTransformerFamily.h - The ViTs as data -------------*- C++ -*-===//
//
// One row per network: what the names vit_t … vit_h mean.
//
// A vision transformer (Dosovitskiy et al., ICLR'21) cuts an image into patches
// of 9×9 pixels, each a token of `width` channels, and passes these through
// `depth` blocks of attention and perceptron. In the field's, all tokens
// together, and no class token, make the embedding. In training some tokens are
// left out, and of each image some blocks (stochastic depth).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_BACKBONES_VISIONTRANSFORMERFAMILY_H
#define PFC_FRONTEND_BACKBONES_VISIONTRANSFORMERFAMILY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace pfc {

/// One member of the family.
struct VisionTransformerShape {
  llvm::StringRef name;
  int64_t width;    ///< channels of a token
  int64_t depth;    ///< blocks
  double dropPath;  ///< model.drop_path, where the spec has none
  double maskRatio; ///< model.mask_ratio, likewise
};

/// All members, smallest first.
llvm::ArrayRef<VisionTransformerShape> visionTransformerFamily();

/// Null where `name` is none of them.
const VisionTransformerShape *findVisionTransformer(llvm::StringRef name);

} // namespace pfc

#endif // PFC_FRONTEND_BACKBONES_VISIONTRANSFORMERFAMILY_H
