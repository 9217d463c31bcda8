//===- Sweep.h - Passes over activations ------------------------*- C++ -*-===//
//
// A sweepable op reads activations [B,…,C] element by element; it writes
// activations of the same shape, or sums of them, and its other operands are
// per channel. So what one op writes to an element the next may have without
// memory in between: pfc-fuse-pointwise makes a pfc.sweep of both.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_IR_SWEEP_H
#define DIALECTS_PFC_IR_SWEEP_H

#include "mlir/IR/OpDefinition.h"

namespace pfc {

template <typename Op>
class Sweepable : public mlir::OpTrait::TraitBase<Op, Sweepable> {};

/// The shape of the activations that a sweepable op or a sweep passes over.
/// Empty for other ops, and for tensors without dimensions between the batch
/// and the channels: these have as many elements as statistics.
llvm::ArrayRef<int64_t> sweptShape(mlir::Operation *op);

/// Whether `value` has an element for each of `op`'s activations.
bool isActivation(mlir::Value value, mlir::Operation *op);

/// The activations that `op` reads (each once) and writes.
int64_t countPasses(mlir::Operation *op);

} // namespace pfc

#endif // DIALECTS_PFC_IR_SWEEP_H
