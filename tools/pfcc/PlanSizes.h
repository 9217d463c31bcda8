//===- PlanSizes.h - What plans take, before they are made ------*- C++ -*-===//
#ifndef TOOLS_PFCC_PLANSIZES_H
#define TOOLS_PFCC_PLANSIZES_H

#include "SpecMapping.h"

#include "frontend/spec/SpecParser.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringMap.h"

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

/// What specs take. Each variant is compiled once, and only if it is needed.
class PlanSizes {
public:
  explicit PlanSizes(mlir::MLIRContext &context) : context(context) {}

  mlir::FailureOr<PlanSize> ofVariant(const LoadedSpec &loaded,
                                      const PrecisionChoice &choice);
  /// Bytes are those of the largest variant, or of one that takes more than
  /// `enough`.
  mlir::FailureOr<PlanSize> of(const LoadedSpec &loaded, uint64_t enough);

private:
  mlir::MLIRContext &context;
  llvm::StringMap<PlanSize> known;
};

} // namespace pfc

#endif // TOOLS_PFCC_PLANSIZES_H
