//===- MemoryAdvice.h - What would make a plan fit --------------*- C++ -*-===//
#ifndef TOOLS_PFCC_MEMORYADVICE_H
#define TOOLS_PFCC_MEMORYADVICE_H

#include "PlanSizes.h"

#include <string>
#include <vector>

namespace pfc {

/// A change of a spec with which its plan fits.
struct MemoryAdvice {
  std::string change; ///< "head.logits = "recompute""
  std::string cost;   ///< "+12 % of time an image, 50 % of the batch"
  uint64_t bytes;     ///< that the plan takes then
};

/// Of all changes of one key with which the plan of `given` would fit into
/// `limit` bytes the three cheapest, in order: first those that train the same,
/// then those that round otherwise, those of batch or sample, and more
/// machines; among these by predicted time of an image, of which it takes
/// `imageSeconds` now. `ways` are the specs from which it may be compiled, the
/// fastest first and the smallest, of `bytes`, last.
std::vector<MemoryAdvice> adviseOnMemory(const LoadedSpec &given,
                                         llvm::ArrayRef<LoadedSpec> ways,
                                         uint64_t bytes, uint64_t limit,
                                         double imageSeconds, PlanSizes &sizes,
                                         mlir::MLIRContext &context);

} // namespace pfc

#endif // TOOLS_PFCC_MEMORYADVICE_H
