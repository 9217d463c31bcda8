//===- MemoryLimit.h - A plan within cluster.memory_per_rank ----*- C++ -*-===//
#ifndef TOOLS_PFCC_MEMORYLIMIT_H
#define TOOLS_PFCC_MEMORYLIMIT_H

#include "SpecMapping.h"

#include "frontend/spec/SpecParser.h"
#include "mlir/IR/MLIRContext.h"

#include <vector>

namespace pfc {

/// What a plan takes on a rank.
struct PlanSize {
  uint64_t bytes = 0;     ///< of the arena that are not the host's
  uint64_t hostBytes = 0; ///< and those that are
  double seconds = 0;     ///< of a step, to compare plans by
};

/// Compiles one variant of `loaded` as far as its size takes.
mlir::FailureOr<PlanSize> planSize(const LoadedSpec &loaded,
                                   const PrecisionChoice &choice,
                                   mlir::MLIRContext &context);

/// A variant of a plan, and the spec it is compiled from.
struct FittedVariant {
  PrecisionChoice choice;
  LoadedSpec loaded;
};

/// The variants of `loaded`'s plan, each within cluster.memory_per_rank, where
/// that is given: what the spec leaves to the compiler, whether logits and
/// which activations are recomputed, becomes the fastest that fits. If none
/// does for one of them, the error says by how much the smallest doesn't, and
/// of all changes of one key with which it would fit the three cheapest: first
/// those that train the same, then those that round otherwise, those of batch
/// or sample, and more machines; among these by predicted time of an image.
mlir::FailureOr<std::vector<FittedVariant>>
fitMemory(const LoadedSpec &loaded, mlir::MLIRContext &context);

/// The spec from which all of `variants` are compiled: with what was decided,
/// if that is the same for all, else as it was given.
const TrainSpec &specOf(llvm::ArrayRef<FittedVariant> variants,
                        const LoadedSpec &given);

} // namespace pfc

#endif // TOOLS_PFCC_MEMORYLIMIT_H
