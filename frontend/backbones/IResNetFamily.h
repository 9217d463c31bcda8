//===- IResNetFamily.h - The iresnet members as data ------------*- C++ -*-===//
//
// One row per network: what the names r18 … r200 mean. Plain data, so that the
// spec can list the names and a reader can add a member without touching the
// graph builder.
//
// An iresnet is a stem (3×3 convolution, batch norm, PReLU), stages of IR
// blocks whose first block has stride 2, and a head (batch norm, dropout,
// linear, batch norm without gain). Source: the iresnet of ArcFace (Deng et
// al., CVPR 2019) as the field's PyTorch code trains it.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_BACKBONES_IRESNETFAMILY_H
#define PFC_FRONTEND_BACKBONES_IRESNETFAMILY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace pfc {

/// A run of IR blocks with one channel count; the first halves the image.
struct IResNetStage {
  int64_t channels;
  int64_t blocks;
};

/// One member of the family.
struct IResNetShape {
  llvm::StringRef name;
  int64_t stemChannels;
  int64_t stemStride; ///< 1 in the field's networks; 2 saves 4× the work
  llvm::ArrayRef<IResNetStage> stages;
};

/// All members, smallest first.
llvm::ArrayRef<IResNetShape> iresnetFamily();

} // namespace pfc

#endif // PFC_FRONTEND_BACKBONES_IRESNETFAMILY_H
