//===- VisionTransformerFamily.cpp - The ViTs as data ---------------------===//
//
// Parameter counts at 112×112 RGB, 512-d, which test/unit/frontend checks:
//   vit_t 19,137,792    vit_s 76,023,296    vit_b 113,833,472
//   vit_l 255,684,352   vit_h 756,393,984
//
//===----------------------------------------------------------------------===//
#include "frontend/backbones/VisionTransformerFamily.h"
#include "llvm/ADT/STLExtras.h"

using namespace pfc;

llvm::ArrayRef<VisionTransformerShape> pfc::visionTransformerFamily() {
  static const VisionTransformerShape family[] = {
      {"vit_t", 256, 12, 0.1, 0.1},
      {"vit_s", 512, 12, 0.1, 0.1},
      {"vit_b", 512, 24, 0.1, 0.1},
      {"vit_l", 768, 24, 0.05, 0.05},
      {"vit_h", 1024, 48, 0.1, 0.0}};
  return family;
}

const VisionTransformerShape *pfc::findVisionTransformer(llvm::StringRef name) {
  const auto *shape = llvm::find_if(
      visionTransformerFamily(),
      [&](const VisionTransformerShape &each) { return each.name == name; });
  return shape == visionTransformerFamily().end() ? nullptr : shape;
}
