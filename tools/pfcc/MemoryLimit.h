//===- MemoryLimit.h - A plan within cluster.memory_per_rank ----*- C++ -*-===//
#ifndef TOOLS_PFCC_MEMORYLIMIT_H
#define TOOLS_PFCC_MEMORYLIMIT_H

#include "frontend/spec/SpecParser.h"
#include "mlir/IR/MLIRContext.h"

namespace pfc {

/// Bytes of the arena of the plan of `spec` on a rank, of its largest variant.
/// Compiles it as far as that takes.
mlir::FailureOr<uint64_t> arenaBytes(const LoadedSpec &loaded,
                                     mlir::MLIRContext &context);

/// Makes the plan of `loaded` fit into cluster.memory_per_rank, where that is
/// given: logits that are kept or not as the compiler likes are recomputed if
/// they have to be. If even so it does not fit, the error says by how much, and
/// which changes of one key each would help: three at most, in the order of
/// what they cost (rounding, time, batch, sample, machines).
mlir::LogicalResult fitMemory(LoadedSpec &loaded, mlir::MLIRContext &context);

} // namespace pfc

#endif // TOOLS_PFCC_MEMORYLIMIT_H
