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

/// The three cheapest changes of the spec `given` with which its plan would fit
/// into `limit` bytes, in order: first those that train the same, then those
/// that round otherwise, those of batch or sample, and more machines; among
/// these by predicted time of an image, of which it takes `imageSeconds` now.
/// They change one key each; where fewer than three of those help, two, and
/// where none of these does, as few as it takes. None at all: nothing helps.
/// `ways` are the specs from which the plan may be compiled, the fastest first,
/// the smallest last.
std::vector<MemoryAdvice> adviseOnMemory(const LoadedSpec &given,
                                         llvm::ArrayRef<LoadedSpec> ways,
                                         uint64_t limit, double imageSeconds,
                                         PlanSizes &sizes,
                                         mlir::MLIRContext &context);

} // namespace pfc

#endif // TOOLS_PFCC_MEMORYADVICE_H
