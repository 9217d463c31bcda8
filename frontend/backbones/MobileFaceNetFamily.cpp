//===- MobileFaceNetFamily.cpp - The MobileFaceNets as data ---------------===//
//
// Parameter counts at 112×112 RGB, 512-d, which test/unit/frontend checks:
//   mbf 2,059,520   mbf_large 6,314,880
//
//===----------------------------------------------------------------------===//
#include "frontend/backbones/MobileFaceNetFamily.h"

using namespace pfc;

llvm::ArrayRef<MobileFaceNetShape> pfc::mobileFaceNetFamily() {
  static const MobileFaceNetShape family[] = {
      {"mbf", 128, 256, 0, {4, 6, 2}}, {"mbf_large", 256, 512, 2, {8, 12, 4}}};
  return family;
}
