//===- MemoryLimit.h - A plan within cluster.memory_per_rank ----*- C++ -*-===//
#ifndef TOOLS_PFCC_MEMORYLIMIT_H
#define TOOLS_PFCC_MEMORYLIMIT_H

#include "PlanSizes.h"

#include <vector>

namespace pfc {

/// A variant of a plan, and the spec it is compiled from.
struct FittedVariant {
  PrecisionChoice choice;
  LoadedSpec loaded;
};

/// The variants of `loaded`'s plan, each within cluster.memory_per_rank, where
/// that is given: what the spec leaves to the compiler, whether logits and
/// which activations are recomputed, becomes the fastest that fits. If none
/// does for one of them, the error says by how much the smallest doesn't, and
/// what would help (MemoryAdvice.h).
mlir::FailureOr<std::vector<FittedVariant>>
fitMemory(const LoadedSpec &loaded, mlir::MLIRContext &context);

/// The spec from which all of `variants` are compiled: with what was decided,
/// if that is the same for all, else as it was given.
const TrainSpec &specOf(llvm::ArrayRef<FittedVariant> variants,
                        const LoadedSpec &given);

} // namespace pfc

#endif // TOOLS_PFCC_MEMORYLIMIT_H
