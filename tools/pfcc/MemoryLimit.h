//===- MemoryLimit.h - A plan within cluster.memory_per_rank ----*- C++ -*-===//
#ifndef TOOLS_PFCC_MEMORYLIMIT_H
#define TOOLS_PFCC_MEMORYLIMIT_H

#include "frontend/spec/SpecParser.h"
#include "mlir/IR/MLIRContext.h"

namespace pfc {

/// What a plan takes on a rank.
struct PlanSize {
  uint64_t bytes = 0; ///< of the arena, of the largest variant
  double seconds = 0; ///< of a step's instructions, to compare plans by
};

/// Compiles `loaded` as far as its size takes.
mlir::FailureOr<PlanSize> planSize(const LoadedSpec &loaded,
                                   mlir::MLIRContext &context);

/// Makes the plan of `loaded` fit into cluster.memory_per_rank, where that is
/// given: what the spec leaves to the compiler, whether logits and which
/// activations are recomputed, becomes the fastest that fits. If none does, the
/// error says by how much the smallest doesn't, and which changes of one key
/// each would help: three at most, in the order of what they cost (rounding,
/// time, batch, sample, machines).
mlir::LogicalResult fitMemory(LoadedSpec &loaded, mlir::MLIRContext &context);

} // namespace pfc

#endif // TOOLS_PFCC_MEMORYLIMIT_H
