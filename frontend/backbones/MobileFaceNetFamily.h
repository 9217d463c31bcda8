//===- MobileFaceNetFamily.h - The MobileFaceNets as data -------*- C++ -*-===//
//
// One row per network: what the names mbf and mbf_large mean.
//
// A MobileFaceNet is a stride-2 stem and three stages of inverted bottlenecks
// (1×1, depthwise 3×3, 1×1 without activation), each behind one of stride 2,
// and a head whose last convolution sees the whole map with one filter a
// channel. Source: MobileFaceNets (Chen et al., CCBR 2018), in the widths that
// the field's PyTorch code trains.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_BACKBONES_MOBILEFACENETFAMILY_H
#define PFC_FRONTEND_BACKBONES_MOBILEFACENETFAMILY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace pfc {

/// One member of the family.
struct MobileFaceNetShape {
  llvm::StringRef name;
  int64_t stemChannels; ///< of the first half, at 1/2 and 1/4 of the size
  int64_t bodyChannels; ///< of the second, at 1/8 and 1/16
  int64_t stemBlocks;   ///< bottlenecks behind the stem; 0: one convolution
  int64_t stages[3];    ///< bottlenecks that keep the size
};

/// All members, smallest first.
llvm::ArrayRef<MobileFaceNetShape> mobileFaceNetFamily();

} // namespace pfc

#endif // PFC_FRONTEND_BACKBONES_MOBILEFACENETFAMILY_H
